/** The examples on the real kernel, in throw-away namespaces, against the engine: every result, not only what is expected. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SourceText } from '../src/lang/source.ts'
import { type Backend, firstDifference, labLack, runOnKernel } from '../src/linux/lab/index.ts'
import { EngineJudge } from '../src/scenario/engine-judge.ts'
import { readScenario } from '../src/scenario/read.ts'
import { runCase } from '../src/scenario/run.ts'
import type { Case } from '../src/scenario/scenario.ts'
import { repositoryRoot } from './shared.ts'

const examples = join(repositoryRoot, 'examples')
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('scenario.yaml'),
)

async function casesOf(file: string): Promise<Case[]> {
  const read = (name: string) => readFileSync(join(examples, name), 'utf8')
  const load = async (other: string) => read(join(dirname(file), other))
  const { scenario } = await readScenario(new SourceText(file, read(file)), load)
  return scenario!.cases.map((part) => ({ ...part, name: `${file}: ${part.name}` }))
}

/** Runs all cases side by side; the answer names each that parts from its expectations or from the engine. */
async function judge(chosen: readonly string[], backend: Backend): Promise<string[]> {
  const cases = (await Promise.all(chosen.map(casesOf))).flat()
  const reports = await runOnKernel(cases, { backend })
  const complaints: string[] = []
  for (const part of cases) {
    const kernel = reports.get(part)!
    for (const { step, mismatches } of kernel.steps) {
      for (const { field, expected, actual } of mismatches) {
        complaints.push(`${part.name}: step ${step.number}: ${field} is ${actual}, expected ${expected}`)
      }
    }
    const difference = firstDifference(await runCase(part, new EngineJudge(part)), kernel)
    if (difference !== null) complaints.push(`${part.name}: step ${difference.step}: ${difference.what}`)
  }
  return complaints
}

/** Those with the articles' own windows of minutes. */
const isLong = (file: string) => file.endsWith('long.scenario.yaml')

describe.concurrent.each<Backend>(['legacy', 'nft'])('on the kernel, %s', { timeout: 900_000 }, (backend) => {
  test('every scenario passes, and the engine agrees in everything', async (context) => {
    const lack = labLack(backend)
    if (lack !== null) return context.skip(lack.message)
    expect(
      await judge(
        files.filter((file) => !isLong(file)),
        backend,
      ),
    ).toEqual([])
  })

  test('the long ones, too', async (context) => {
    const lack = labLack(backend)
    if (lack !== null) return context.skip(lack.message)
    if (process.env.POSTERN_LONG !== '1') return context.skip('takes five minutes: set POSTERN_LONG=1')
    expect(await judge(files.filter(isLong), backend)).toEqual([])
  })
})
