/** Test Anything Protocol, version 14: a test point for each case, with a YAML block where it failed. */
import { stringify } from 'yaml'
import type { FileReport } from './file-report.ts'

export function renderTap(files: readonly FileReport[]): string {
  const points = files.flatMap(({ name, cases, problem }) =>
    problem === null
      ? cases.map((report) => ({ title: titleOf(name, report.part.name, report.judge), report, problem: null }))
      : [{ title: name, report: null, problem }],
  )
  const lines = ['TAP version 14', `1..${points.length}`]
  for (const [at, { title, report, problem }] of points.entries()) {
    const failed = problem !== null || report!.failed
    lines.push(`${failed ? 'not ok' : 'ok'} ${at + 1} - ${title.replaceAll('#', '\\#')}`)
    if (problem !== null) lines.push(...yamlBlock({ message: problem }))
    else if (failed) lines.push(...yamlBlock({ failures: failuresOf(report!) }))
  }
  return `${lines.join('\n')}\n`
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
    mismatches.map(({ field, expected, actual }) => ({ step: step.number, packet: step.text, field, expected, actual })),
  )
