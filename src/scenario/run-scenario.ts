/** A whole scenario in one call: text in, reports out. */
import type { Diagnostic } from '../lang/diagnostic.ts'
import { SourceText } from '../lang/source.ts'
import { EngineJudge } from './engine-judge.ts'
import { type LoadFile, readScenario } from './read.ts'
import { RulesRefused } from './rules.ts'
import { type CaseReport, runCase } from './run.ts'

export interface ScenarioOutcome {
  /** One for each case; empty when the scenario or its rules have errors. */
  readonly cases: readonly CaseReport[]
  readonly diagnostics: readonly Diagnostic[]
  /** Whether it was read, and every case met its expectations. */
  readonly passed: boolean
}

export interface ScenarioOptions {
  /** How messages name the text. Default `scenario`. */
  readonly name?: string
  /** Text of a file that the scenario names (`rules: rules.v4`); by default there are none. */
  readonly loadFile?: LoadFile
}

const noFiles: LoadFile = async (path) => {
  throw new Error(`no file ${path}`)
}

/** Runs a scenario (YAML text) on the engine. Bad input is told by diagnostics; nothing is thrown for it. */
export async function runScenario(text: string, options: ScenarioOptions = {}): Promise<ScenarioOutcome> {
  const { name = 'scenario', loadFile = noFiles } = options
  const { scenario, diagnostics } = await readScenario(new SourceText(name, text), loadFile)
  if (scenario === null) return { cases: [], diagnostics, passed: false }
  try {
    const cases: CaseReport[] = []
    for (const part of scenario.cases) cases.push(await runCase(part, new EngineJudge(part)))
    return { cases, diagnostics, passed: cases.every(({ failed }) => !failed) }
  } catch (error) {
    if (!(error instanceof RulesRefused)) throw error
    return { cases: [], diagnostics: [...diagnostics, ...error.diagnostics], passed: false }
  }
}
