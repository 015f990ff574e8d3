/** The readable report of `postern test`. */

import { fold } from '../../lang/display.ts'
import { printDuration } from '../../scenario/duration.ts'
import type { CaseReport } from '../../scenario/run.ts'
import type { Palette } from '../style.ts'
import type { Difference, FileReport } from './file-report.ts'
import { renderTimeline } from './timeline.ts'

export interface TextStyle {
  readonly colors: Palette
  readonly columns: number
  readonly verbose: boolean
}

export function renderFile({ name, cases, differences, problem }: FileReport, style: TextStyle): string[] {
  const { colors } = style
  if (problem !== null) return [`${colors.red('✗')} ${colors.bold(name)}`, problem]
  return [
    colors.bold(name),
    ...cases.flatMap((report) => renderCase(report, style)),
    ...differences.flatMap((difference) => renderDifference(difference, style)),
  ]
}

function renderCase(report: CaseReport, style: TextStyle): string[] {
  const { colors, columns, verbose } = style
  const { part, judge, steps, failed } = report
  const last = steps.at(-1)?.step.atNs ?? 0n
  const title = part.name === '' ? 'steps' : part.name
  const facts = `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}, ${printDuration(last)}, ${judge}`
  const head = `${failed ? colors.red('✗') : colors.green('✓')} ${title} ${colors.dim(`(${facts})`)}`
  return failed || verbose ? [head, ...renderTimeline(report, colors, columns, null, verbose)] : [head]
}

function renderDifference({ part, engine, kernel, step, what }: Difference, style: TextStyle): string[] {
  const { colors } = style
  const place = step === null ? 'at the end' : `at step ${step}`
  const packet = step === null ? [] : [part.steps[step - 1]?.text ?? '']
  return [
    `${colors.red('≠')} ${part.name === '' ? 'steps' : part.name}: engine and kernel differ ${place}`,
    ...[...packet, ...what.split('\n')].flatMap((line) => fold(line, '    ', style.columns)),
    ...[engine, kernel].flatMap((report) => [
      `  ${colors.bold(report.judge)}`,
      ...renderTimeline(report, colors, style.columns, step),
    ]),
  ]
}

/** `12 cases passed, 1 failed`, and how many differ where both judges ran. */
export function renderSummary(files: readonly FileReport[], colors: Palette): string {
  const cases = files.flatMap((file) => file.cases)
  const failed = cases.filter((report) => report.failed).length
  const broken = files.filter(({ problem }) => problem !== null).length
  const differing = files.reduce((sum, { differences }) => sum + differences.length, 0)
  const parts = [
    colors.green(`${cases.length - failed} passed`),
    ...(failed > 0 ? [colors.red(`${failed} failed`)] : []),
    ...(differing > 0
      ? [colors.red(`${differing} ${differing === 1 ? 'differs' : 'differ'} between engine and kernel`)]
      : []),
    ...(broken > 0 ? [colors.red(`${broken} could not be read`)] : []),
  ]
  return parts.join(', ')
}
