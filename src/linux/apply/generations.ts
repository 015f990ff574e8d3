/** What was confirmed becomes a generation; so does what was found in force before it, if nobody had confirmed that. */
import { join } from 'node:path'
import { makeFolder, moveFolder, textOf, writeDurably } from './durable.ts'
import { rulesFile } from './load.ts'
import type { Change, Outcome, Pending, State } from './state.ts'
import { splitTables, withoutCounters } from './tables.ts'
import { families } from './tools.ts'

/** Numbers the change as the next generation, and writes the one before it if it is missing. Returns the number. */
export function keepAsGeneration(state: State, pending: Pending): number {
  const last = state.generations().at(-1)
  const before = { ipv4: beforeOf(pending, 'ipv4'), ipv6: beforeOf(pending, 'ipv6') }
  const known = last === undefined ? null : state.generation(last)
  const isKnown = known !== null && families.every((family) => sameRules(known.rules[family], before[family]))
  const isEmpty = families.every((family) => splitTables(before[family]).size === 0)
  if (isKnown || isEmpty) return (last ?? 0) + 1
  const number = (last ?? 0) + 1
  writeFound(state, pending, number)
  return number + 1
}

const beforeOf = (pending: Pending, family: 'ipv4' | 'ipv6'): string =>
  textOf(pending.path(`before/${rulesFile(family)}`)) ?? ''

/** Whether two texts of iptables-save hold the same rules, whatever was counted. */
export function sameRules(a: string, b: string): boolean {
  const names = [...new Set([...splitTables(a).keys(), ...splitTables(b).keys()])]
  return withoutCounters(a, names) === withoutCounters(b, names)
}

function writeFound(state: State, pending: Pending, number: number): void {
  const home = join(state.folder, 'generations')
  const staging = join(state.folder, `.new-found-${pending.change.id}`)
  makeFolder(home)
  makeFolder(staging)
  const when = new Date().toISOString()
  const change: Change = { ...pending.change, who: 'somebody', when, why: 'found in force' }
  const outcome: Outcome = {
    id: `${pending.change.id}-found`,
    result: 'kept',
    why: 'found in force',
    when,
    generation: number,
    lists: [],
    problems: [],
  }
  writeDurably(join(staging, 'change.json'), `${JSON.stringify(change, null, 2)}\n`)
  writeDurably(join(staging, 'outcome.json'), `${JSON.stringify(outcome, null, 2)}\n`)
  for (const family of families) writeDurably(join(staging, rulesFile(family)), beforeOf(pending, family))
  const sets = textOf(pending.path('before/sets'))
  if (sets !== null) writeDurably(join(staging, 'sets'), sets)
  moveFolder(staging, join(home, String(number)))
}
