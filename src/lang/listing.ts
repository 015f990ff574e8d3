/**
 * `iptables -L` and `-S`: the tables for people, byte for byte.
 *
 * Source: `print_firewall()`, iptables/iptables.c; `print_header()`, `print_rule_details()`, `print_ifaces()`,
 * `print_ipv4_addresses()`, iptables/xshared.c; `xtables_print_num()`, libxtables/xtables.c, 1.8.9.
 */
import { lengthOfMask, type Prefix, printAddress } from '../net/address.ts'
import { addressName, protocolName } from './names.ts'
import { type PrintContext, printRuleBody, sortedChains } from './print.ts'
import type { Chain, Counters, Negatable, Rule, Table, TargetUse } from './rule.ts'
import type { ListForm } from './syntax.ts'

/** What the letters behind `-L` ask for. */
export interface ListingFlags {
  /** `-n` */
  readonly numeric: boolean
  /** `-x`: no K, M and G in counters. */
  readonly exact: boolean
  /** `--line-numbers` */
  readonly lineNumbers: boolean
  /** `-v` */
  readonly verbose: boolean
}

export interface ListingContext extends PrintContext {
  /** Live counters of rules and base chains; default is what the ruleset holds. */
  counters?(item: Rule | Chain): Counters
}

/** `-L [CHAIN [NUMBER]]` of chains that exist. A number beyond the end gives the empty text. */
export function listTable(
  table: Table,
  chainName: string | null,
  number: number | null,
  flags: ListingFlags,
  context: ListingContext,
): string {
  if (chainName !== null && number !== null) {
    const rule = table.chains.get(chainName)?.rules[number - 1]
    return rule === undefined ? '' : listRule(rule, number, flags, context)
  }
  const references = referencesOf(table)
  return sortedChains(table)
    .filter(({ name }) => chainName === null || name === chainName)
    .map((chain) => {
      const rules = chain.rules.map((rule, at) => listRule(rule, at + 1, flags, context))
      return header(chain, references.get(chain.name) ?? 0, flags, context) + rules.join('')
    })
    .join('\n')
}

/** `-S [CHAIN [NUMBER]]`; with `-v` counters stand in front of the target. */
export function listRules(
  table: Table,
  chainName: string | null,
  number: number | null,
  verbose: boolean,
  context: ListingContext,
): string {
  const { counters = (item: Rule | Chain) => item.counters } = context
  const counted = (item: Rule | Chain): string => {
    const { packets, bytes } = counters(item)
    return verbose ? ` -c ${packets} ${bytes}` : ''
  }
  const chains = sortedChains(table).filter(({ name }) => chainName === null || name === chainName)
  const heads = chains.map((chain) =>
    chain.policy === null ? `-N ${chain.name}\n` : `-P ${chain.name} ${chain.policy}${counted(chain)}\n`,
  )
  const rules = chains.flatMap(({ name, rules }) =>
    rules
      .filter((_, at) => number === null || at + 1 === number)
      .map((rule) => `-A ${name}${printRuleBody(rule, context, counted(rule))}\n`),
  )
  return `${number === null ? heads.join('') : ''}${rules.join('')}`
}

/** Jumps and gotos to each chain. */
function referencesOf(table: Table): Map<string, number> {
  const references = new Map<string, number>()
  for (const { rules } of table.chains.values()) {
    for (const { target } of rules) {
      if (target.kind === 'chain') references.set(target.chain, (references.get(target.chain) ?? 0) + 1)
    }
  }
  return references
}

function header(chain: Chain, references: number, flags: ListingFlags, context: ListingContext): string {
  const { exact, lineNumbers, verbose } = flags
  const { counters = (item: Rule | Chain) => item.counters } = context
  const counted = (): string => {
    const { packets, bytes } = counters(chain)
    return ` ${countText(packets, exact, 0)}packets, ${countText(bytes, exact, 0)}bytes`
  }
  const about =
    chain.policy === null ? `${references} references` : `policy ${chain.policy}${verbose ? counted() : ''}`
  const columns = [
    lineNumbers ? 'num  ' : '',
    verbose ? (exact ? '    pkts      bytes ' : ' pkts bytes ') : '',
    'target     prot opt',
    verbose ? ' in     out    ' : '',
    ' source               destination         ',
  ]
  return `Chain ${chain.name} (${about})\n${columns.join('')}\n`
}

function listRule(rule: Rule, number: number, flags: ListingFlags, context: ListingContext): string {
  const { lineNumbers, verbose } = flags
  const { counters = (item: Rule | Chain) => item.counters } = context
  const { packets, bytes } = counters(rule)
  return [
    lineNumbers ? `${String(number).padEnd(4)} ` : '',
    verbose ? countText(packets, flags.exact, flags.exact ? 8 : 5) : '',
    verbose ? countText(bytes, flags.exact, flags.exact ? 8 : 5) : '',
    `${targetName(rule.target, context).padEnd(9)} `,
    `${protocolText(rule, flags.numeric, 4)} `,
    `${fragmentText(rule, context)} `,
    verbose ? ` ${interfaceText(rule.inInterface, flags).padEnd(6)} ` : '',
    verbose ? `${interfaceText(rule.outInterface, flags).padEnd(6)} ` : '',
    addressText(rule.source, 19, flags.numeric, context),
    ' ',
    addressText(rule.destination, 19, flags.numeric, context),
    ' ',
    rule.target.kind === 'chain' && rule.target.goto ? '[goto] ' : '',
    extensionTexts(rule, flags.numeric, context),
    '\n',
  ].join('')
}

/**
 * One line about a rule that `-v` adds, inserts, deletes or checks: numbers for addresses and ports, names for
 * protocols, no padding.
 */
export function echoRule(rule: Rule, context: ListingContext): string {
  const flags = { numeric: true }
  const address = (given: Negatable<Prefix> | null) => addressText(given, 0, true, context)
  return [
    `${targetName(rule.target, context)} `,
    `${protocolText(rule, false, 0)} opt `,
    `${fragmentText(rule, context)} `,
    `in ${interfaceText(rule.inInterface, flags)} out ${interfaceText(rule.outInterface, flags)} `,
    `${address(rule.source)} `,
    `${rule.destination?.inverted ? '!' : ' '}-> ${address(rule.destination).slice(1)}`,
    '  ',
    rule.target.kind === 'chain' && rule.target.goto ? '[goto] ' : '',
    extensionTexts(rule, true, context),
    '\n',
  ].join('')
}

/** Over 99999 in thousands, and so on, rounded each time; 64-bit arithmetic with its overflow. */
export function countText(count: bigint, exact: boolean, width: number): string {
  const wide = (text: string): string => `${text.padStart(width)} `
  if (exact || count <= 99_999n) return wide(String(count))
  let value = count
  for (const unit of ['K', 'M', 'G', 'T']) {
    value = BigInt.asUintN(64, value + 500n) / 1000n
    if (value <= 9999n || unit === 'T') return wide(`${value}${unit}`)
  }
  throw new Error('unreachable')
}

function targetName(target: TargetUse, { syntax, family }: PrintContext): string {
  switch (target.kind) {
    case 'none':
      return ''
    case 'verdict':
      return target.verdict
    case 'chain':
      return target.chain
    case 'extension':
      return syntax.target(target.name, family)?.listName ?? target.name
    case 'unknown':
      return target.name
  }
}

/** The mark of negation, and the protocol, padded. */
function protocolText({ protocol }: Rule, numeric: boolean, width: number): string {
  const number = protocol?.value ?? 0
  const name = numeric ? String(number) : number === 0 ? 'all' : protocolName(number)
  return `${protocol?.inverted ? '!' : ' '}${name.padEnd(width)}`
}

const fragmentText = ({ fragment }: Rule, { family }: PrintContext): string =>
  family === 'ipv6' || fragment === null ? '--' : fragment.inverted ? '!f' : '-f'

function interfaceText(given: Negatable<string> | null, { numeric }: { readonly numeric: boolean }): string {
  const name = given === null || given.value === '+' ? (numeric ? '*' : 'any') : given.value
  return given?.inverted ? `!${name}` : name
}

/** The mark of negation, and the address, padded; the column's closing blank is the caller's. */
function addressText(
  given: Negatable<Prefix> | null,
  width: number,
  numeric: boolean,
  { family }: PrintContext,
): string {
  const text =
    given === null
      ? numeric
        ? family === 'ipv4'
          ? '0.0.0.0/0'
          : '::/0'
        : 'anywhere'
      : prefixText(given.value, numeric)
  return `${given?.inverted ? '!' : ' '}${text.padEnd(width)}`
}

/** Source: `xtables_ipmask_to_numeric()`, `xtables_ipaddr_to_anyname()`, libxtables/xtables.c. */
function prefixText({ address, mask }: Prefix, numeric: boolean): string {
  const length = lengthOfMask(mask)
  // ip6tables calls the address :: so whatever the mask.
  const isAnywhere = length === 0 || (address.family === 'ipv6' && address.words.every((word) => word === 0))
  if (isAnywhere && !numeric) return 'anywhere'
  const bits = 32 * address.words.length
  const shown = numeric ? printAddress(address) : addressName(address)
  if (length === bits) return shown
  return `${shown}/${length ?? printAddress(mask)}`
}

function extensionTexts(rule: Rule, numeric: boolean, { syntax, family }: PrintContext): string {
  const protocol = rule.protocol?.value ?? 0
  const form: ListForm = { family, numeric, protocol }
  const matches = rule.matches.map((use) =>
    use.kind === 'unknown' ? ` ${use.name}` : (syntax.match(use.name, family)?.list?.(use.data, form) ?? ''),
  )
  const { target } = rule
  const acts =
    target.kind === 'extension' ? (syntax.target(target.name, family)?.list?.(target.data, form) ?? '') : ''
  return matches.join('') + acts
}
