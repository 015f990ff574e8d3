/**
 * From which base chains each rule can be reached, and whether jumps run in a circle.
 *
 * Kernel: mark_source_chains(), net/ipv4/netfilter/ip_tables.c, Linux 6.18. Rules behind an unconditional verdict and
 * in chains that nothing jumps to are reached from nowhere, so the kernel does not check them against hooks, and a
 * circle among them goes unnoticed.
 */
import type { Chain, Hook, Rule, Table } from './rule.ts'
import { hooks } from './rule.ts'
import { type Survey, surveyOf } from './survey.ts'

export interface Reach {
  readonly surveys: ReadonlyMap<Chain, Survey>
  /** Base chains from which a rule is reached, in hook order; the number counts from 0. */
  hooksAt(chain: Chain, number: number): readonly Hook[]
  /** The same by rule; a rule that is missing is reached from none. Made when it is asked for. */
  readonly hooks: ReadonlyMap<Rule, readonly Hook[]>
  /** The rules whose jump closes a circle; the kernel stops at the first. */
  readonly circles: readonly Circle[]
}

interface Circle {
  readonly chain: Chain
  readonly rule: Rule
}

const none: readonly Hook[] = []

/** `surveys` are of chains that have not changed since; those that are missing are made. */
export function reachOf(table: Table, surveys = new Map<Chain, Survey>()): Reach {
  for (const chain of table.chains.values()) {
    if (!surveys.has(chain)) surveys.set(chain, surveyOf(chain))
  }
  const reached = new Map<Chain, Hook[]>()
  const circles = new Map<Rule, Circle>()
  for (const hook of hooks) {
    const base = table.chains.get(hook)
    if (base === undefined) continue
    const visit = (chain: Chain): void => {
      const known = reached.get(chain)
      if (known === undefined) reached.set(chain, [hook])
      else known.push(hook)
    }
    for (const circle of walk(table, base, surveys, visit)) circles.set(circle.rule, circle)
  }
  const hooksAt = (chain: Chain, number: number): readonly Hook[] =>
    number < surveys.get(chain)!.end ? (reached.get(chain) ?? none) : none
  let byRule: ReadonlyMap<Rule, readonly Hook[]> | null = null
  return {
    surveys,
    hooksAt,
    circles: [...circles.values()],
    get hooks() {
      byRule ??= hooksByRule(table, hooksAt)
      return byRule
    },
  }
}

function hooksByRule(table: Table, hooksAt: Reach['hooksAt']): ReadonlyMap<Rule, readonly Hook[]> {
  const byRule = new Map<Rule, readonly Hook[]>()
  for (const chain of table.chains.values()) {
    for (const [at, rule] of chain.rules.entries()) {
      const found = hooksAt(chain, at)
      if (found !== none) byRule.set(rule, found)
    }
  }
  return byRule
}

interface Position {
  readonly chain: Chain
  next: number
}

function* walk(
  table: Table,
  base: Chain,
  surveys: ReadonlyMap<Chain, Survey>,
  visit: (chain: Chain) => void,
): Iterable<Circle> {
  const path: Position[] = [{ chain: base, next: 0 }]
  const onPath = new Set<Chain>([base])
  const visited = new Set<Chain>([base])
  visit(base)
  for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
    const { chain } = here
    const rule = surveys.get(chain)!.jumps[here.next++]
    if (rule === undefined) {
      path.pop()
      onPath.delete(chain)
      continue
    }
    const called = rule.target.kind === 'chain' ? table.chains.get(rule.target.chain) : undefined
    if (called === undefined) continue
    if (onPath.has(called)) yield { chain, rule }
    if (visited.has(called)) continue
    visited.add(called)
    visit(called)
    onPath.add(called)
    path.push({ chain: called, next: 0 })
  }
}

export { isUnconditional } from './survey.ts'
