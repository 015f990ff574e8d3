/** Many cases on the kernel, side by side, each at its own times. */
import { printOutcome } from '../../scenario/flow/outcome.ts'
import { type CaseReport, runCase, type StepReport } from '../../scenario/run.ts'
import type { Case } from '../../scenario/scenario.ts'
import { HostNumbers } from './_host-numbers.ts'
import type { Backend } from './_load.ts'
import { compareEnds, compareSteps } from './compare.ts'
import { type KernelStepResult, Lab } from './lab.ts'

export interface KernelRunOptions {
  readonly backend: Backend
  readonly signal?: AbortSignal
  readonly onProgress?: (text: string) => void
  /**
   * Whether a report may stand although a step was late. By default one that met its expectations may.
   */
  readonly isGood?: (part: Case, report: CaseReport) => boolean
}

/** Namespaces that exist at one time. */
const labsAtOnce = 64

/** Time between the starts of two cases, so that their first steps do not wait for each other. */
const staggerMs = 25

/**
 * A step later than this may have met windows and limits otherwise than the scenario means. If the case then came out
 * badly, it says nothing: it is run again when the others have come to their end, with fewer beside it, until it was
 * run this often.
 */
const toleratedLateMs = 100
const attempts = 3

/**
 * Runs every case and returns its report. Namespaces are built before the first step of any case of a batch, since
 * building takes the time that steps must not lose. A batch takes as long as its longest case, so cases of like
 * length go together.
 */
export async function runOnKernel(
  parts: readonly Case[],
  { backend, signal, onProgress = () => {}, isGood = (_, report) => !report.failed }: KernelRunOptions,
): Promise<Map<Case, CaseReport>> {
  const reports = new Map<Case, CaseReport>()
  let waiting = [...parts].sort((a, b) => durationMs(b) - durationMs(a))
  for (let attempt = 1; attempt <= attempts && waiting.length > 0; attempt++) {
    const size = Math.ceil(labsAtOnce / 4 ** (attempt - 1))
    for (let from = 0; from < waiting.length; from += size) {
      if (signal?.aborted) throw new Error('interrupted')
      const batch = waiting.slice(from, from + size)
      onProgress(`${backend}: ${reports.size} of ${parts.length} cases run`)
      for (const [part, report] of await runBatch(batch, backend, signal)) reports.set(part, report)
    }
    waiting = waiting.filter((part) => {
      const report = reports.get(part)!
      return wasLate(report) && !isGood(part, report)
    })
  }
  return reports
}

async function runBatch(
  parts: readonly Case[],
  backend: Backend,
  signal: AbortSignal | undefined,
): Promise<[Case, CaseReport][]> {
  const labs: Lab[] = []
  const closeAll = () => Promise.all(labs.map((lab) => lab.close()))
  signal?.addEventListener('abort', closeAll)
  try {
    for (const { host, rules } of parts) labs.push(await Lab.open(host, rules, { backend }))
    return await Promise.all(
      labs.map(async (lab, at): Promise<[Case, CaseReport]> => {
        await new Promise((resolve) => setTimeout(resolve, at * staggerMs))
        return [parts[at]!, await runCase(parts[at]!, lab)]
      }),
    )
  } finally {
    signal?.removeEventListener('abort', closeAll)
    await closeAll()
  }
}

/** From the first step to the last. */
export const durationMs = ({ steps }: Case): number =>
  Number((steps.at(-1)?.atNs ?? 0n) - (steps[0]?.atNs ?? 0n)) / 1e6

const wasLate = ({ steps }: CaseReport): boolean =>
  steps.some(({ result }) => (result as KernelStepResult).lateMs > toleratedLateMs)

/** Packet by packet; then how the flow ended. */
function compareFlows(
  engine: StepReport,
  kernel: StepReport,
  numbers: readonly [HostNumbers, HostNumbers] | null,
): string | null {
  for (const [at, { name, step, result }] of engine.packets.entries()) {
    const other = kernel.packets[at]
    if (other === undefined) return `packet ${at + 1} (${name}) was sent on the engine, and not on the kernel`
    const what = compareSteps(step, result, other.result, 0, numbers)
    if (what !== null) return `packet ${at + 1} (${step.text}): ${what}`
  }
  const more = kernel.packets[engine.packets.length]
  if (more !== undefined)
    return `packet ${engine.packets.length + 1} (${more.name}) was sent on the kernel, and not on the engine`
  const [mine, other] = [engine, kernel].map(({ result }) => printOutcome(result.flow!))
  return mine === other ? null : `the flow is ${mine} on the engine, and ${other} on the kernel`
}

/** Whether the host speaks TCP with sequence numbers of its own: by its sockets, or as a SYN proxy. */
const choosesNumbers = ({ host, rules, steps }: Case): boolean =>
  host.sockets !== null ||
  rules.some(({ source }) => source.text.includes('SYNPROXY')) ||
  steps.some(
    (step) => 'action' in step && step.action.kind === 'run' && step.action.command.includes('SYNPROXY'),
  )

/** The first place where two reports of one case part: the step (null for the end) and what differs, in words. */
export function firstDifference(
  engine: CaseReport,
  kernel: CaseReport,
): { readonly step: number | null; readonly what: string } | null {
  const numbers = choosesNumbers(engine.part) ? ([new HostNumbers(), new HostNumbers()] as const) : null
  for (const [at, mine] of engine.steps.entries()) {
    const other = kernel.steps[at]!
    const { step } = mine
    const what =
      'flow' in step
        ? compareFlows(mine, other, numbers)
        : compareSteps(step, mine.result, other.result, 0, numbers)
    if (what !== null) return { step: step.number, what }
  }
  const what = compareEnds(engine.end, kernel.end)
  return what === null ? null : { step: null, what }
}
