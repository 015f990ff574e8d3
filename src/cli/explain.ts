/** `postern explain`: what a diagnostic means, with an example and the way out. */
import { type CatalogueEntry, catalogue, entryOf, shown } from '../ext/catalogue/index.ts'
import { fold } from '../lang/display.ts'
import { nearest } from '../lang/suggest.ts'
import type { Command } from './command.ts'
import { exit, UsageError } from './environment.ts'

export const explain: Command = {
  name: 'explain',
  summary: 'say what the code of a diagnostic means',
  description:
    'Explains diagnostics of postern check by their codes: what is meant, an example, and the same mended. Without a ' +
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
        ? catalogue.map(({ code, severity }) => `${severity.padEnd(7)}  ${code}\n`).join('')
        : codes.map((code) => explained(code, columns)).join('\n'),
    )
    return exit.ok
  },
}

function explained(code: string, columns: number): string {
  const entry = entryOf(code)
  if (entry !== null) return printEntry(code, entry, columns)
  const near = nearest(
    code,
    catalogue.map((each) => each.code),
  )
  throw new UsageError(
    `there is no diagnostic "${code}"`,
    near === null ? 'postern explain' : `postern explain ${near}`,
  )
}

function printEntry(
  code: string,
  { severity, means, wrong, mended }: CatalogueEntry,
  columns: number,
): string {
  const block = (text: string) => shown(text).replace(/^/gm, '    ')
  return [
    `${severity}[${code}]`,
    ...fold(means, '  ', columns),
    '',
    '  for example (« » mark the place):',
    block(wrong),
    '  mended:',
    block(mended),
    '',
  ].join('\n')
}
