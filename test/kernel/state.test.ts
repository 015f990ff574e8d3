/** Random conversations through a gateway: tracking, translation and filtering, on the kernel and on the engine. */
import { beforeEach, describe, expect, test } from 'vitest'
import { runStateCampaign, sayStateTally } from '../../src/linux/lab/fuzz/state/campaign.ts'
import { labLack } from '../../src/linux/lab/index.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'

/** The seed never changes, so that a change is judged by what it does; `npm run fuzz:state` draws others. */
const packets = runs(30_000)

describe('conversations through the kernel', () => {
  beforeEach((context) => {
    const lack = labLack('legacy')
    if (lack !== null) context.skip(lack.message)
  })

  test(`${packets} packets: verdicts, counters, frames, states and listings`, {
    timeout: 3_600_000,
  }, async () => {
    const differences: string[] = []
    const tally = await runStateCampaign({
      seed,
      isOneCase: false,
      untilMs: Number.POSITIVE_INFINITY,
      packets,
      maxDifferences: 1,
      shrinks: true,
      onProgress: () => {},
      onDifference: ({ seed: caseSeed, text, timeline, file }) =>
        differences.push(`npm run fuzz:state -- --case ${caseSeed}\n${text}\n${timeline}\n${file}`),
    })
    const said = `seed ${seed}: ${sayStateTally(tally)}`
    expect(differences.join('\n'), said).toBe('')
    // The agreement is about something.
    const { seen, late, cases, passing } = tally
    expect(passing, said).toBeLessThan(3)
    expect(seen.packets, said).toBeGreaterThanOrEqual(packets)
    expect(late, said).toBeLessThan(cases)
    const least = {
      frames: 0.5,
      established: 0.2,
      related: 0.02,
      invalid: 0.1,
      fragments: 0.05,
      dropped: 0.05,
    }
    for (const [what, share] of Object.entries(least)) {
      expect(seen[what as keyof typeof least], `${what}; ${said}`).toBeGreaterThan(share * packets)
    }
    expect(seen.rejected, said).toBeGreaterThan(packets / 1500)
    expect(seen.translated, said).toBeGreaterThan(packets / 100)
  })
})
