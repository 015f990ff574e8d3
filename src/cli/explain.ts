/** `postern explain`: what a diagnostic means, with an example and the way out. */
import { catalogue, type ExplainedCode, entryOf, shown } from '../ext/catalogue/index.ts'
import { guardCatalogue } from '../guard/config/catalogue.ts'
import { fold } from '../lang/display.ts'
import { nearest } from '../lang/suggest.ts'
import type { Command } from './command.ts'
import { exit, UsageError } from './environment.ts'

const everything: readonly ExplainedCode[] = [...catalogue, ...guardCatalogue]

export const explain: Command = {
  name: 'explain',
  summary: 'say what the code of a diagnostic means',
  description:
    'Explains diagnostics of postern check and postern guard by their codes: what is meant, an example, and the same mended. Without a ' +
    'code, lists them all.',
  arguments: [{ name: '[code...]', doc: 'as it stands in brackets behind error or warning' }],
  options: [],
  examples: [
    { does: 'Why is a rule unreachable?', command: 'postern explain rule/unreachable' },
    { does: 'What else could be said?', command: 'postern explain' },
  ],

  async run(codes, _options, environment) {
    const columns = Math.min(environment.columns, 100)
    environment.stdout(
      codes.length === 0
        ? everything.map(({ code, severity }) => `${severity.padEnd(7)}  ${code}\n`).join('')
        : codes.map((code) => explained(code, columns)).join('\n'),
    )
    return exit.ok
  },
}

function explained(code: string, columns: number): string {
  const entry = guardCatalogue.find((each) => each.code === code) ?? entryOf(code)
  if (entry !== null) return printEntry(code, entry, columns)
  const near = nearest(
    code,
    everything.map((each) => each.code),
  )
  throw new UsageError(
    `there is no diagnostic "${code}"`,
    near === null ? 'postern explain' : `postern explain ${near}`,
  )
}

function printEntry(
  code: string,
  { severity, means, wrong, mended, file }: ExplainedCode,
  columns: number,
): string {
  const block = (text: string) => shown(text).replace(/^/gm, '    ')
  return [
    `${severity}[${code}]`,
    ...fold(means, '  ', columns),
    '',
    ...(wrong === undefined
      ? []
      : [`  for example${file === undefined ? '' : ` in ${file}`} (« » mark the place):`, block(wrong)]),
    ...(mended === undefined ? [] : ['  mended:', block(mended), '']),
  ].join('\n')
}
