/** `postern`: reads a request, calls the rooms above, renders. */
import { Command as Commander, CommanderError, Option } from 'commander'
import { RulesRefused } from '../scenario/rules.ts'
import type { Command, Example } from './command.ts'
import { commands, groups } from './commands.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'
import { withPlainFileErrors } from './file-errors.ts'
import { helpCommand } from './help.ts'
import { renderDiagnostics } from './report/diagnostics.ts'
import { version } from './version.ts'

/** Runs one command line and returns its exit status. Never throws for user input. */
export async function run(argv: readonly string[], outside: Environment): Promise<number> {
  const environment = withPlainFileErrors(outside)
  let status: number = exit.ok
  const program = buildProgram(environment, (code) => {
    status = code
  })
  try {
    const other = commands.find(({ name, ownWords }) => ownWords && name === argv[0])
    if (other !== undefined && !asksForHelp(argv[1])) return await other.run(argv.slice(1), {}, environment)
    await program.parseAsync([...argv], { from: 'user' })
    return status
  } catch (error) {
    return report(error, environment)
  }
}

const asksForHelp = (word: string | undefined): boolean => word === '-h' || word === '--help'

/** What a newcomer tries first; each runs in a checkout. */
export const firstSteps: readonly Example[] = [
  { does: 'What is wrong with these rules?', command: 'postern check examples/log-clog/article.sh' },
  {
    does: 'Why is this packet dropped?',
    command: 'postern trace examples/port-knock/rules.v4 "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:3306 syn"',
  },
  {
    does: 'What would have become of the packets of a capture?',
    command: 'postern replay examples/port-knock/rules.v4 examples/port-knock/knocks.pcapng',
  },
  {
    does: 'Do rules do what they are meant to do, packet after packet?',
    command: 'postern test examples/port-knock/scenario.yaml',
  },
]

/** The whole command tree; also what the manual is made from. */
export function buildProgram(environment: Environment, finish: (status: number) => void): Commander {
  const program = new Commander('postern')
    .description(
      'Linux firewalls that remember: test, explain and prove iptables rules, exactly as the kernel runs them.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .helpOption('-h, --help', 'print this')
    .configureHelp({
      subcommandTerm: (sub) => `${sub.name()} ${sub.usage().replace(/^\[options\] ?/, '')}`.trim(),
    })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.stdout(text),
      writeErr: (text) => environment.stderr(text),
      getOutHelpWidth: () => Math.min(environment.columns, 100),
      getErrHelpWidth: () => Math.min(environment.columns, 100),
      outputError: (text, write) => write(text.replace(/\n\(Did you mean (.*)\?\)/, '\n  try: $1')),
    })
    .showHelpAfterError('  try: postern --help')
    .addHelpText('after', `\n${printExamples('What to try first', firstSteps)}\n${closing}`)
  const help = helpCommand({
    names: [...commands.map(({ name }) => name), ...groups.map(({ name }) => name), 'help'],
    print: (name) => find(program, name?.split(' ') ?? []).helpInformation({ error: false }),
  })
  for (const command of [...commands, help]) addCommand(program, command, environment, finish)
  return program
}

function addCommand(
  program: Commander,
  command: Command,
  environment: Environment,
  finish: (status: number) => void,
): void {
  const words = command.name.split(' ')
  const parent = words.length === 1 ? program : groupOf(program, words[0]!)
  const sub = parent
    .command(words.at(-1)!)
    .summary(command.summary)
    .description(command.description)
    .helpOption('-h, --help', 'print this')
    .showHelpAfterError(`  try: postern ${command.name} --help`)
  for (const { name, doc } of command.arguments) sub.argument(name, doc)
  for (const row of command.options) {
    const option = new Option(row.flags, row.doc)
    if (row.choices) option.choices([...row.choices])
    if (row.repeatable) option.argParser((value: string, all: string[] = []) => [...all, value])
    sub.addOption(option)
  }
  if (command.examples.length > 0)
    sub.addHelpText('after', `\n${printExamples('Examples', command.examples)}`)
  sub.action(async (...received: unknown[]) => {
    const args = received
      .slice(0, command.arguments.length)
      .flat()
      .filter((arg) => arg !== undefined) as string[]
    finish(await command.run(args, sub.opts(), environment))
  })
}

/** The command of that words in the tree; the program itself for none. */
const find = (program: Commander, words: readonly string[]): Commander =>
  words.reduce((parent, word) => parent.commands.find((sub) => sub.name() === word) ?? parent, program)

/** The command that stands before those of its group: `guard` of `guard config`. */
function groupOf(program: Commander, name: string): Commander {
  const known = program.commands.find((sub) => sub.name() === name)
  if (known !== undefined) return known
  return program
    .command(name)
    .description(groups.find((group) => group.name === name)!.summary)
    .helpCommand(false)
    .helpOption('-h, --help', 'print this')
    .showHelpAfterError(`  try: postern ${name} --help`)
}

const closing = 'postern COMMAND --help tells more; postern help -m recent explains a match.'

const printExamples = (title: string, examples: readonly Example[]): string =>
  `${title}:\n${examples.map(({ does, command }) => `  # ${does}\n  $ ${command}\n`).join('')}`

function report(error: unknown, environment: Environment): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.ok : exit.usage
  if (error instanceof UsageError || error instanceof UnavailableError) {
    environment.stderr(`error: ${error.message}\n${error.hint === null ? '' : `  try: ${error.hint}\n`}`)
    return error instanceof UsageError ? exit.usage : exit.unavailable
  }
  if (error instanceof RulesRefused) {
    environment.stderr(renderDiagnostics(error.diagnostics, environment, 'stderr'))
    return exit.finding
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  environment.stderr(`postern has a defect; please report it with the input that caused it:\n${text}\n`)
  return exit.unavailable
}
