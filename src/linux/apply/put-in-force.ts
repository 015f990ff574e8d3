/** A planned change is begun, waited for, decided: what commands do with the process that carries it out. */
import { setTimeout as pause } from 'node:timers/promises'
import { startWatcher } from './begin.ts'
import { uptimeSeconds } from './clock.ts'
import { conduct, isOurs, lockOf } from './conduct.ts'
import { makeFolder } from './durable.ts'
import { beginChange, type Plan } from './plan.ts'
import type { Decision, Outcome, Pending, State } from './state.ts'

/** Another change is under way. */
export class ChangeUnderWay extends Error {
  readonly pending: Pending

  constructor(pending: Pending) {
    const { who, when, why } = pending.change
    super(`another change is under way: ${why}, by ${who} at ${when}`)
    this.pending = pending
  }
}

const pollMs = 25
/** A change that is only prepared is given up when nobody carries it out after so long. */
const startMs = 5_000

/**
 * Begins a change and returns when its rules are in force (`waiting`), or when it ended before. Nothing that happens to this
 * process from then on changes that the old rules come back unless somebody confirms. Throws `ChangeUnderWay`.
 */
export async function putInForce(state: State, plan: Plan): Promise<Pending | Outcome> {
  makeFolder(state.folder)
  await clearUp(state)
  const pending = beginChange(state, plan)
  if (pending === null) throw new ChangeUnderWay(state.pendingChange()!)
  startWatcher(state, pending)
  let started = uptimeSeconds()
  const abandoned = abandonment(state)
  for (;;) {
    const outcome = state.outcomeOf(pending.change.id)
    if (outcome !== null) return outcome
    const phase = pending.phase?.name
    if (phase === 'waiting' || phase === 'keeping') return pending
    if (phase !== 'prepared' && (await abandoned(pending))) {
      const ended = await clearUp(state)
      if (ended !== null) return ended
    }
    if (phase === 'prepared' && started + startMs / 1000 < uptimeSeconds()) {
      if (await isOrphaned(state, pending)) {
        const ended = await take(state, { what: 'undo', why: 'nobody could be started to carry it out' })
        if (ended !== null) return ended
      }
      started = uptimeSeconds()
    }
    await pause(pollMs)
  }
}

/**
 * Puts a planned change in force and keeps it at once, in this process: for who has nobody to ask. Should this process be
 * killed on the way, the next that looks puts the old rules back. Throws `ChangeUnderWay`.
 */
export async function keepAtOnce(state: State, plan: Plan, why: string): Promise<Outcome> {
  makeFolder(state.folder)
  await clearUp(state)
  const pending = beginChange(state, plan)
  if (pending === null) throw new ChangeUnderWay(state.pendingChange()!)
  for (;;) {
    const release = await lockOf(state)
    if (release !== null) {
      try {
        const decision: Decision = { what: 'keep', why }
        const outcome = await conduct(state, { say: () => {}, loads: true, decision })
        if (outcome !== null) return outcome
      } finally {
        await release()
      }
    }
    const outcome = state.outcomeOf(pending.change.id)
    if (outcome !== null) return outcome
    await pause(pollMs)
  }
}

/** Whether nobody carries the change out any more. */
export async function isOrphaned(state: State, pending: Pending): Promise<boolean> {
  if (!isOurs(pending)) return false
  const ageMs = Date.now() - Date.parse(pending.change.when)
  if (pending.phase?.name === 'prepared' && 0 <= ageMs && ageMs < startMs) return false
  const release = await lockOf(state)
  await release?.()
  return release !== null
}

/** How long nobody must have carried a change out before this process does: between two processes there is a moment. */
const abandonedMs = 2_000
/** Between two looks whether somebody does. */
const lookMs = 250

/** Answers whether nobody has carried the change out for a while, when asked again and again. */
function abandonment(state: State): (pending: Pending) => Promise<boolean> {
  let lookedAtMs = Number.NEGATIVE_INFINITY
  let sinceMs: number | null = null
  return async (pending) => {
    const nowMs = uptimeSeconds() * 1000
    if (nowMs - lookedAtMs < lookMs) return false
    lookedAtMs = nowMs
    if (!(await isOrphaned(state, pending))) sinceMs = null
    else sinceMs ??= nowMs
    return sinceMs !== null && nowMs - sinceMs >= abandonedMs
  }
}

/** Undoes a change that nobody carries out any more; returns how it ended. Null when there was none. */
export async function clearUp(state: State): Promise<Outcome | null> {
  const pending = state.pendingChange()
  if (pending === null || !(await isOrphaned(state, pending))) return null
  return take(state, { what: 'undo', why: 'the processes that watched it were killed' })
}

/**
 * Decides about the change under way and returns how it ended; null when there is none. Where nobody carries it out any
 * more, this process does.
 */
export async function decide(state: State, decision: Decision): Promise<Outcome | null> {
  const pending = state.pendingChange()
  if (pending === null) return null
  if (!isOurs(pending)) throw new ChangeUnderWay(pending)
  return take(state, decision)
}

async function take(state: State, decision: Decision): Promise<Outcome | null> {
  const pending = state.pendingChange()
  if (pending === null) return null
  const { id } = pending.change
  pending.decide(decision)
  for (;;) {
    const outcome = state.outcomeOf(id)
    if (outcome !== null) return outcome
    if (state.pendingChange()?.change.id !== id) return state.outcomeOf(id)
    const release = await lockOf(state)
    if (release !== null) {
      try {
        const ended = await conduct(state, { say: () => {}, loads: false })
        if (ended !== null) return ended
      } finally {
        await release()
      }
    }
    await pause(pollMs)
  }
}

/** How the change ended, as soon as it did. Null when it is not known any more. */
export async function settled(state: State, pending: Pending, signal?: AbortSignal): Promise<Outcome | null> {
  const { id } = pending.change
  const abandoned = abandonment(state)
  for (;;) {
    const outcome = state.outcomeOf(id)
    if (outcome !== null) return outcome
    const now = state.pendingChange()
    if (now?.change.id !== id) return state.outcomeOf(id)
    if (signal?.aborted) return null
    // Were both processes behind the change killed, this one ends it: what waits, when its time is over.
    if ((now.phase?.name !== 'waiting' || isOver(now)) && (await abandoned(now))) {
      const ended = await clearUp(state)
      if (ended !== null) return ended
    }
    await pause(pollMs)
  }
}

/** Seconds that the change still waits; null when it does not wait. */
export function secondsLeft(pending: Pending): number | null {
  const phase = pending.phase
  return phase?.name === 'waiting' ? Math.max(0, (phase.deadlineSeconds ?? 0) - uptimeSeconds()) : null
}

/** Time after the deadline in which the process that carries out the change ought to have ended it. */
const graceSeconds = 2

const isOver = (pending: Pending): boolean =>
  (pending.phase?.deadlineSeconds ?? Number.POSITIVE_INFINITY) + graceSeconds < uptimeSeconds()
