/**
 * Rules as iptables-save prints them, byte for byte.
 * Source: `print_rule4()` and kin, iptables/iptables.c and ip6tables.c; iptables/iptables-save.c, 1.8.9.
 */
import { lengthOfMask, type Prefix, printAddress } from '../net/address.ts'
import { protocolName } from './names.ts'
import { Ipv4Network } from './network.ts'
import type { Chain, Counters, Family, Negatable, Rule, Ruleset, Table, TargetUse } from './rule.ts'
import { noCounters, tableHooks } from './rule.ts'
import { isOfOneKind, sharedPart } from './survey.ts'
import type { Syntax } from './syntax.ts'
import { quoteText } from './words.ts'

export interface PrintContext {
  readonly family: Family
  readonly syntax: Syntax
}

/** `-A CHAIN ...` as iptables-save prints it, without counters. */
export function printRule(chain: string, rule: Rule, context: PrintContext): string {
  return `-A ${chain}${printRuleBody(rule, context)}`
}

/**
 * What stands behind the chain's name, with a blank in front of each part: ` -s 10.0.0.0/8 -j DROP`.
 * `beforeTarget` goes between the matches and `-j` (` -c 1 2` of `-v -S`).
 */
export function printRuleBody(rule: Rule, context: PrintContext, beforeTarget = ''): string {
  return `${printAddresses(rule)}${printBehindAddresses(rule, context, beforeTarget)}`
}

function printAddresses({ source, destination }: Rule): string {
  const pieces: string[] = []
  addCondition(pieces, ' -s ', source)
  addCondition(pieces, ' -d ', destination)
  return pieces.join('')
}

/** Adds the text of `-s` or `-d` in pieces that many rules share, so that long rulesets print without making new ones. */
function addCondition(pieces: string[], option: string, condition: Rule['source']): void {
  if (condition === null) return
  if (condition.inverted) pieces.push(' !')
  if (condition instanceof Ipv4Network) {
    const { word, length } = condition
    pieces.push(option, dotted[word >>> 24]!, dotted[(word >>> 16) & 255]!, dotted[(word >>> 8) & 255]!)
    pieces.push(octets[word & 255]!, lengths[length]!)
  } else pieces.push(option, printRulePrefix(condition.value))
}

const octets = Array.from({ length: 256 }, (_, octet) => `${octet}`)
const dotted = octets.map((octet) => `${octet}.`)
const lengths = Array.from({ length: 33 }, (_, length) => `/${length}`)

function printBehindAddresses(rule: Rule, context: PrintContext, beforeTarget = ''): string {
  const { inInterface, outInterface, protocol, fragment, matches } = rule
  let text = printInterface('-i', inInterface) + printInterface('-o', outInterface)
  text += printNegatable('-p', protocol, protocolName)
  if (fragment !== null) text += fragment.inverted ? ' ! -f' : ' -f'
  for (let at = 0; at < matches.length; at++) text += printMatch(matches[at]!, context)
  return text + beforeTarget + printTarget(rule.target, context)
}

/** What was printed of rules; those that share their matches and target have the same text behind their addresses. */
class PrintedParts {
  readonly #context: PrintContext
  /** A rule by what it shares with others, and the text. */
  readonly #known = new Map<Rule['matches'] | TargetUse, Printed>()
  #last: Printed | null = null

  constructor(context: PrintContext) {
    this.#context = context
  }

  /** To the end of the line. */
  behindAddresses(rule: Rule): string {
    if (this.#last === null || !isOfOneKind(rule, this.#last.rule)) this.#last = this.#find(rule)
    return this.#last.text
  }

  #find(rule: Rule): Printed {
    const key = sharedPart(rule)
    const known = this.#known.get(key)
    if (known !== undefined && isOfOneKind(rule, known.rule)) return known
    const printed = { rule, text: `${printBehindAddresses(rule, this.#context)}\n` }
    this.#known.set(key, printed)
    return printed
  }
}

interface Printed {
  readonly rule: Rule
  readonly text: string
}

function printNegatable<T>(option: string, given: Negatable<T> | null, print: (value: T) => string): string {
  return given === null ? '' : `${given.inverted ? ' !' : ''} ${option} ${print(given.value)}`
}

/** `! -i +` holds for no packet, and yet iptables prints nothing for it. */
const printInterface = (option: string, given: Negatable<string> | null): string =>
  given?.value === '+' ? '' : printNegatable(option, given, (name) => name)

/** The mask is always printed: as a length, or as an address when it is not contiguous. */
function printRulePrefix({ address, mask }: Prefix): string {
  return `${printAddress(address)}/${lengthOfMask(mask) ?? printAddress(mask)}`
}

function printMatch(use: Rule['matches'][number], { syntax, family }: PrintContext): string {
  if (use.kind === 'unknown') return ` -m ${use.name}${printWords(use.words)}`
  const match = syntax.match(use.name, family)
  if (match === null) throw new Error(`the registry has no match ${use.name} for ${family}`)
  return ` -m ${match.name}${withBlank(match.print(use.data, family))}`
}

/** `-j TARGET OPTIONS` with a blank in front; nothing when the rule has no target. */
export function printTarget(target: TargetUse, { syntax, family }: PrintContext): string {
  switch (target.kind) {
    case 'none':
      return ''
    case 'verdict':
      return ` -j ${target.verdict}`
    case 'chain':
      return ` ${target.goto ? '-g' : '-j'} ${target.chain}`
    case 'unknown':
      return ` -j ${target.name}${printWords(target.words)}`
    case 'extension': {
      const extension = syntax.target(target.name, family)
      if (extension === null) throw new Error(`the registry has no target ${target.name} for ${family}`)
      return ` -j ${extension.name}${withBlank(extension.print(target.data, family))}`
    }
  }
}

const withBlank = (text: string): string => (text === '' ? '' : ` ${text}`)

const printWords = (words: readonly string[]): string =>
  words.map((word) => ` ${/^[^\s"\\']+$/.test(word) ? word : quoteText(word)}`).join('')

export interface SaveOptions {
  /** Print `[packets:bytes]` in front of each rule, as `iptables-save -c` does. Default false. */
  readonly withCounters?: boolean
  /** Live counters of rules and base chains; default is what the ruleset holds. */
  counters?(item: Rule | Chain): Counters
  /** Only this table. */
  readonly table?: Table['name']
}

/**
 * The whole ruleset as iptables-save prints it, without the dated comments. Tables come in the reverse order of
 * their first use, user chains sorted by their bytes.
 */
export const printRuleset = (ruleset: Ruleset, syntax: Syntax, options: SaveOptions = {}): string =>
  [...rulesetParts(ruleset, syntax, options)].join('')

/** The same in parts of some thousand lines at most, for texts that need not be in memory as a whole. */
export function* rulesetParts(ruleset: Ruleset, syntax: Syntax, options: SaveOptions = {}): Iterable<string> {
  const context = { family: ruleset.family, syntax }
  for (const table of [...ruleset.tables.values()].toReversed()) {
    if (options.table === undefined || options.table === table.name)
      yield* tableParts(table, context, options)
  }
}

/** Rules whose lines are put together at once, so that the pieces of few are in memory. */
const rulesAtOnce = 512

/** One table from `*NAME` to `COMMIT`. */
export const printTable = (table: Table, context: PrintContext, options: SaveOptions = {}): string =>
  [...tableParts(table, context, options)].join('')

/** The text of a table, part by part. */
function* tableParts(table: Table, context: PrintContext, options: SaveOptions): Iterable<string> {
  const { withCounters = false, counters = (item: Rule | Chain) => item.counters } = options
  const chains = sortedChains(table)
  yield `*${table.name}\n`
  for (const chain of chains) {
    const counted = chain.policy === null ? noCounters : counters(chain)
    yield `:${chain.name} ${chain.policy ?? '-'} ${printCounters(counted)}\n`
  }
  const printed = new PrintedParts(context)
  const countersOf = withCounters ? counters : null
  for (const chain of chains) {
    for (let at = 0; at < chain.rules.length; at += rulesAtOnce)
      yield printLines(chain, at, printed, countersOf)
  }
  yield 'COMMIT\n'
}

/** The lines of a chain from a rule on, as many as are put together at once. */
function printLines(
  { name, rules }: Chain,
  start: number,
  printed: PrintedParts,
  countersOf: ((rule: Rule) => Counters) | null,
): string {
  const head = `-A ${name}`
  const end = Math.min(start + rulesAtOnce, rules.length)
  const pieces: string[] = []
  for (let at = start; at < end; at++) {
    const rule = rules[at]!
    if (countersOf !== null) pieces.push(`${printCounters(countersOf(rule))} `)
    pieces.push(head)
    addCondition(pieces, ' -s ', rule.source)
    addCondition(pieces, ' -d ', rule.destination)
    pieces.push(printed.behindAddresses(rule))
  }
  return pieces.join('')
}

const printCounters = ({ packets, bytes }: Counters): string => `[${packets}:${bytes}]`

/** Base chains in hook order, then user chains by the bytes of their names, as the kernel's list has them. */
export function sortedChains(table: Table): Chain[] {
  const base = tableHooks[table.name].flatMap((hook) => table.chains.get(hook) ?? [])
  const users = [...table.chains.values()].filter((chain) => chain.policy === null)
  return [...base, ...users.sort((a, b) => compareBytes(a.name, b.name))]
}

/** Order of UTF-8 bytes, which is the order of code points. */
export function compareBytes(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
