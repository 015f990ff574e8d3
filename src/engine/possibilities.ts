/** What may become of a packet where rules ask for what nobody said: each outcome, with what is supposed for it. */
import type { OpenQuestion } from '../ext/context.ts'
import type { Outcome } from './outcome.ts'
import type { Supposition } from './suppositions.ts'

export interface Possibility<Run> {
  /** In the order in which rules ask; none where nothing is unknown. */
  readonly supposing: readonly Supposition[]
  readonly run: Run
}

export interface Possibilities<Run> {
  readonly list: readonly Possibility<Run>[]
  /** Whether there are more than were looked at. */
  readonly isCut: boolean
}

interface HasOutcome {
  readonly outcome: Pick<Outcome, 'openQuestion'>
}

/** Outcomes that anybody would want to read. */
const most = 16

/**
 * Runs the packet once for each way in which its questions can be answered, first as if they held. `run` must begin
 * from the same state of the host each time.
 */
export function possibilities<Run extends HasOutcome>(
  run: (supposing: readonly Supposition[]) => Run,
): Possibilities<Run> {
  const list: Possibility<Run>[] = []
  const open: (readonly Supposition[])[] = [[]]
  while (open.length > 0 && list.length < most) {
    const supposing = open.pop()!
    const one = run(supposing)
    const question: OpenQuestion | undefined = one.outcome.openQuestion
    if (question === undefined) list.push({ supposing, run: one })
    else for (const holds of [false, true]) open.push([...supposing, { ...question, holds }])
  }
  return { list, isCut: open.length > 0 }
}

/** `cpu=0`, or `not cpu=0`. */
export const printSupposition = ({ proposition, holds }: Supposition): string =>
  `${holds ? '' : 'not '}${proposition.replace('<', '=')}`
