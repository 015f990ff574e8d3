/**
 * Manual pages, from the same tables as `--help`. Read with `man -l man/postern-check.1`.
 *
 * Format: man(7) macros, as every Linux man-db reads them.
 */
import { type Command, purposeOf } from './command.ts'
import { version } from './version.ts'

export interface ManualPage {
  /** `postern-check.1` */
  readonly fileName: string
  readonly text: string
}

const description =
  'runs Linux firewalls in user space exactly as the kernel would, so that iptables rules can be tested, explained and compared with the real kernel before they are in force.'

/** The overview and a page for each command. */
export function manualPages(commands: readonly Command[]): ManualPage[] {
  return [overviewPage(commands), ...commands.map(commandPage)]
}

function overviewPage(commands: readonly Command[]): ManualPage {
  const lines = [
    ...head('postern', 'Linux firewalls that remember'),
    '.SH SYNOPSIS',
    '.B postern',
    '.I command',
    '[\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH DESCRIPTION',
    `.B postern`,
    escapeRoff(description),
    '.SH COMMANDS',
    ...commands.flatMap(({ name, summary }) => [
      '.TP',
      `\\fBpostern\\-${escapeRoff(name.replace(' ', '-'))}\\fR(1)`,
      escapeRoff(summary),
    ]),
    ...exitStatus,
  ]
  return page('postern', lines)
}

const exitStatus = [
  '.SH EXIT STATUS',
  ...[
    ['0', 'done, and all is well'],
    ['1', 'a finding: a failed test, an error in the rules'],
    ['2', 'the command was called wrongly'],
    ['3', 'this machine lacks something (privilege, a component); the message says how to get it'],
    ['70', 'postern itself has a defect; the message asks for a report'],
  ].flatMap(([status, meaning]) => ['.TP', `.B ${status}`, escapeRoff(meaning!)]),
]

function commandPage(command: Command): ManualPage {
  const name = `postern-${command.name.replace(' ', '-')}`
  const synopsis = [...command.arguments.map(({ name: argument }) => escapeRoff(argument))].join(' ')
  const lines = [
    ...head(name, command.summary),
    '.SH SYNOPSIS',
    `.B postern ${escapeRoff(command.name)}`,
    `[\\fIoptions\\fR] ${synopsis}`,
    '.SH DESCRIPTION',
    ...command.description.split('\n\n').flatMap((paragraph) => ['.PP', escapeRoff(paragraph)]),
    ...section(
      'ARGUMENTS',
      command.arguments.map(({ name: argument, doc }) => [argument, doc]),
    ),
    ...section(
      'OPTIONS',
      command.options.map(({ flags, doc }) => [flags, doc]),
    ),
    ...(command.examples.length === 0 ? [] : ['.SH EXAMPLES']),
    ...command.examples.flatMap((example) => [
      '.PP',
      `${escapeRoff(purposeOf(example))}:`,
      '.PP',
      '.RS 4',
      '.EX',
      escapeRoff(example.command),
      '.EE',
      '.RE',
    ]),
    ...exitStatus,
    '.SH SEE ALSO',
    '\\fBpostern\\fR(1)',
  ]
  return page(name, lines)
}

function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return []
  return [
    `.SH ${title}`,
    ...rows.flatMap(([term, doc]) => ['.TP', `\\fB${escapeRoff(term)}\\fR`, escapeRoff(doc)]),
  ]
}

const head = (name: string, summary: string): string[] => [
  `.TH ${escapeRoff(name.toUpperCase())} 1 "" "postern ${version}" "Postern manual"`,
  '.SH NAME',
  `${escapeRoff(name)} \\- ${escapeRoff(summary)}`,
]

const page = (name: string, lines: readonly string[]): ManualPage => ({
  fileName: `${name}.1`,
  text: `${lines.join('\n')}\n`,
})

/** Backslashes, hyphens (so that they can be copied) and line starts that would be requests. */
function escapeRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
}
