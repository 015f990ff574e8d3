/**
 * Rules as iptables-save prints them, byte for byte.
 * Source: `print_rule4()` and kin, iptables/iptables.c and ip6tables.c; iptables/iptables-save.c, 1.8.9.
 */
import { lengthOfMask, type Prefix, printAddress } from '../net/address.ts'
import { protocolName } from './names.ts'
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

const printAddresses = ({ source, destination }: Rule): string =>
  source === null && destination === null
    ? ''
    : `${printNegatable('-s', source, printRulePrefix)}${printNegatable('-d', destination, printRulePrefix)}`

function printBehindAddresses(rule: Rule, context: PrintContext, beforeTarget = ''): string {
  return [
    printInterface('-i', rule.inInterface),
    printInterface('-o', rule.outInterface),
    printNegatable('-p', rule.protocol, protocolName),
    rule.fragment === null ? '' : `${rule.fragment.inverted ? ' !' : ''} -f`,
    ...rule.matches.map((use) => printMatch(use, context)),
    beforeTarget,
    printTarget(rule.target, context),
  ].join('')
}

/** What was printed of rules; those that share their matches and target have the same text behind their addresses. */
class PrintedParts {
  readonly #context: PrintContext
  /** A rule by what it shares with others, and the text. */
  readonly #known = new Map<Rule['matches'] | TargetUse, { readonly rule: Rule; readonly text: string }>()

  constructor(context: PrintContext) {
    this.#context = context
  }

  behindAddresses(rule: Rule): string {
    const key = sharedPart(rule)
    const known = this.#known.get(key)
    if (known !== undefined && isOfOneKind(rule, known.rule)) return known.text
    const text = printBehindAddresses(rule, this.#context)
    this.#known.set(key, { rule, text })
    return text
  }
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
export function printRuleset(ruleset: Ruleset, syntax: Syntax, options: SaveOptions = {}): string {
  const context = { family: ruleset.family, syntax }
  return [...ruleset.tables.values()]
    .toReversed()
    .filter(({ name }) => options.table === undefined || options.table === name)
    .map((table) => printTable(table, context, options))
    .join('')
}

/** Lines that are put together at once, so that the pieces of few are in memory. */
const rulesAtOnce = 256

/** One table from `*NAME` to `COMMIT`. */
export function printTable(table: Table, context: PrintContext, options: SaveOptions = {}): string {
  const { withCounters = false, counters = (item: Rule | Chain) => item.counters } = options
  const chains = sortedChains(table)
  const heads = chains.map(
    (chain) =>
      `:${chain.name} ${chain.policy ?? '-'} ${printCounters(chain.policy === null ? noCounters : counters(chain))}\n`,
  )
  const parts = new PrintedParts(context)
  const texts = [`*${table.name}\n`, ...heads]
  for (const chain of chains) {
    const head = `-A ${chain.name}`
    for (let at = 0; at < chain.rules.length; at += rulesAtOnce) {
      const some = chain.rules.slice(at, at + rulesAtOnce)
      const lines = some.map((rule) => {
        const counted = withCounters ? `${printCounters(counters(rule))} ` : ''
        return `${counted}${head}${printAddresses(rule)}${parts.behindAddresses(rule)}\n`
      })
      texts.push(lines.join(''))
    }
  }
  return `${texts.join('')}COMMIT\n`
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
