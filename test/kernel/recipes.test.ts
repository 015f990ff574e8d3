/** What recipes promise, on the real kernel: their scenarios before both judges. */
import { expect, it } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { labLack } from '../../src/linux/lab/index.ts'
import type { Family } from '../../src/net/address.ts'
import { prepareWords, samples } from '../../src/recipe/_testing/samples.ts'
import { scenarioOf } from '../../src/recipe/index.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type ExampleCase, problemsOnKernel } from './example-cases.ts'

/** The first sample of each recipe; each family has half of them. */
const chosen = samples.filter(
  (line, at) => samples.findIndex((each) => each.split(' ')[0] === line.split(' ')[0]) === at,
)

async function casesOf(line: string, family: Family): Promise<ExampleCase[]> {
  const source = new SourceText(line, scenarioOf(prepareWords(line, family), line))
  const { scenario, diagnostics } = await readScenario(source, async () => '')
  expect(diagnostics).toEqual([])
  return scenario!.cases.map((part) => ({ file: `${family} ${line}`, part }))
}

it('the scenarios of recipes hold on the kernel, which agrees with the engine', async ({ skip }) => {
  const lack = labLack('legacy')
  if (lack !== null) skip(lack.message)
  const both = await Promise.all(
    chosen.map((line, at) => casesOf(line, at % 2 === 0 || line.startsWith('portforward') ? 'ipv4' : 'ipv6')),
  )
  const knockOfIpv6 = await casesOf(samples[1]!, 'ipv6')
  const cases = [...both.flat(), ...knockOfIpv6]
  expect(cases.length).toBeGreaterThan(50)
  expect(await problemsOnKernel(cases, 'legacy')).toEqual([])
})
