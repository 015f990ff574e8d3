/**
 * What a table does to the host although the kernel refuses it.
 *
 * Kernel: find_check_entry(), net/ipv4/netfilter/ip_tables.c, and recent_mt_check(), net/netfilter/xt_recent.c,
 * Linux 6.18.
 */
import type { HostServices } from '../ext/context.ts'
import type { Registry } from '../ext/registry.ts'
import { reachOf } from '../lang/reach.ts'
import type { Rule, Table } from '../lang/rule.ts'
import type { RulePlace } from '../lang/syntax.ts'
import { chainOrder } from './compile.ts'
import type { RuleRef } from './outcome.ts'

/**
 * Takes the extensions of the rules one by one, as the kernel does, up to the one it refuses, and gives back what was
 * taken. `tables`: the refused one, behind those that the kernel takes before it, to whose rules its own may refer. What stays: a recency list that had to grow for it is larger, and empty.
 *
 * Circles and unknown names are refused before any extension is asked, so there is nothing to rehearse then.
 * `refused`: the rules that are refused, for whatever reason.
 */
export function rehearse(
  tables: readonly Table[],
  registry: Registry,
  host: HostServices,
  refused: readonly RuleRef[],
): void {
  const taken: (() => void)[] = []
  for (const table of tables) if (!takeTable(table, registry, host, refused, taken)) break
  for (const giveBack of taken) giveBack()
}

/** False where something in it is refused. */
function takeTable(
  table: Table,
  registry: Registry,
  host: HostServices,
  refused: readonly RuleRef[],
  taken: (() => void)[],
): boolean {
  const reach = reachOf(table)
  if (reach.circles.length > 0) return false
  const { family, profile } = host
  const isRefused = (chain: string, at: number): boolean =>
    refused.some((ref) => ref.table === table.name && ref.chain === chain && ref.number === at + 1)
  const rules = chainOrder(table).flatMap((name) =>
    table.chains.get(name)!.rules.map((rule, at) => ({ rule, refused: isRefused(name, at) })),
  )
  return rules.every(({ rule, refused: mayReferToNothing }) => {
    const place = { family, table: table.name, hooks: reach.hooks.get(rule) ?? [], profile }
    return takeRule(rule, place, registry, host, taken, mayReferToNothing)
  })
}

/** False where an extension is refused. */
function takeRule(
  rule: Rule,
  place: RulePlace,
  registry: Registry,
  host: HostServices,
  taken: (() => void)[],
  mayReferToNothing: boolean,
): boolean {
  const { matches, target } = rule
  const uses = [
    ...matches.map((use) => ({ use, definition: registry.match(use.name, place.family) })),
    ...(target.kind === 'extension'
      ? [{ use: target, definition: registry.target(target.name, place.family) }]
      : []),
  ]
  for (const { use, definition } of uses) {
    if (use.kind === 'unknown' || definition === null) return false
    if (definition.check?.(use.data, rule, place)) return false
    if (mayReferToNothing && (definition.refersTo?.(use.data) ?? []).length > 0) return false
    const state: unknown = definition.load?.(use.data, host)
    taken.push(() => definition.unload?.(state, host))
  }
  return true
}
