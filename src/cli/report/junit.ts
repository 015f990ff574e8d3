/** JUnit XML, as CI systems read it: a suite for each file, a test case for each case. */
import type { Difference, FileReport } from './file-report.ts'

export function renderJunit(files: readonly FileReport[]): string {
  const suites = files.map(renderSuite)
  const total = files.reduce((sum, file) => sum + count(file).tests, 0)
  const failures = files.reduce((sum, file) => sum + count(file).failures, 0)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="postern" tests="${total}" failures="${failures}">`,
    ...suites.flat(),
    '</testsuites>',
    '',
  ].join('\n')
}

function count({ cases, differences, problem }: FileReport): { tests: number; failures: number } {
  if (problem !== null) return { tests: 1, failures: 1 }
  const failed = cases.filter((report) => report.failed).length
  return { tests: cases.length + differences.length, failures: failed + differences.length }
}

function renderSuite(file: FileReport): string[] {
  const { tests, failures } = count(file)
  const name = escapeXml(file.name)
  const open = `  <testsuite name="${name}" tests="${tests}" failures="${failures}">`
  if (file.problem !== null) {
    return [
      open,
      `    <testcase classname="${name}" name="reads">`,
      `      <failure message="the file cannot be run">${escapeXml(file.problem)}</failure>`,
      '    </testcase>',
      '  </testsuite>',
    ]
  }
  return [
    open,
    ...file.cases.flatMap((report) => renderCase(name, report)),
    ...file.differences.flatMap((difference) => renderDifference(name, difference)),
    '  </testsuite>',
  ]
}

function renderCase(suite: string, { part, judge, steps, failed }: FileReport['cases'][number]): string[] {
  const name = escapeXml(`${part.name === '' ? 'steps' : part.name} (${judge})`)
  if (!failed) return [`    <testcase classname="${suite}" name="${name}"/>`]
  const failures = steps.flatMap(({ step, mismatches }) =>
    mismatches.map(
      ({ field, expected, actual }) =>
        `      <failure message="${escapeXml(`step ${step.number}: ${field}`)}">${escapeXml(
          `${step.text}\nexpected ${expected}\nbut got  ${actual}`,
        )}</failure>`,
    ),
  )
  return [`    <testcase classname="${suite}" name="${name}">`, ...failures, '    </testcase>']
}

function renderDifference(suite: string, { part, step, what }: Difference): string[] {
  const name = escapeXml(`${part.name === '' ? 'steps' : part.name} (engine and kernel agree)`)
  const place = step === null ? 'at the end' : `at step ${step}`
  return [
    `    <testcase classname="${suite}" name="${name}">`,
    `      <failure message="they differ ${place}">${escapeXml(what)}</failure>`,
    '    </testcase>',
  ]
}

/** XML text and attribute values; control characters that XML 1.0 forbids become U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
}
