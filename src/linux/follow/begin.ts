/** Where to begin in a log that was never read: the first line that is new enough, found by halving. */
import type { Content } from './position.ts'

/** Bytes read at each place that is looked at. */
const sampleBytes = 1 << 14
/** Bytes before the place found that are read all the same: times of lines are not strictly in order. */
const marginBytes = 1 << 16

/**
 * The offset of a line's start, so that lines before it are older than `fromMs`, but for those that are out of order.
 *
 * `timeOf` gives a line's time in milliseconds since 1970, or null where it has none.
 */
export function beginAt(content: Content, fromMs: number, timeOf: (line: string) => number | null): number {
  let low = 0
  let high = content.size()
  while (high - low > marginBytes) {
    const middle = Math.floor((low + high) / 2)
    const timeMs = firstTime(content, middle, timeOf)
    if (timeMs === null || fromMs <= timeMs) high = middle
    else low = middle
  }
  const from = Math.max(0, low - marginBytes)
  if (from === 0) return 0
  return from + content.read(from, sampleBytes).indexOf(0x0a) + 1
}

function firstTime(content: Content, offset: number, timeOf: (line: string) => number | null): number | null {
  const lines = content.read(offset, sampleBytes).toString('utf8').split('\n').slice(1, -1)
  for (const line of lines) {
    const timeMs = timeOf(line)
    if (timeMs !== null) return timeMs
  }
  return null
}
