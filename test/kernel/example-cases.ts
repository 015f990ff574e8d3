/** The scenarios of the examples before both judges: the kernel by one backend, held against the engine step by step. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SourceText } from '../../src/lang/source.ts'
import { type Backend, durationMs, firstDifference, runOnKernel } from '../../src/linux/lab/index.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'
import { repositoryRoot } from '../shared.ts'

/** A case that takes longer runs beside other tests, which it does not disturb: it nearly always waits. */
const longMs = 30_000

export const isLong = (part: Case): boolean => durationMs(part) > longMs

export interface ExampleCase {
  readonly file: string
  readonly part: Case
}

export async function readExampleCases(): Promise<ExampleCase[]> {
  const folder = join(repositoryRoot, 'examples')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('scenario.yaml'),
  )
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  const cases = await Promise.all(
    files.map(async (file) => {
      const source = new SourceText(file, read(file))
      const { scenario } = await readScenario(source, async (other) => read(join(dirname(file), other)))
      return scenario!.cases.map((part) => ({ file, part }))
    }),
  )
  return cases.flat()
}

/** Where the judges part, and which expectations the kernel does not meet: nothing, one hopes. */
export async function problemsOnKernel(cases: readonly ExampleCase[], backend: Backend): Promise<unknown[]> {
  const engine = new Map<Case, CaseReport>()
  for (const { part } of cases) engine.set(part, await runCase(part, new EngineJudge(part)))
  const kernel = await runOnKernel(
    cases.map(({ part }) => part),
    {
      backend,
      isGood: (part, report) => !report.failed && firstDifference(engine.get(part)!, report) === null,
    },
  )
  return cases.flatMap(({ file, part }) => {
    const report = kernel.get(part)!
    const difference = firstDifference(engine.get(part)!, report)
    const unmet = report.steps.flatMap(({ step, mismatches }) =>
      mismatches.map((mismatch) => ({ step: step.number, ...mismatch })),
    )
    return difference === null && unmet.length === 0 ? [] : [{ file, case: part.name, difference, unmet }]
  })
}
