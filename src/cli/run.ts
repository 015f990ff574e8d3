/** `postern`: reads a request, calls the rooms above, renders. */
import { RulesRefused } from '../scenario/rules-refused.ts'
import { type CommandEntry, commands, groups } from './commands.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'
import { withPlainFileErrors } from './file-errors.ts'
import { renderDiagnostics } from './report/diagnostics.ts'

/** Runs one command line and returns its exit status. Never throws for user input. */
export async function run(argv: readonly string[], outside: Environment): Promise<number> {
  const environment = withPlainFileErrors(outside)
  try {
    const entries = [...commands, helpEntry(environment)]
    // `recent add` before `recent`.
    const fitting = entries.filter(({ name }) => isCalled(name, argv))
    const entry = fitting.toSorted((a, b) => b.name.length - a.name.length)[0]
    const called = (await entry?.load()) ?? null
    if (called?.ownWords && !asksForHelp(argv[1])) return await called.run(argv.slice(1), {}, environment)
    const { runCommandLine } = await import('./program.ts')
    return await runCommandLine(argv, entries, called, environment)
  } catch (error) {
    return report(error, environment)
  }
}

const isCalled = (name: string, argv: readonly string[]): boolean =>
  name.split(' ').every((word, at) => word === argv[at])

const asksForHelp = (word: string | undefined): boolean => word === '-h' || word === '--help'

const helpEntry = (environment: Environment): CommandEntry => {
  const entry: CommandEntry = {
    name: 'help',
    summary: 'explain a command, a match or a target',
    arguments: ['[command...]'],
    async load() {
      const { helpCommand } = await import('./help.ts')
      const entries = [...commands, entry]
      return helpCommand({
        names: [...entries, ...groups].map(({ name }) => name),
        async print(name) {
          const asked = entries.find((each) => each.name === name)
          const { helpText } = await import('./program.ts')
          return helpText(name, entries, (await asked?.load()) ?? null, environment)
        },
      })
    },
  }
  return entry
}

function report(error: unknown, environment: Environment): number {
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
  return exit.defect
}
