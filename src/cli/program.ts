/** The command line of `postern`, as commander reads it: the names of all commands, and all of the one that is called. */
import { Command as Commander, CommanderError, Option } from 'commander'
import { type Command, type Example, purposeOf } from './command.ts'
import { type CommandEntry, groups } from './commands.ts'
import { type Environment, exit } from './environment.ts'
import { version } from './version.ts'

/** Runs the command that was called (null when none was) and returns the exit status. */
export async function runCommandLine(
  argv: readonly string[],
  entries: readonly CommandEntry[],
  called: Command | null,
  environment: Environment,
): Promise<number> {
  let status: number = exit.ok
  const program = buildProgram(entries, called, environment, (code) => {
    status = code
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? exit.ok : exit.usage
  }
}

/** What `--help` prints: of a command, of a group, or of the program for null. */
export function helpText(
  name: string | null,
  entries: readonly CommandEntry[],
  command: Command | null,
  environment: Environment,
): string {
  const program = buildProgram(entries, command, environment, () => {})
  return find(program, name?.split(' ') ?? []).helpInformation({ error: false })
}

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

function buildProgram(
  entries: readonly CommandEntry[],
  called: Command | null,
  environment: Environment,
  finish: (status: number) => void,
): Commander {
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
  for (const entry of entries) {
    if (entry.name === called?.name) addCommand(program, called, environment, finish)
    else addName(program, entry)
  }
  return program
}

function addName(program: Commander, { name, summary, arguments: names }: CommandEntry): void {
  const sub = placeOf(program, name).summary(summary)
  for (const each of names) sub.argument(each)
}

function addCommand(
  program: Commander,
  command: Command,
  environment: Environment,
  finish: (status: number) => void,
): void {
  const sub = placeOf(program, command.name)
    .summary(command.summary)
    .description(command.description)
    .helpOption('-h, --help', 'print this')
    .helpCommand(false)
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

/** A new command of that name, in its group (or below the command whose name is the first word) where it has two words. */
function placeOf(program: Commander, name: string): Commander {
  const words = name.split(' ')
  return (words.length === 1 ? program : groupOf(program, words[0]!)).command(words.at(-1)!)
}

/** The command of those words in the tree; the program itself for none. */
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
  `${title}:\n${examples.map((example) => `  # ${purposeOf(example)}\n  $ ${example.command}\n`).join('')}`
