/** `postern`: reads a request, calls the rooms above, renders. */
import { Command as Commander, CommanderError, Option } from 'commander'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'
import { version } from './version.ts'

/** Runs one command line and returns its exit status. Never throws for user input. */
export async function run(argv: readonly string[], environment: Environment): Promise<number> {
  let status: number = exit.ok
  const program = buildProgram(environment, (code) => {
    status = code
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return status
  } catch (error) {
    return report(error, environment)
  }
}

/** The whole command tree; also what the manual is made from. */
export function buildProgram(environment: Environment, finish: (status: number) => void): Commander {
  const program = new Commander('postern')
    .description(
      'Linux firewalls that remember: test, explain and prove iptables rules, exactly as the kernel runs them.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.stdout(text),
      writeErr: (text) => environment.stderr(text),
      getOutHelpWidth: () => Math.min(environment.columns, 100),
      getErrHelpWidth: () => Math.min(environment.columns, 100),
    })
    .showHelpAfterError('(try --help)')
  for (const command of commands) addCommand(program, command, environment, finish)
  return program
}

function addCommand(
  program: Commander,
  command: Command,
  environment: Environment,
  finish: (status: number) => void,
): void {
  const sub = program.command(command.name).summary(command.summary).description(command.description)
  for (const { name, doc } of command.arguments) sub.argument(name, doc)
  for (const row of command.options) {
    const option = new Option(row.flags, row.doc)
    if (row.choices) option.choices([...row.choices])
    if (row.repeatable) option.argParser((value: string, all: string[] = []) => [...all, value])
    sub.addOption(option)
  }
  if (command.examples.length > 0) sub.addHelpText('after', `\n${printExamples(command)}`)
  sub.action(async (...received: unknown[]) => {
    const args = received
      .slice(0, command.arguments.length)
      .flat()
      .filter((arg) => arg !== undefined) as string[]
    finish(await command.run(args, sub.opts(), environment))
  })
}

function printExamples({ examples }: Command): string {
  return `Examples:\n${examples.map(({ does, command }) => `  # ${does}\n  $ ${command}\n`).join('')}`
}

function report(error: unknown, environment: Environment): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.ok : exit.usage
  if (error instanceof UsageError || error instanceof UnavailableError) {
    environment.stderr(`error: ${error.message}\n${error.hint === null ? '' : `  try: ${error.hint}\n`}`)
    return error instanceof UsageError ? exit.usage : exit.unavailable
  }
  const failure = describeFileError(error)
  if (failure !== null) {
    environment.stderr(`error: ${failure}\n`)
    return exit.usage
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  environment.stderr(`postern has a defect; please report it with the input that caused it:\n${text}\n`)
  return exit.unavailable
}

function describeFileError(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  const path = 'path' in error ? String(error.path) : 'the file'
  switch (error.code) {
    case 'ENOENT':
      return `${path}: no such file`
    case 'EACCES':
    case 'EPERM':
      return `${path}: not allowed`
    case 'EISDIR':
      return `${path}: is a folder`
    case 'ENOSPC':
      return `${path}: no space left`
    default:
      return null
  }
}
