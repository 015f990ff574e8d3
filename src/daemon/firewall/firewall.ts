/**
 * Rules and recipes of a configuration in force: loaded in one step where something of them is missing, left alone where
 * nothing is.
 *
 * Between two loads whatever others add to the rules stays (the guard's bans, rules by hand): it is not asked whether the
 * kernel has anything else, but whether it has what was declared.
 */
import type { Family } from '../../lang/rule.ts'
import type { ChainChange } from '../../lang/rules-diff.ts'
import { rulesDiffLines, summarizeRulesDiff } from '../../lang/rules-diff-text.ts'
import {
  findTools,
  type InForce,
  keepAtOnce,
  planChange,
  readInForce,
  rehearse,
  requirePrivilege,
  rulesetOf,
  State,
  type Wanted,
} from '../../linux/apply/index.ts'
import { printSession, sshSessions } from '../../linux/ssh-sessions.ts'
import type { Declared } from './declared.ts'
import { isOfThisKernel, readRecord, type UseInForce, writeRecord } from './record.ts'
import { differenceTo, leaving, missingOf, setsWithoutOwn, withoutOwn } from './wanted.ts'

/** The kernel does not take the rules, or they would cut a session: the old ones stay. */
export class NotLoaded extends Error {}

/** An open SSH session would be cut. Trying again is no way out: it would be cut as soon as it is closed. */
export class WouldCut extends NotLoaded {}

export interface FirewallParts {
  readonly stateFolder: string
  readonly nowMs: () => number
  /** The configuration's name, for the list of generations. */
  readonly name: string
  say(level: 'info' | 'notice' | 'warning', message: string): void
}

export interface Standing {
  /** Null where the daemon has not put anything in force yet. */
  readonly generation: number | null
  readonly loadedAtMs: number | null
  /** Whether rules were loaded just now. */
  readonly loaded: boolean
}

const nothing: Pick<Declared, 'rules' | 'plans' | 'country'> = { rules: new Map(), plans: [], country: [] }

/** The kernel's rules, for whoever may know them. Throws `UnavailableError`. */
function inForceNow({ backend }: Pick<Declared, 'backend'>): InForce {
  requirePrivilege("looking at the kernel's rules", 'sudo postern up --enforce')
  return readInForce(findTools(backend))
}

/** Makes the declared be in force. Throws `NotLoaded`, `ChangeUnderWay`, `UnavailableError`; the old rules stay then. */
export async function enforce(declared: Declared, parts: FirewallParts): Promise<Standing> {
  const { hash, backend } = declared
  const record = readRecord(parts.stateFolder)
  const ours = record !== null && isOfThisKernel(record) ? record : null
  const inForce = inForceNow(declared)
  const gone = leaving(ours?.recipes ?? [], declared.plans)
  const { rulesets, diff } = differenceTo(declared, gone, inForce)
  const missing = missingOf(diff)
  const isSame = ours?.hash === hash && gone.length === 0
  if (isSame && isWithin(missing, ours.reworded))
    return { generation: ours.generation, loadedAtMs: ours.loadedAtMs, loaded: false }
  if (isSame) parts.say('warning', 'somebody took rules away; putting them back')
  const loadedAtMs = parts.nowMs()
  const recipes = declared.plans.map(({ family, recipe, name }): UseInForce => ({ family, recipe, name }))
  if (diff.length === 0) {
    const generation = ours?.generation ?? null
    writeRecord(parts.stateFolder, { hash, generation, loadedAtMs, recipes, backend, reworded: [] })
    parts.say('info', 'the rules are in force already')
    return { generation, loadedAtMs: ours?.loadedAtMs ?? null, loaded: false }
  }
  const wanted: Wanted = { rulesets, ...(declared.sets !== '' && { sets: declared.sets }) }
  const generation = await load(wanted, inForce, declared.maySessionsBeCut, parts)
  const reworded = missingOf(differenceTo(declared, [], inForceNow(declared)).diff)
  writeRecord(parts.stateFolder, { hash, generation, loadedAtMs, recipes, backend, reworded })
  parts.say('notice', `${summarizeRulesDiff(diff)}: generation ${generation ?? '?'}`)
  return { generation, loadedAtMs, loaded: true }
}

const isWithin = (some: readonly string[], all: readonly string[]): boolean =>
  some.every((line) => all.includes(line))

async function load(
  wanted: Wanted,
  inForce: InForce,
  mayCut: boolean,
  { stateFolder, name, say }: FirewallParts,
): Promise<number | null> {
  const why = `postern up ${name}`
  const plan = planChange(wanted, inForce, { confirmSeconds: 60, keepCounters: true, why })
  for (const list of plan.emptied)
    say('warning', `the kernel empties the recency list ${list}: the new rules ask for a longer history`)
  const rehearsal = await rehearse(plan, inForce)
  if (rehearsal.kind === 'refused')
    throw new NotLoaded(`the kernel does not take the rules: ${rehearsal.why}`)
  if (!mayCut) await sessionsStay(wanted, inForce, say)
  const outcome = await keepAtOnce(new State(stateFolder), plan, why)
  for (const problem of outcome.problems) say('warning', problem)
  if (outcome.result !== 'kept') throw new NotLoaded(`the rules could not be loaded: ${outcome.why}`)
  return outcome.generation ?? null
}

async function sessionsStay(wanted: Wanted, inForce: InForce, say: FirewallParts['say']): Promise<void> {
  const sessions = sshSessions()
  if (sessions.length === 0) return
  // The engine is loaded only where there are packets to run.
  const { checkSessions } = await import('../../linux/apply/session-check.ts')
  const asked = checkSessions(sessions, wanted, inForce)
  if ('cannot' in asked)
    return say('notice', `whether SSH sessions stay open cannot be told: ${asked.cannot}`)
  const cut = asked.reports.find(({ fate }) => fate === 'cut')
  if (cut !== undefined)
    throw new WouldCut(`the SSH session ${printSession(cut.session)} would be cut: ${cut.why}`)
}

/** What `enforce` would do, a line each; a single one where nothing would change. Throws `UnavailableError`. */
export function preview(declared: Declared, stateFolder: string): string[] {
  const record = readRecord(stateFolder)
  const before = record !== null && isOfThisKernel(record) ? record.recipes : []
  return told(differenceTo(declared, leaving(before, declared.plans), inForceNow(declared)).diff)
}

const told = (diff: readonly ChainChange[]): string[] =>
  diff.length === 0
    ? ['the rules are in force already']
    : [`would change: ${summarizeRulesDiff(diff)}`, ...rulesDiffLines(diff).map(({ text }) => text)]

/** Whether all that is declared is in force. */
export function isInForce(declared: Declared, stateFolder: string): boolean {
  const missing = missingOf(differenceTo(declared, [], inForceNow(declared)).diff)
  return isWithin(missing, readRecord(stateFolder)?.reworded ?? [])
}

/** Takes the recipes out again that the daemon had put in. Nothing happens where there are none. */
export async function takeRecipesOut(parts: FirewallParts): Promise<void> {
  const record = readRecord(parts.stateFolder)
  if (record === null || !isOfThisKernel(record) || record.recipes.length === 0) return
  const inForce = inForceNow(record)
  const { rulesets, diff } = differenceTo(nothing, record.recipes, inForce)
  const generation = diff.length === 0 ? record.generation : await load({ rulesets }, inForce, false, parts)
  writeRecord(parts.stateFolder, { ...record, generation, recipes: [], hash: '' })
  parts.say('notice', `recipes taken out: ${summarizeRulesDiff(diff)}`)
}

/** Takes the recipes out, and empties the tables that the files name; their policies accept then. */
export async function takeOut({ rules, backend }: Declared, parts: FirewallParts): Promise<void> {
  const record = readRecord(parts.stateFolder)
  const inForce = inForceNow({ backend })
  const empty = new Map(
    [...rules].map(([family, { tables }]) => {
      const text = [...tables.keys()].map((name) => `*${name}\nCOMMIT\n`).join('')
      return [family, rulesetOf(text, family)] as const
    }),
  )
  const { rulesets, diff } = differenceTo({ ...nothing, rules: empty }, record?.recipes ?? [], inForce)
  if (diff.length === 0) return
  const generation = await load({ rulesets }, inForce, true, parts)
  const loadedAtMs = parts.nowMs()
  writeRecord(parts.stateFolder, { hash: '', generation, loadedAtMs, recipes: [], backend, reworded: [] })
  parts.say('notice', `rules taken out: ${summarizeRulesDiff(diff)}`)
}

/**
 * The rules that the daemon had in force last, for a start with a configuration that cannot be used: a machine must not
 * stand open for a mistake in a file. Answers whether they are in force; false where there are none to put there.
 */
export async function putLastBack(parts: FirewallParts): Promise<boolean> {
  const record = readRecord(parts.stateFolder)
  const state = new State(parts.stateFolder)
  const generation = record?.generation == null ? null : state.generation(record.generation)
  if (record === null || generation === null) return false
  if (isOfThisKernel(record)) return true
  const inForce = inForceNow({ backend: generation.change.tools.backend })
  const rules = new Map(
    (['ipv4', 'ipv6'] as const).map((family): [Family, ReturnType<typeof rulesetOf>] => [
      family,
      withoutOwn(rulesetOf(generation.rules[family], family), []),
    ]),
  )
  const { rulesets, diff } = differenceTo({ ...nothing, rules }, [], inForce)
  if (diff.length > 0) {
    const sets = setsWithoutOwn(generation.sets ?? '', [])
    await load({ rulesets, ...(sets !== '' && { sets }) }, inForce, false, parts)
  }
  // Of another machine's start, whatever is declared next: all of it is looked at then.
  writeRecord(parts.stateFolder, { ...record, hash: '', loadedAtMs: parts.nowMs() })
  parts.say(
    'warning',
    `the rules of generation ${generation.number}, the last that could be used, are in force`,
  )
  return true
}
