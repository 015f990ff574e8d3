/** Where to begin in a log that was never read. */
import type { Filter } from '../../guard/filter/index.ts'
import { beginAt, type Content } from '../../linux/follow/index.ts'

/** The offset from which lines may be new enough to matter, by the filter's own reading of dates. */
export const beginOf =
  (filter: Filter, fromMs: number, nowMs: number) =>
  (content: Content): number =>
    beginAt(content, fromMs, (line) => filter.explain(line, { nowMs }).timeMs ?? null)
