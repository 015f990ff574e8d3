/**
 * Which time a line counts with, where the log's clock and the machine's disagree: fail2ban's rule for its jails.
 *
 * While a jail catches up with what was written before, lines older than the find time say nothing any more. Once it
 * follows a log as it is written, a line that is more than a minute off was written just now by a clock that is wrong.
 */
const oddMs = 60_000

/** The time to count with, in milliseconds since 1970; null when the line is too old to count. */
export function lineTime(
  timeMs: number,
  { nowMs, findTimeSeconds, catchingUp }: { nowMs: number; findTimeSeconds: number; catchingUp: boolean },
): number | null {
  if (catchingUp) return timeMs < nowMs - findTimeSeconds * 1000 ? null : Math.min(timeMs, nowMs)
  // Whole seconds, cut towards zero, are compared.
  const offSeconds = Math.trunc((timeMs - nowMs) / 1000)
  return Math.abs(offSeconds) * 1000 > oddMs ? nowMs : Math.min(timeMs, nowMs)
}
