/** Test Anything Protocol, version 14: a test point for each case, with a YAML block where it failed. */
import { stringify } from 'yaml'
import type { FileReport } from './file-report.ts'

interface Point {
  readonly title: string
  /** What goes into the YAML block; null for a point that passed. */
  readonly trouble: unknown
}

export function renderTap(files: readonly FileReport[]): string {
  const points = files.flatMap(pointsOf)
  const lines = ['TAP version 14', `1..${points.length}`]
  for (const [at, { title, trouble }] of points.entries()) {
    lines.push(`${trouble === null ? 'ok' : 'not ok'} ${at + 1} - ${title.replaceAll('#', '\\#')}`)
    if (trouble !== null) lines.push(...yamlBlock(trouble))
  }
  return `${lines.join('\n')}\n`
}

function pointsOf({ name, cases, differences, problem }: FileReport): Point[] {
  if (problem !== null) return [{ title: name, trouble: { message: problem } }]
  const compared = differences.map(({ part, step, what }) => ({
    title: titleOf(name, part.name, 'engine and kernel agree'),
    trouble: { step, difference: what },
  }))
  return [
    ...cases.map((report) => ({
      title: titleOf(name, report.part.name, report.judge),
      trouble: report.failed ? { failures: failuresOf(report) } : null,
    })),
    ...compared,
  ]
}

const titleOf = (file: string, part: string, judge: string): string =>
  `${file}${part === '' ? '' : `: ${part}`} (${judge})`

const yamlBlock = (value: unknown): string[] => [
  '  ---',
  ...stringify(value)
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`),
  '  ...',
]

type Report = FileReport['cases'][number]

const failuresOf = (report: Report) =>
  report.steps.flatMap(({ step, mismatches }) =>
    mismatches.map(({ field, expected, actual }) => ({
      step: step.number,
      packet: step.text,
      field,
      expected,
      actual,
    })),
  )
