/** The decisions of jails, held to the classes of the installed fail2ban: counts, bans and their ends, to the second. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AllowList, JailDecider, MemoryHistory } from '../../src/guard/decide/index.ts'
import type { BanTimeIncrement } from '../../src/guard/jail-settings.ts'
import { seed } from '../seed.ts'
import { askFail2ban, missingFail2ban } from './installed.ts'

interface Story {
  jail: { maxRetry: number; findTime: number; banTime: number; extra: Record<string, string> }
  /** Clock, time of the failure, id. */
  steps: [number, number, string][]
}
/** Ids no longer banned, bans in force, and what is counted of the step's id. */
type Told = [string[], [string, number, number][], number | null]

const start = 1_760_000_000

const increments: fc.Arbitrary<Record<string, string>> = fc.oneof(
  fc.constant({}),
  fc.constant({ increment: 'true' }),
  fc.constant({ increment: 'true', factor: '2', maxtime: '1h' }),
  fc.constant({ increment: 'true', multipliers: '1 5 30 60 300' }),
  fc.constant({
    increment: 'true',
    formula: 'ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)',
  }),
  fc.constant({
    increment: 'true',
    factor: '1.5',
    formula: 'ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor',
  }),
)

const gap = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: 20, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 300, max: 5000 }) },
)
/** How long after its time a line is read; negative: from the future. */
const lateness = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 30 }) },
  { weight: 1, arbitrary: fc.integer({ min: -20, max: 900 }) },
)

const story: fc.Arbitrary<Story> = fc
  .record({
    maxRetry: fc.integer({ min: 1, max: 7 }),
    findTime: fc.constantFrom(10, 60, 600, 601),
    banTime: fc.constantFrom(5, 60, 600, -1),
    extra: increments,
    moves: fc.array(fc.tuple(gap, lateness, fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::7')), {
      minLength: 20,
      maxLength: 80,
    }),
  })
  .map(({ moves, ...jail }) => {
    let now = start
    const steps = moves.map(([wait, late, id]): [number, number, string] => {
      now += wait
      return [now, now - late, id]
    })
    return { jail, steps }
  })

function incrementOf(extra: Record<string, string>): BanTimeIncrement {
  return {
    enabled: extra.increment === 'true',
    overAllJails: false,
    ...(extra.factor === undefined ? {} : { factor: Number(extra.factor) }),
    ...(extra.formula === undefined ? {} : { formula: extra.formula }),
    ...(extra.multipliers === undefined ? {} : { multipliers: extra.multipliers.split(' ').map(Number) }),
    ...(extra.maxtime === undefined ? {} : { maximumSeconds: 3600 }),
  }
}

function tell({ jail, steps }: Story): Told[] {
  const decider = new JailDecider(
    {
      name: 'story',
      maxRetry: jail.maxRetry,
      findTimeSeconds: jail.findTime,
      banTimeSeconds: jail.banTime,
      increment: incrementOf(jail.extra),
      window: 'rate',
      maxMatches: 5,
      ipv4PrefixLength: 32,
      ipv6PrefixLength: 128,
    },
    { allowed: new AllowList(), history: new MemoryHistory() },
  )
  return steps.map(([now, time, id]) => {
    const unbanned = decider.tick(now * 1000).map((ban) => ban.id)
    const decision = decider.failure(
      { id, timeMs: time * 1000, attempts: 1, matches: [], groups: {} },
      now * 1000,
    )
    const inForce = [...decider.bans].map((ban): [string, number, number] => [
      ban.id,
      ban.startMs / 1000,
      ban.seconds,
    ])
    const count = decision.kind === 'counted' ? decision.count : null
    return [unbanned.sort(), inForce.sort(([a], [b]) => (a < b ? -1 : 1)), count]
  })
}

/** Ends of bans may differ in the last bit of a double. */
const rounded = (told: readonly Told[]): Told[] =>
  told.map(([unbanned, bans, count]) => [
    unbanned,
    bans.map(([id, from, seconds]) => [id, from, Math.round(seconds * 1000) / 1000]),
    count,
  ])

describe.skipIf(missingFail2ban !== null)(`decisions (${missingFail2ban ?? 'fail2ban is the judge'})`, () => {
  it(`are fail2ban's in 300 random stories (SEED=${seed})`, () => {
    const stories = fc.sample(story, { seed, numRuns: 300 })
    const expected = askFail2ban<Told[][]>('decisions.py', stories)
    let bans = 0
    for (const [at, told] of expected.entries()) {
      expect({ story: stories[at], told: rounded(tell(stories[at]!)) }).toEqual({
        story: stories[at],
        told: rounded(told),
      })
      bans += told.filter(([, inForce]) => inForce.length > 0).length
    }
    expect(bans).toBeGreaterThan(1000)
  })
})
