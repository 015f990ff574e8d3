/**
 * From which base chains each rule can be reached, and whether jumps run in a circle.
 *
 * Kernel: mark_source_chains(), net/ipv4/netfilter/ip_tables.c, Linux 6.18. Rules behind an unconditional verdict and
 * in chains that nothing jumps to are reached from nowhere, so the kernel does not check them against hooks, and a
 * circle among them goes unnoticed.
 */
import type { Chain, Hook, Rule, Table } from './rule.ts'
import { hooks } from './rule.ts'

export interface Reach {
  /** Base chains by rule, in hook order; a rule that is missing is reached from none. */
  readonly hooks: ReadonlyMap<Rule, readonly Hook[]>
  /** The rules whose jump closes a circle; the kernel stops at the first. */
  readonly circles: readonly Circle[]
}

interface Circle {
  readonly chain: Chain
  readonly rule: Rule
}

export function reachOf(table: Table): Reach {
  const reached = new Map<Rule, Hook[]>()
  const circles = new Map<Rule, Circle>()
  for (const hook of hooks) {
    const base = table.chains.get(hook)
    if (base === undefined) continue
    const reach = (rule: Rule): void => {
      const known = reached.get(rule)
      if (known === undefined) reached.set(rule, [hook])
      else known.push(hook)
    }
    for (const circle of walk(table, base, reach)) circles.set(circle.rule, circle)
  }
  return { hooks: reached, circles: [...circles.values()] }
}

interface Position {
  readonly chain: Chain
  next: number
}

function* walk(table: Table, base: Chain, reach: (rule: Rule) => void): Iterable<Circle> {
  const path: Position[] = [{ chain: base, next: 0 }]
  const onPath = new Set<Chain>([base])
  const visited = new Set<Chain>([base])
  for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
    const { chain } = here
    const rule = chain.rules[here.next++]
    if (rule === undefined) {
      path.pop()
      onPath.delete(chain)
      continue
    }
    reach(rule)
    const { target } = rule
    if (target.kind === 'verdict' && isUnconditional(rule)) here.next = chain.rules.length
    if (target.kind !== 'chain') continue
    const called = table.chains.get(target.chain)
    if (called === undefined) continue
    if (onPath.has(called)) yield { chain, rule }
    if (visited.has(called)) continue
    visited.add(called)
    onPath.add(called)
    path.push({ chain: called, next: 0 })
  }
}

/** No condition at all: not even one that any packet meets. Source: unconditional(). */
export const isUnconditional = (rule: Rule): boolean =>
  rule.source === null &&
  rule.destination === null &&
  rule.inInterface === null &&
  rule.outInterface === null &&
  rule.protocol === null &&
  rule.fragment === null &&
  rule.matches.length === 0
