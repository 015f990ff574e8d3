import { describe, expect, it } from 'vitest'
import { answerTo, rulesOf, stepsOf, take } from './_testing/journey-case.ts'
import { journeys } from './_testing/journeys.ts'
import { Host } from './host.ts'

describe.each(journeys)('$name', ({ host: config, rules, packets }) => {
  const host = new Host(config)
  for (const [family, text] of Object.entries(rules)) {
    const refusals = host.load(rulesOf(text, family as 'ipv4'))
    it(`loads the rules of ${family}`, () => expect(refusals).toEqual([]))
  }
  const steps = stepsOf(packets)
  const outcomes = steps.map((step, at) => take(host, step, BigInt(at) * 1_000_000n))

  it.each(steps.map((step, at) => ({ ...step, outcome: outcomes[at]! })))('$text', ({
    expected,
    outcome,
  }) => {
    expect(answerTo(expected, outcome)).toEqual(expected)
  })
})
