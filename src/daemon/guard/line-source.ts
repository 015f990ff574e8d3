/** Lines for a filter, one after the other, from where they come. */
import type { Filter, LineSource } from '../../guard/filter/index.ts'
import type { Batch } from '../../linux/follow/index.ts'

/** Lines whose times may be known. */
export interface TimedSource extends LineSource {
  /** When the line that was given last was written, where somebody knows better than its text: the journal. */
  readonly timeMs?: number | undefined
}

/** The lines of a batch that the filter has to look at. */
export function batchSource(batch: Batch, filter: Filter, nowMs: number): TimedSource {
  const { block } = batch
  return block === null ? listSource(batch.lines.map((text) => ({ text }))) : filter.sift(block, nowMs)
}

/** All lines of a list. */
export function listSource(
  lines: readonly { readonly text: string; readonly timeMs?: number }[],
): TimedSource {
  let at = 0
  return {
    get timeMs() {
      return lines[at - 1]?.timeMs
    },
    next: () => lines[at++]?.text ?? null,
  }
}
