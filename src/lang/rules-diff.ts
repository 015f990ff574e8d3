/** What changes between two rulesets, rule by rule: the shortest list of rules that go and come in each chain. */
import { type PrintContext, printRule } from './print.ts'
import { type Chain, type Family, type Ruleset, type TableName, tableHooks } from './rule.ts'
import type { Syntax } from './syntax.ts'

export interface RuleChange {
  readonly kind: 'added' | 'removed'
  /** From 1: in the old chain for a rule that goes, in the new one for a rule that comes. */
  readonly number: number
  /** As iptables-save prints it. */
  readonly rule: string
}

export interface ChainChange {
  readonly family: Family
  readonly table: TableName
  readonly chain: string
  readonly kind: 'new' | 'gone' | 'changed'
  /** Null where it stays, or where the chain has none. */
  readonly policy: { readonly from: string | null; readonly to: string | null } | null
  readonly rules: readonly RuleChange[]
}

/**
 * The chains that differ, in the order of the tables and chains of the new ruleset. Tables that `to` does not name stay as
 * they are and are left out.
 */
export function diffRules(from: Ruleset, to: Ruleset, syntax: Syntax): ChainChange[] {
  const context = { family: to.family, syntax }
  return [...to.tables.values()].flatMap((table) => {
    const before = from.tables.get(table.name)?.chains ?? new Map<string, Chain>()
    const names = [...new Set([...table.chains.keys(), ...before.keys()])]
    return names.flatMap((name) => {
      const change = diffChain(before.get(name), table.chains.get(name), context)
      return change === null ? [] : [{ family: to.family, table: table.name, chain: name, ...change }]
    })
  })
}

type Difference = Pick<ChainChange, 'kind' | 'policy' | 'rules'>

function diffChain(from: Chain | undefined, to: Chain | undefined, context: PrintContext): Difference | null {
  const lines = (chain: Chain | undefined): string[] =>
    chain?.rules.map((rule) => printRule(chain.name, rule, context)) ?? []
  const rules = diffLines(lines(from), lines(to))
  // A table that is not there yet behaves as one with empty base chains.
  const policyOf = (chain: Chain | undefined): string | null =>
    chain === undefined && isBase((to ?? from)!.name) ? 'ACCEPT' : (chain?.policy ?? null)
  const [before, after] = [policyOf(from), policyOf(to)]
  const policy = before === after ? null : { from: before, to: after }
  const kind = after !== null || before !== null || (from && to) ? 'changed' : from ? 'gone' : 'new'
  return kind === 'changed' && rules.length === 0 && policy === null ? null : { kind, policy, rules }
}

const isBase = (chain: string): boolean =>
  Object.values(tableHooks).some((hooks) => hooks.some((hook) => hook === chain))

/** Pairs of places, old and new from 0, of lines that stay: a longest common subsequence. Myers, O(ND), 1986. */
export function commonLines(from: readonly string[], to: readonly string[]): [number, number][] {
  let head = 0
  while (head < from.length && head < to.length && from[head] === to[head]) head++
  let tail = 0
  while (
    tail < from.length - head &&
    tail < to.length - head &&
    from[from.length - 1 - tail] === to[to.length - 1 - tail]
  )
    tail++
  const middle = shortestEdit(from.slice(head, from.length - tail), to.slice(head, to.length - tail))
  return [
    ...Array.from({ length: head }, (_, at): [number, number] => [at, at]),
    ...middle.map(([old, young]): [number, number] => [old + head, young + head]),
    ...Array.from({ length: tail }, (_, at): [number, number] => [
      from.length - tail + at,
      to.length - tail + at,
    ]),
  ]
}

/** Beyond so many changes the search gives up and calls everything changed: memory grows with their square. */
const mostChanges = 4000

function shortestEdit(from: readonly string[], to: readonly string[]): [number, number][] {
  const most = Math.min(from.length + to.length, mostChanges)
  /** Of each number of changes: how far each diagonal gets, from `-changes` in steps of two. */
  const trail: Int32Array[] = []
  let reach = new Map<number, number>([[1, 0]])
  for (let changes = 0; changes <= most; changes++) {
    const row = new Int32Array(changes + 1)
    const next = new Map<number, number>()
    for (let at = 0; at <= changes; at++) {
      const diagonal = 2 * at - changes
      const down = reach.get(diagonal + 1) ?? -1
      const right = (reach.get(diagonal - 1) ?? -2) + 1
      let old =
        changes === 0 ? 0 : diagonal === -changes || (diagonal !== changes && right <= down) ? down : right
      while (old < from.length && old - diagonal < to.length && from[old] === to[old - diagonal]) old++
      row[at] = old
      next.set(diagonal, old)
      if (from.length <= old && to.length <= old - diagonal) return walkBack([...trail, row], from, to)
    }
    trail.push(row)
    reach = next
  }
  return []
}

function walkBack(
  trail: readonly Int32Array[],
  from: readonly string[],
  to: readonly string[],
): [number, number][] {
  const pairs: [number, number][] = []
  let old = from.length
  let young = to.length
  for (let changes = trail.length - 1; changes > 0; changes--) {
    const before = trail[changes - 1]!
    const reachOf = (diagonal: number): number => before[(diagonal + changes - 1) / 2] ?? -1
    const diagonal = old - young
    const goesDown =
      diagonal === -changes || (diagonal !== changes && reachOf(diagonal - 1) < reachOf(diagonal + 1))
    const previous = goesDown ? diagonal + 1 : diagonal - 1
    const previousOld = reachOf(previous)
    while (old > previousOld + (goesDown ? 0 : 1) && young > previousOld - previous + (goesDown ? 1 : 0))
      pairs.push([--old, --young])
    old = previousOld
    young = previousOld - previous
  }
  while (old > 0 && young > 0) pairs.push([--old, --young])
  return pairs.reverse()
}

function diffLines(from: readonly string[], to: readonly string[]): RuleChange[] {
  const common = commonLines(from, to)
  const changes: RuleChange[] = []
  let [old, young] = [0, 0]
  for (const [oldEnd, youngEnd] of [...common, [from.length, to.length] as const]) {
    for (; old < oldEnd; old++) changes.push({ kind: 'removed', number: old + 1, rule: from[old]! })
    for (; young < youngEnd; young++) changes.push({ kind: 'added', number: young + 1, rule: to[young]! })
    old = oldEnd + 1
    young = youngEnd + 1
  }
  return changes
}

/** The new ruleset with the counters of the old: of rules that stay, and of policies. */
export function withCountersOf(from: Ruleset, to: Ruleset, syntax: Syntax): Ruleset {
  const context = { family: to.family, syntax }
  const tables = [...to.tables].map(([name, table]) => {
    const chains = [...table.chains].map(([chainName, chain]): [string, Chain] => {
      const old = from.tables.get(name)?.chains.get(chainName)
      if (old === undefined) return [chainName, chain]
      const lines = (each: Chain): string[] => each.rules.map((rule) => printRule(chainName, rule, context))
      const rules = [...chain.rules]
      for (const [oldAt, at] of commonLines(lines(old), lines(chain)))
        rules[at] = { ...rules[at]!, counters: old.rules[oldAt]!.counters }
      return [chainName, { ...chain, rules, counters: old.counters }]
    })
    return [name, { name, chains: new Map(chains) }] as const
  })
  return { family: to.family, tables: new Map(tables) }
}
