/**
 * What is left of a chain for the packets of one flow: the rules that one of them can match, each with those of its matches
 * that have to be asked anew. What all packets of a flow have in common has answered for the rest.
 */

import type { Asked } from '../../ext/define.ts'
import type { LoadedChain, LoadedRule } from '../compile.ts'
import type { HostSkb } from '../skb.ts'
import { holdsWithoutMatches, openCursor, type TableContext } from '../traverse.ts'

export interface ResidualRule {
  readonly rule: LoadedRule
  /** From left to right. */
  readonly asks: readonly Asked[]
  /** Whether a match behind them never holds: they are asked for what they remember. */
  readonly fails: boolean
  /** Of a jump. */
  readonly chain: readonly ResidualRule[] | null
}

/** A table asked at one hook for packets of one flow. */
export interface ResidualTable {
  readonly base: LoadedChain
  readonly rules: readonly ResidualRule[]
  /** Whether any rule that can be come to asks. */
  readonly asks: boolean
}

/**
 * Null where a packet could come to a rule that does more than count and decide, or looks at more than the headers.
 *
 * Preconditions: `skb` is a packet of the flow as it comes to the table, and `context` has begun with it.
 */
export function residualTable(base: LoadedChain, skb: HostSkb, context: TableContext): ResidualTable | null {
  const known = new Map<LoadedChain, readonly ResidualRule[]>()
  let asks = false
  const residual = (chain: LoadedChain): readonly ResidualRule[] | null => {
    const before = known.get(chain)
    if (before !== undefined) return before
    const left: ResidualRule[] = []
    const cursor = openCursor(chain, skb.packet, context)
    for (let at = 0; ; at++) {
      if (cursor !== null) at = cursor.seek(at)
      const rule = chain.rules[at]
      if (rule === undefined) break
      const one = residualRule(rule)
      if (one === null) return null
      if (one === 'missed') continue
      left.push(one)
      if (one.asks.length > 0) asks = true
      else if (endsChain(one)) break
    }
    known.set(chain, left)
    return left
  }
  const residualRule = (rule: LoadedRule): ResidualRule | 'missed' | null => {
    if (!holdsWithoutMatches(rule, skb, context)) return 'missed'
    const toAsk: Asked[] = []
    for (const { definition, asked, looksAt } of rule.matches) {
      if (definition.isRemark === true) continue
      if (looksAt === null) return null
      if (looksAt === 'header') toAsk.push(asked)
      else if (!asked(skb, context)) {
        return toAsk.length === 0 ? 'missed' : { rule, asks: toAsk, fails: true, chain: null }
      }
    }
    const { target } = rule
    if (target.kind === 'extension') return null
    const chain = target.kind === 'chain' ? residual(target.chain) : noRules
    return chain === null ? null : { rule, asks: toAsk, fails: false, chain }
  }
  const rules = residual(base)
  return rules === null ? null : { base, rules, asks }
}

const noRules: readonly ResidualRule[] = []

/** Of a rule that all packets match: whether none comes to the next. */
const endsChain = ({ rule: { target } }: ResidualRule): boolean =>
  target.kind === 'verdict' || (target.kind === 'chain' && target.goto)
