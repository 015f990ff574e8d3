/** A case as a readable timeline, and its failures as a diff. */

import { printDuration } from '../../scenario/duration.ts'
import type { Mismatch } from '../../scenario/expect.ts'
import { printOutcome } from '../../scenario/flow/outcome.ts'
import type { CaseReport, StepReport } from '../../scenario/run.ts'
import { cutToColumns, type Palette, paintVerdict } from '../style.ts'

/**
 * A line a step: when, verdict, decided by, packet. Steps that part from their expectation carry a mark and, below,
 * what was expected and what came. Lines end at `columns` unless that is 0.
 * `parted`: the step at which another judge answered otherwise. The packets of a flow are told where it failed or
 * parted; `verbose`: of every flow.
 */
export function renderTimeline(
  report: CaseReport,
  colors: Palette,
  columns: number,
  parted: number | null = null,
  verbose = false,
): string[] {
  const { steps } = report
  const timeWidth = Math.max(...steps.map(({ step }) => printDuration(step.atNs).length), 2)
  const deciders = steps.flatMap(({ result }) =>
    [result, ...(result.packets ?? [])].map(({ by }) => decider(by)),
  )
  const byWidth = Math.min(28, Math.max(...deciders.map(({ length }) => length), 6))
  return steps.flatMap((step) => renderStep(step, { colors, columns, timeWidth, byWidth, parted, verbose }))
}

interface Layout {
  readonly colors: Palette
  readonly columns: number
  readonly timeWidth: number
  readonly byWidth: number
  readonly parted: number | null
  readonly verbose: boolean
}

function renderStep({ step, result, mismatches }: StepReport, layout: Layout): string[] {
  const { colors, columns, timeWidth, byWidth, parted, verbose } = layout
  const failed = mismatches.length > 0
  const mark = failed ? colors.red('✗') : step.number === parted ? colors.red('≠') : ' '
  const time = printDuration(step.atNs).padStart(timeWidth)
  const verdict = result.verdict ?? (result.error ? 'error' : 'done')
  const by = decider(result.by).padEnd(byWidth)
  const indent = 2 + 2 + timeWidth + 2
  const room = columns > 0 ? Math.max(8, columns - (indent + 6 + 2 + byWidth + 2)) : 0
  const outcome = result.flow === undefined ? '' : `  → ${printOutcome(result.flow)}`
  const text = cutToColumns(step.text, room === 0 ? 0 : Math.max(8, room - outcome.length))
  const painted =
    result.verdict === null
      ? colors.blue(verdict.padEnd(6))
      : paintVerdict(colors, verdict, verdict.padEnd(6))
  const lines = [`  ${mark} ${colors.dim(time)}  ${painted}  ${by}  ${text}${colors.bold(outcome)}`]
  const tellsPackets = verbose || failed || step.number === parted
  for (const { verdict: its, by: itsBy, packet } of tellsPackets ? (result.packets ?? []) : []) {
    const columnsOfIt = [
      (its ?? 'done').padEnd(6),
      decider(itsBy).padEnd(byWidth),
      cutToColumns(packet, room),
    ]
    lines.push(colors.dim(' '.repeat(indent) + columnsOfIt.join('  ')))
  }
  if (result.error) lines.push(`      ${colors.red(result.error)}`)
  for (const line of result.log) lines.push(colors.dim(`      log: ${line}`))
  return [...lines, ...mismatches.flatMap((mismatch) => renderMismatch(mismatch, colors))]
}

const decider = (by: string | null): string => (by ?? '').replace(/^filter\//, '')

function renderMismatch({ field, expected, actual }: Mismatch, colors: Palette): string[] {
  const block = (label: string, text: string, paint: (text: string) => string) =>
    text.split('\n').map((line, at) => `      ${at === 0 ? label : ' '.repeat(label.length)}  ${paint(line)}`)
  const name = `${field}:`.padEnd(10)
  return [
    ...block(`${name} expected`, expected, colors.green),
    ...block(`${' '.repeat(10)} but got `, actual, colors.red),
  ]
}
