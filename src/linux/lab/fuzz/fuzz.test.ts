import { beforeEach, expect, test } from 'vitest'
import { type Backend, labLack } from '../index.ts'
import { runCampaign, type Tally } from './campaign.ts'
import { openEngine } from './engine.ts'
import { sayTally } from './main.ts'

/** What every change has to stand: a fixed budget, with seeds that never change. */
const budgets: readonly { readonly backend: Backend; readonly cases: number; readonly seed: number }[] = [
  { backend: 'legacy', cases: 416, seed: 1 },
  { backend: 'nft', cases: 160, seed: 2 },
]

beforeEach(({ skip }) => {
  const lack = labLack('legacy') ?? labLack('nft')
  if (lack !== null) skip(lack.message)
})

test('random rulesets and packets: the engine does what the kernel does', {
  timeout: 1_200_000,
}, async () => {
  const differences: string[] = []
  const tallies: Tally[] = []
  for (const { backend, cases, seed } of budgets) {
    const tally = await runCampaign({
      seed,
      backend,
      openEngine,
      untilMs: Number.POSITIVE_INFINITY,
      maxCases: cases,
      maxDifferences: 1,
      shrinks: true,
      onProgress: () => {},
      onDifference: ({ seed: caseSeed, text, file }) =>
        differences.push(`npm run fuzz -- --backend ${backend} --case ${caseSeed}\n${text}\n${file}`),
    })
    console.log(`fuzz, ${backend}: ${sayTally(tally)}`)
    expect(differences.join('\n')).toBe('')
    // A machine too slow must not pass by giving up.
    expect(tally.late).toBeLessThan(cases / 20)
    expect(tally.refused).toBeLessThan(cases / 10)
    tallies.push(tally)
  }
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  expect(sum(({ rulesets }) => rulesets)).toBeGreaterThanOrEqual(400)
  expect(sum(({ seen }) => seen.packets)).toBeGreaterThanOrEqual(20_000)
  // The agreement is about something.
  for (const what of ['hits', 'dropped', 'frames', 'recentAddresses'] as const) {
    expect(sum(({ seen }) => seen[what])).toBeGreaterThan(2_000)
  }
  for (const what of ['rejected', 'logLines'] as const) {
    expect(sum(({ seen }) => seen[what])).toBeGreaterThan(200)
  }
})
