/**
 * The exact sliding window: `count` is the largest number of attempts within one find time that holds the failure just
 * counted, in whatever order the lines came.
 *
 * Two failures are within one find time when they are `findTimeSeconds` apart or less.
 */
import {
  type CountedFailure,
  type CounterLimits,
  type FailureCount,
  type FailureMemory,
  keptMatches,
} from './counter.ts'

/** Counts one failure and returns what is now remembered of its id. */
export function countExactly(
  memory: FailureMemory,
  failure: CountedFailure,
  limits: CounterLimits,
): FailureCount {
  const { id, timeSeconds, attempts, matches, nowMs } = failure
  const before = memory.get(id)
  const times = before?.times ?? []
  // More than maxRetry at one moment says no more than maxRetry.
  insert(times, timeSeconds, Math.min(attempts, limits.maxRetry))
  const newest = times.at(-1)!
  // Late lines may still fall into a window that begins one find time earlier.
  dropBefore(times, newest - 2 * limits.findTimeSeconds)
  const count: FailureCount = {
    id,
    firstSeconds: times[0] ?? timeSeconds,
    lastSeconds: newest,
    count: mostWithin(times, timeSeconds, limits.findTimeSeconds),
    failures: (before?.failures ?? 0) + attempts,
    matches: keptMatches(before?.matches ?? [], matches, limits.maxMatches),
    times,
    touchedMs: nowMs,
  }
  memory.put(count)
  return count
}

function insert(times: number[], time: number, copies: number): void {
  let at = times.length
  while (0 < at && time < times[at - 1]!) at--
  times.splice(at, 0, ...Array<number>(copies).fill(time))
}

function dropBefore(times: number[], oldest: number): void {
  let keep = 0
  while (keep < times.length && times[keep]! < oldest) keep++
  if (0 < keep) times.splice(0, keep)
}

/** The most times that lie in one window of this width which holds `time`. */
function mostWithin(times: readonly number[], time: number, width: number): number {
  let most = 0
  let start = 0
  for (let end = 0; end < times.length; end++) {
    while (times[start]! < times[end]! - width) start++
    if (times[start]! <= time && time <= times[end]!) most = Math.max(most, end - start + 1)
  }
  return most
}
