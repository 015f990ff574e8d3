/**
 * Carries a change through, from whatever phase it is found in: loads, waits for the decision, keeps or undoes.
 *
 * Only one process does so at a time; it holds a lock that the kernel takes from it when it dies.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { tryLock } from '../files.ts'
import { bootId, uptimeSeconds } from './clock.ts'
import { writeDurably } from './durable.ts'
import { keepAsGeneration } from './generations.ts'
import { loadNew, release, rulesFile, saveRulesIfAny, saveSets, takeSnapshot, undo } from './load.ts'
import { type Decision, networkNamespace, type Outcome, type Pending, type State } from './state.ts'
import { families } from './tools.ts'

export interface Conductor {
  /** Told of what happens, a line each. */
  say(line: string): void
  /** Whether a change that is only prepared is to be loaded; whoever clears up after others does not. */
  readonly loads: boolean
  /** Decided as soon as the new rules are in force; without it somebody else decides. */
  readonly decision?: Decision
}

/** The lock of whoever carries out the change; null while another process does. */
export const lockOf = (state: State) => tryLock(state.pending)

/** How often the decision is looked for. */
const pollMs = 50

/** Preconditions: holds the lock. Null when there is no change any more. */
export async function conduct(state: State, conductor: Conductor): Promise<Outcome | null> {
  const pending = state.pendingChange()
  if (pending === null) return null
  const outcome = await carryThrough(state, pending, conductor)
  conductor.say(`${outcome.result}: ${outcome.why}`)
  state.end(pending, outcome)
  return outcome
}

async function carryThrough(state: State, pending: Pending, conductor: Conductor): Promise<Outcome> {
  const { change } = pending
  const phase = pending.phase
  if (change.bootId !== bootId()) return ended(pending, 'gone', 'the machine was started anew')
  if (phase !== null && phase.name !== 'prepared') await orphansEnd(phase.pid)
  if (phase === null || phase.name === 'prepared') {
    if (!conductor.loads || pending.decision !== null) {
      undoDecided(pending, 'it was never begun')
      return ended(pending, 'undone', 'nothing had been changed')
    }
    const refusal = loadAll(pending, conductor)
    if (refusal !== null) {
      const { failed, lists, problems } = refusal.begun ? await undo(pending, conductor.say) : nothingUndone
      return { ...ended(pending, failed.length === 0 ? 'refused' : 'broken', refusal.why), lists, problems }
    }
    if (conductor.decision !== undefined) pending.decide(conductor.decision)
  } else if (phase.name === 'loading') {
    undoDecided(pending, 'whoever loaded the rules was killed')
  }
  const decision = await decided(pending)
  conductor.say(`${decision.what}: ${decision.why}`)
  if (decision.what === 'keep') return keep(state, pending, decision.why)
  written(() => setPhase(pending, 'undoing'))
  const { failed, lists, problems } = await undo(pending, conductor.say)
  return { ...ended(pending, failed.length === 0 ? 'undone' : 'broken', decision.why), lists, problems }
}

const nothingUndone = { failed: [], lists: [], problems: [] }

const ended = (pending: Pending, result: Outcome['result'], why: string): Outcome => ({
  id: pending.change.id,
  result,
  why,
  when: new Date().toISOString(),
  lists: [],
  problems: [],
})

const setPhase = (pending: Pending, name: 'loading' | 'undoing' | 'keeping'): void =>
  pending.setPhase({ name, pid: process.pid })

/** Null when the new rules are in force; else why not, and whether anything was changed. */
function loadAll(
  pending: Pending,
  { say }: Conductor,
): { readonly why: string; readonly begun: boolean } | null {
  let begun = false
  try {
    takeSnapshot(pending)
    setPhase(pending, 'loading')
    begun = true
    loadNew(pending)
  } catch (error) {
    return { why: (error as Error).message, begun }
  }
  const deadlineSeconds = uptimeSeconds() + pending.change.confirmSeconds
  pending.setPhase({ name: 'waiting', pid: process.pid, deadlineSeconds })
  say('the new rules are in force')
  return null
}

/** What is written down on the way back: where the disk is full the old rules come back all the same. */
function written<T>(step: () => T): T | null {
  try {
    return step()
  } catch {
    return null
  }
}

/** Decides to undo, unless somebody has decided before. */
function undoDecided(pending: Pending, why: string): Decision {
  const decision: Decision = { what: 'undo', why }
  return written(() => pending.decide(decision)) ?? decision
}

/** The decision, as soon as somebody makes one; when the time is over it is to undo. */
async function decided(pending: Pending): Promise<Decision> {
  const deadlineSeconds = pending.phase?.deadlineSeconds ?? 0
  for (;;) {
    const decision = pending.decision
    if (decision !== null) return decision
    if (deadlineSeconds <= uptimeSeconds())
      return undoDecided(pending, `not confirmed within ${pending.change.confirmSeconds} s`)
    await pause(pollMs)
  }
}

function keep(state: State, pending: Pending, why: string): Outcome {
  setPhase(pending, 'keeping')
  const problems: string[] = []
  try {
    release(pending)
  } catch (error) {
    problems.push((error as Error).message)
  }
  const { tools } = pending.change
  for (const family of families) writeDurably(pending.path(rulesFile(family)), saveRulesIfAny(tools, family))
  const sets = saveSets(tools)
  if (sets !== null) writeDurably(pending.path('sets'), sets)
  const generation = keepAsGeneration(state, pending)
  return { ...ended(pending, 'kept', why), generation, problems }
}

/** How long to wait for programs that a killed process had started. */
const orphanMs = 30_000

/** Waits until no program is left that another process had started: it may still be loading rules. */
async function orphansEnd(pid: number): Promise<void> {
  if (pid === process.pid) return
  const until = Date.now() + orphanMs
  while (hasSession(pid) && Date.now() < until) await pause(10)
}

/** Whether a process lives whose session has this id; whoever carries out a change leads one. */
const hasSession = (session: number): boolean =>
  readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name) || name === String(session)) return false
    const fields = (statOf(name) ?? '').replace(/^.*\) /s, '').split(' ')
    // State, parent, process group, session.
    return fields[0] !== 'Z' && fields[3] === String(session)
  })

function statOf(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
}

/** Whether a change was begun in this network namespace: its rules are those of this process. */
export const isOurs = ({ change }: Pending): boolean => change.namespace === networkNamespace()
