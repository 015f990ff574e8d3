/**
 * The rules of a chain at one look. Rules that differ in nothing but which addresses they name, counters and places are of one kind: long
 * chains have few kinds, and most questions about rules are questions about their kinds.
 */
import type { Chain, Rule } from './rule.ts'

/** What the rules of a kind have in common. */
export interface RuleKind extends Omit<Rule, 'source' | 'destination' | 'counters' | 'span'> {
  readonly source: object | null
  readonly destination: object | null
}

export interface Survey {
  /** Number of the rules up to the first that decides about every packet, that one included. */
  readonly end: number
  /** Rules up to there that jump. */
  readonly jumps: readonly Rule[]
  /** The first rule of each kind up to there, and of each kind behind. */
  readonly kinds: readonly Rule[]
  readonly kindsBehind: readonly Rule[]
  /** Numbers from 0 of all rules without a condition. */
  readonly unconditional: readonly number[]
}

export function surveyOf({ rules }: Chain): Survey {
  let end = rules.length
  const jumps: Rule[] = []
  const kinds: Rule[] = []
  const kindsBehind: Rule[] = []
  const unconditional: number[] = []
  const known = new Map<Rule['matches'] | Rule['target'], Rule>()
  let last: Rule | null = null
  for (let at = 0; at < rules.length; at++) {
    const rule = rules[at]!
    if (isUnconditional(rule)) {
      unconditional.push(at)
      if (rule.target.kind === 'verdict' && end === rules.length) end = at + 1
    }
    if (rule.target.kind === 'chain' && at < end) jumps.push(rule)
    if (at === end) {
      known.clear()
      last = null
    }
    if (last !== null && isOfOneKind(rule, last)) continue
    last = rule
    const key = sharedPart(rule)
    const same = known.get(key)
    if (same !== undefined && isOfOneKind(rule, same)) continue
    known.set(key, rule)
    if (at < end) kinds.push(rule)
    else kindsBehind.push(rule)
  }
  return { end, jumps, kinds, kindsBehind, unconditional }
}

/** Whether two rules share all but which addresses they ask for. Those that say the same twice need not. */
export const isOfOneKind = (a: Rule, b: Rule): boolean =>
  (a.source === null) === (b.source === null) &&
  (a.destination === null) === (b.destination === null) &&
  a.target === b.target &&
  a.matches === b.matches &&
  a.protocol === b.protocol &&
  a.inInterface === b.inInterface &&
  a.outInterface === b.outInterface &&
  a.fragment === b.fragment

/** What tells most kinds apart, as the key of a map. */
export const sharedPart = ({ matches, target }: Rule): Rule['matches'] | Rule['target'] =>
  matches.length === 0 ? target : matches

/** No condition at all: not even one that any packet meets. Source: unconditional(). */
export const isUnconditional = (rule: RuleKind): boolean =>
  rule.source === null &&
  rule.destination === null &&
  rule.inInterface === null &&
  rule.outInterface === null &&
  rule.protocol === null &&
  rule.fragment === null &&
  rule.matches.length === 0
