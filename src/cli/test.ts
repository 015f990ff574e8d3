/** `postern test`: runs scenarios on the engine, on the real kernel, or on both and compares. */
import { dirname, join } from 'node:path'
import { renderDiagnostics } from '../lang/render.ts'
import { SourceText } from '../lang/source.ts'
import { EngineJudge } from '../scenario/engine-judge.ts'
import { readScenario } from '../scenario/read.ts'
import { RulesRefused } from '../scenario/rules.ts'
import { type CaseReport, runCase } from '../scenario/run.ts'
import type { Case, Judge } from '../scenario/scenario.ts'
import type { Command, OptionValues } from './command.ts'
import { jsonOption } from './command.ts'
import { type Environment, exit } from './environment.ts'
import type { Difference, FileReport } from './report/file-report.ts'
import { renderJsonLines } from './report/json-lines.ts'
import { renderJunit } from './report/junit.ts'
import { renderTap } from './report/tap.ts'
import { renderFile, renderSummary } from './report/text.ts'
import { palette } from './style.ts'

type Where = 'engine' | 'kernel' | 'both'
type Backend = 'legacy' | 'nft'

export const test: Command = {
  name: 'test',
  summary: 'run scenarios: packets with expectations',
  description:
    'Runs each scenario file and compares what happens with what it expects. With --on kernel the same file runs on ' +
    "this machine's kernel, in a network namespace that is thrown away; with --on both the two are compared step by " +
    'step, and the first difference is shown.\n\nThe kernel needs root, iptables and iproute2, and takes as long as ' +
    'the times in the scenario; cases run side by side.',
  arguments: [{ name: '<file...>', doc: 'scenario files (YAML)' }],
  options: [
    { flags: '--on <judge>', doc: 'who decides (default: engine)', choices: ['engine', 'kernel', 'both'] },
    { flags: '--backend <name>', doc: 'iptables of the kernel run (default: legacy)', choices: ['legacy', 'nft'] },
    { flags: '--format <name>', doc: 'of the report (default: text)', choices: ['text', 'tap', 'junit'] },
    { flags: '-v, --verbose', doc: 'show the timeline of cases that pass, too' },
    jsonOption,
  ],
  examples: [
    { does: 'check that the knock opens and closes the port', command: 'postern test examples/port-knock/scenario.yaml' },
    { does: 'the same on this kernel', command: 'sudo postern test --on both examples/port-knock/scenario.yaml' },
  ],

  async run(paths, options, environment) {
    const where = (options.on ?? 'engine') as Where
    const backend = (options.backend ?? 'legacy') as Backend
    const judges = await openers(where, backend)
    const files = await Promise.all(paths.map((path) => testFile(path, judges, environment)))
    print(files, options, environment)
    return files.some(isFailed) ? exit.finding : exit.ok
  },
}

/** Opens a judge for a case. */
type Opener = (part: Case) => Promise<Judge>

async function openers(where: Where, backend: Backend): Promise<Opener[]> {
  const engine: Opener = async (part) => new EngineJudge(part)
  if (where === 'engine') return [engine]
  const { Lab } = await import('../linux/lab/index.ts')
  const kernel: Opener = ({ host, rules }) => Lab.open(host, rules, { backend })
  return where === 'kernel' ? [kernel] : [engine, kernel]
}

async function testFile(path: string, judges: readonly Opener[], environment: Environment): Promise<FileReport> {
  const source = new SourceText(path, new TextDecoder().decode(await environment.readFile(path)))
  const { scenario, diagnostics } = await readScenario(source, async (name) =>
    new TextDecoder().decode(await environment.readFile(join(dirname(path), name))),
  )
  if (scenario === null) return unreadable(path, renderDiagnostics(diagnostics))
  try {
    const runs = await Promise.all(
      scenario.cases.map((part) => Promise.all(judges.map((open) => runOn(open, part)))),
    )
    return { name: path, cases: runs.flat(), differences: await differencesOf(runs), problem: null }
  } catch (error) {
    if (error instanceof RulesRefused) return unreadable(path, renderDiagnostics(error.diagnostics))
    throw error
  }
}

const unreadable = (name: string, problem: string): FileReport => ({ name, cases: [], differences: [], problem })

async function runOn(open: Opener, part: Case): Promise<CaseReport> {
  const judge = await open(part)
  try {
    return await runCase(part, judge)
  } finally {
    await judge.close()
  }
}

/** Where two judges of the same case part for the first time. */
async function differencesOf(runs: readonly (readonly CaseReport[])[]): Promise<Difference[]> {
  if (runs.every((reports) => reports.length < 2)) return []
  const { compareEnds, compareSteps } = await import('../linux/lab/index.ts')
  return runs.flatMap(([engine, kernel]): Difference[] => {
    const common = { part: engine!.part, engine: engine!, kernel: kernel! }
    for (const [at, { step, result }] of engine!.steps.entries()) {
      const what = compareSteps(step, result, kernel!.steps[at]!.result)
      if (what !== null) return [{ ...common, step: step.number, what }]
    }
    const what = compareEnds(engine!.end, kernel!.end)
    return what === null ? [] : [{ ...common, step: null, what }]
  })
}

const isFailed = ({ problem, cases, differences }: FileReport): boolean =>
  problem !== null || differences.length > 0 || cases.some(({ failed }) => failed)

function print(files: readonly FileReport[], options: OptionValues, environment: Environment): void {
  if (options.json === true) environment.stdout(renderJsonLines(files))
  else if (options.format === 'tap') environment.stdout(renderTap(files))
  else if (options.format === 'junit') environment.stdout(renderJunit(files))
  else {
    const colors = palette(environment.color.stdout)
    const style = { colors, columns: environment.columns, verbose: options.verbose === true }
    for (const file of files) environment.stdout(`${renderFile(file, style).join('\n')}\n`)
    environment.stdout(`${renderSummary(files, colors)}\n`)
  }
}
