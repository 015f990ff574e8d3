/** A case as a readable timeline, and its failures as a diff. */

import { printDuration } from '../../scenario/duration.ts'
import type { Mismatch } from '../../scenario/expect.ts'
import type { CaseReport, StepReport } from '../../scenario/run.ts'
import { type Palette, paintVerdict } from '../style.ts'

/**
 * A line a step: when, verdict, decided by, packet. Steps that part from their expectation carry a mark and, below,
 * what was expected and what came. Lines end at `columns` unless that is 0.
 * `parted`: the step at which another judge answered otherwise.
 */
export function renderTimeline(
  report: CaseReport,
  colors: Palette,
  columns: number,
  parted: number | null = null,
): string[] {
  const { steps } = report
  const timeWidth = Math.max(...steps.map(({ step }) => printDuration(step.atNs).length), 2)
  const byWidth = Math.min(28, Math.max(...steps.map(({ result }) => decider(result.by).length), 6))
  return steps.flatMap((step) => renderStep(step, { colors, columns, timeWidth, byWidth, parted }))
}

interface Layout {
  readonly colors: Palette
  readonly columns: number
  readonly timeWidth: number
  readonly byWidth: number
  readonly parted: number | null
}

function renderStep({ step, result, mismatches }: StepReport, layout: Layout): string[] {
  const { colors, columns, timeWidth, byWidth, parted } = layout
  const failed = mismatches.length > 0
  const mark = failed ? colors.red('✗') : step.number === parted ? colors.red('≠') : ' '
  const time = printDuration(step.atNs).padStart(timeWidth)
  const verdict = result.verdict ?? (result.error ? 'error' : 'done')
  const by = decider(result.by).padEnd(byWidth)
  const room = columns - (2 + 2 + timeWidth + 2 + 6 + 2 + byWidth + 2)
  const text =
    columns > 0 && step.text.length > room ? `${step.text.slice(0, Math.max(room - 1, 8))}…` : step.text
  const painted =
    result.verdict === null
      ? colors.blue(verdict.padEnd(6))
      : paintVerdict(colors, verdict, verdict.padEnd(6))
  const lines = [`  ${mark} ${colors.dim(time)}  ${painted}  ${by}  ${text}`]
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
