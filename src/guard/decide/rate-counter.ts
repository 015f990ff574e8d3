/**
 * fail2ban's way of counting: not a sliding window, but a rate.
 *
 * An id has a counter, a first and a last time. Where a failure comes more than the find time after the first, the
 * counter becomes what the rate so far makes of one find time, and the first time moves up. So five failures 160 s
 * apart ban with `maxretry = 5` and `findtime = 600`. A failure older than the last adds one and moves nothing.
 */
import {
  type CountedFailure,
  type CounterLimits,
  type FailureCount,
  type FailureMemory,
  keptMatches,
} from './counter.ts'
import { roundHalfEven } from './expression.ts'

/** Counts one failure and returns what is now remembered of its id. */
export function countRate(
  memory: FailureMemory,
  failure: CountedFailure,
  limits: CounterLimits,
): FailureCount {
  const { id, timeSeconds, attempts, countsAs, matches, nowMs } = failure
  const before = memory.get(id)
  const count: FailureCount = before ?? {
    id,
    firstSeconds: timeSeconds,
    lastSeconds: timeSeconds,
    count: 0,
    failures: 0,
    matches: [],
    touchedMs: nowMs,
  }
  adjustTime(count, timeSeconds, limits.findTimeSeconds)
  // A line that tells of several attempts counts once: they show in the failures of the ban alone.
  count.count += countsAs
  count.failures += attempts
  count.matches = keptMatches(count.matches, matches, limits.maxMatches)
  count.touchedMs = nowMs
  memory.put(count)
  return count
}

function adjustTime(count: FailureCount, timeSeconds: number, findTimeSeconds: number): void {
  if (timeSeconds <= count.lastSeconds) return
  if (count.firstSeconds < timeSeconds - findTimeSeconds) {
    const rate = count.count / (timeSeconds - count.firstSeconds)
    count.count = roundHalfEven(rate * findTimeSeconds)
    count.firstSeconds = timeSeconds - findTimeSeconds
  }
  count.lastSeconds = timeSeconds
}

/** Adds weight to what was just counted: fail2ban's observer does so for ids it knows. */
export function addWeight(
  memory: FailureMemory,
  count: FailureCount,
  weight: number,
  attempts: number,
): void {
  count.count += weight
  count.failures += attempts
  memory.put(count)
}
