import { expect, test } from 'vitest'
import { type CaseDraft, saveTextOf } from './draft.ts'
import { generateCase } from './generate.ts'
import { shrink } from './shrink.ts'

/** A case that "differs" when one rule and one earlier step are both there. */
function differs({ rules, steps }: CaseDraft): boolean {
  const text = rules.map(saveTextOf).join('')
  const culprit = /^-A (?:INPUT|FORWARD|OUTPUT).* --set.*-j /m.test(text)
  return culprit && steps.some(({ action }) => action.kind === 'send') && steps.length >= 2
}

test('what has no part in a difference is left out', async () => {
  const seeds = Array.from({ length: 400 }, (_, seed) => seed)
  const drafts = seeds.map((seed) => generateCase(seed, { avoidsNftDifferences: false })).filter(differs)
  expect(drafts.length).toBeGreaterThan(20)
  for (const draft of drafts.slice(0, 20)) {
    const smaller: CaseDraft[] = []
    const small = await shrink(
      draft,
      draft.steps.length,
      async (candidates) => candidates.map(differs),
      (better) => smaller.push(better),
      10_000,
    )
    expect(differs(small)).toBe(true)
    expect(smaller.every(differs)).toBe(true)
    expect(small.steps).toHaveLength(2)
    const rules = small.rules.flatMap(({ tables }) =>
      tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules)),
    )
    expect(rules).toHaveLength(1)
    expect(rules[0]!.clauses).toEqual([expect.stringMatching(/^-m recent (! )?--set$/)])
  }
})
