/** `postern test`: runs scenarios on the engine, on the real kernel, or on both and compares. */
import { dirname, isAbsolute, join } from 'node:path'
import { decodeText } from '../lang/bytes.ts'
import type { Diagnostic } from '../lang/diagnostic.ts'
import { SourceText } from '../lang/source.ts'
import type { firstDifference } from '../linux/lab/index.ts'
import { EngineJudge } from '../scenario/engine-judge.ts'
import { readScenario } from '../scenario/read.ts'
import { RulesRefused } from '../scenario/rules.ts'
import { type CaseReport, runCase } from '../scenario/run.ts'
import type { Case, Scenario } from '../scenario/scenario.ts'
import type { Command, OptionValues } from './command.ts'
import { jsonOption } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { type Progress, progressOf } from './progress.ts'
import { renderDiagnostics } from './report/diagnostics.ts'
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
  arguments: [{ name: '<file...>', doc: 'scenario files (YAML); - is standard input' }],
  options: [
    { flags: '--on <judge>', doc: 'who decides (default: engine)', choices: ['engine', 'kernel', 'both'] },
    {
      flags: '--backend <name>',
      doc: 'iptables of the kernel run (default: legacy)',
      choices: ['legacy', 'nft'],
    },
    { flags: '--format <name>', doc: 'of the report (default: text)', choices: ['text', 'tap', 'junit'] },
    { flags: '-v, --verbose', doc: 'show the timeline of cases that pass, too' },
    jsonOption,
  ],
  examples: [
    {
      does: 'check that the knock opens and closes the port',
      command: 'postern test examples/port-knock/scenario.yaml',
    },
    {
      does: 'the same on this kernel',
      command: 'sudo postern test --on both examples/port-knock/scenario.yaml',
    },
  ],

  async run(paths, options, environment) {
    if (options.json === true && options.format !== undefined) {
      throw new UsageError('--json and --format exclude each other', '--format tap')
    }
    const where = (options.on ?? 'engine') as Where
    const backend = (options.backend ?? 'legacy') as Backend
    const files = await new TestRun(where, backend, plain(options, environment)).run(paths)
    print(files, options, environment)
    return files.some(isFailed) ? exit.finding : exit.ok
  },
}

/** A file that could be read. */
interface LoadedFile {
  readonly name: string
  readonly scenario: Scenario
}

class TestRun {
  readonly #where: Where
  readonly #backend: Backend
  readonly #environment: Environment
  readonly #progress: Progress

  constructor(where: Where, backend: Backend, environment: Environment) {
    this.#where = where
    this.#backend = backend
    this.#environment = environment
    this.#progress = progressOf(environment)
  }

  async run(paths: readonly string[]): Promise<FileReport[]> {
    const loaded = await Promise.all(paths.map((path) => this.#load(path)))
    const parts = loaded.flatMap((file) => ('scenario' in file ? file.scenario.cases : []))
    const engineRuns = new Map<Case, CaseReport>()
    for (const part of parts) engineRuns.set(part, await runCase(part, new EngineJudge(part)))
    const kernelRuns = this.#where === 'engine' ? null : await this.#runOnKernel(parts, engineRuns)
    this.#progress.clear()
    return loaded.map((file) => ('scenario' in file ? this.#report(file, engineRuns, kernelRuns) : file))
  }

  async #load(path: string): Promise<LoadedFile | FileReport> {
    const text = async (name: string) => decodeText(await this.#environment.readFile(name))
    const source = new SourceText(path === '-' ? 'standard input' : path, await text(path))
    const beside = (name: string) => (isAbsolute(name) ? name : join(dirname(path), name))
    const { scenario, diagnostics } = await readScenario(source, (name) => text(beside(name)))
    const problem = scenario === null ? diagnostics : this.#refusalsOf(scenario)
    if (problem.length === 0) {
      this.#environment.stderr(renderDiagnostics(diagnostics, this.#environment, 'stderr'))
      return { name: path, scenario: scenario! }
    }
    const said = renderDiagnostics(problem, this.#environment, 'stdout')
    return { name: path, cases: [], differences: [], problem: said }
  }

  /** Rules are read by our own parser before any kernel sees them: its messages have places. */
  #refusalsOf({ cases }: Scenario): readonly Diagnostic[] {
    try {
      for (const part of cases) new EngineJudge(part)
      return []
    } catch (error) {
      if (error instanceof RulesRefused) return error.diagnostics
      throw error
    }
  }

  async #runOnKernel(parts: readonly Case[], engineRuns: ReadonlyMap<Case, CaseReport>): Promise<KernelRuns> {
    const { firstDifference, runOnKernel } = await import('../linux/lab/index.ts')
    const reports = await runOnKernel(parts, {
      backend: this.#backend,
      signal: this.#environment.signal,
      onProgress: (text) => this.#progress.show(() => text),
      isGood: (part, report) =>
        !report.failed &&
        (this.#where === 'kernel' || firstDifference(engineRuns.get(part)!, report) === null),
    })
    return { reports, firstDifference }
  }

  #report(
    { name, scenario }: LoadedFile,
    engineRuns: ReadonlyMap<Case, CaseReport>,
    kernelRuns: KernelRuns | null,
  ): FileReport {
    const cases: CaseReport[] = []
    const differences: Difference[] = []
    for (const part of scenario.cases) {
      const engine = engineRuns.get(part)!
      const kernel = kernelRuns?.reports.get(part)
      if (this.#where !== 'kernel') cases.push(engine)
      if (kernel !== undefined) cases.push(kernel)
      if (this.#where !== 'both' || kernel === undefined) continue
      const difference = kernelRuns!.firstDifference(engine, kernel)
      if (difference !== null) differences.push({ part, engine, kernel, ...difference })
    }
    return { name, cases, differences, problem: null }
  }
}

/** What the kernel came to, with the lab's own way of comparing it. */
interface KernelRuns {
  readonly reports: ReadonlyMap<Case, CaseReport>
  readonly firstDifference: typeof firstDifference
}

/** Reports for programs have no colours, wherever they go. */
const plain = ({ json, format }: OptionValues, environment: Environment): Environment =>
  json === true || format === 'tap' || format === 'junit'
    ? { ...environment, color: { ...environment.color, stdout: false } }
    : environment

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
