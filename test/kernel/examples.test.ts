/** Every scenario of the examples on the real kernel, by both backends, held against the engine step by step. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { firstDifference, labLack, runOnKernel } from '../../src/linux/lab/index.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'
import { repositoryRoot } from '../shared.ts'

/** The articles' longest window is 300 s, and a case may be run a second time. */
const timeoutMs = 900_000

async function readCases(): Promise<{ file: string; part: Case }[]> {
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

describe.concurrent('the examples on the kernel', () => {
  for (const backend of ['legacy', 'nft'] as const) {
    it(`${backend} agrees with the engine and with every expectation`, { timeout: timeoutMs }, async ({
      skip,
    }) => {
      const lack = labLack(backend)
      if (lack !== null) skip(lack.message)
      const cases = await readCases()
      expect(cases.length).toBeGreaterThan(60)
      const engine = new Map<Case, CaseReport>()
      for (const { part } of cases) engine.set(part, await runCase(part, new EngineJudge(part)))
      const kernel = await runOnKernel(
        cases.map(({ part }) => part),
        {
          backend,
          isGood: (part, report) => !report.failed && firstDifference(engine.get(part)!, report) === null,
        },
      )
      const problems = cases.flatMap(({ file, part }) => {
        const report = kernel.get(part)!
        const difference = firstDifference(engine.get(part)!, report)
        const unmet = report.steps.flatMap(({ step, mismatches }) =>
          mismatches.map((mismatch) => ({ step: step.number, ...mismatch })),
        )
        return difference === null && unmet.length === 0 ? [] : [{ file, case: part.name, difference, unmet }]
      })
      expect(problems).toEqual([])
    })
  }
})
