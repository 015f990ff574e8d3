import { expect, test } from 'vitest'
import { type Backend, labLack } from '../index.ts'
import { runCampaign } from './campaign.ts'
import { openEngine } from './engine.ts'
import { sayTally } from './main.ts'

/** What every change has to stand: a fixed budget, with seeds that never change. */
const budgets: readonly { readonly backend: Backend; readonly cases: number; readonly seed: number }[] = [
  { backend: 'legacy', cases: 340, seed: 1 },
  { backend: 'nft', cases: 120, seed: 2 },
]

test.for(budgets)(
  'random rulesets and packets: the engine does what the kernel does ($backend)',
  { timeout: 600_000 },
  async ({ backend, cases, seed }, { skip }) => {
    const lack = labLack(backend)
    if (lack !== null) skip(lack.message)
    const differences: string[] = []
    const tally = await runCampaign({
      seed,
      backend,
      openEngine,
      untilMs: Number.POSITIVE_INFINITY,
      maxCases: cases,
      maxDifferences: 1,
      shrinks: true,
      onProgress: () => {},
      onDifference: ({ text, file }) => differences.push(`${text}\n${file}`),
    })
    console.log(`fuzz, ${backend}: ${sayTally(tally)}`)
    expect(differences.join('\n')).toBe('')
    // A machine too slow for the grid must not pass by giving up.
    expect(tally.late).toBeLessThan(cases / 20)
    expect(tally.refused).toBeLessThan(cases / 10)
  },
)
