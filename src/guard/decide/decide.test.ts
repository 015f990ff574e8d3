/** Stories of one jail: `SECONDS ADDRESS [attempts=N] [read=SECONDS]`, and what becomes of each failure. */
import { describe, expect, it } from 'vitest'
import type { Ban } from '../ban.ts'
import type { Failure } from '../failure.ts'
import { AllowList } from './allow-list.ts'
import { BanList, banEndMs } from './ban-list.ts'
import { banTimeRule } from './ban-time.ts'
import { FormulaError, parseFormula } from './expression.ts'
import { MemoryHistory } from './history.ts'
import { type DeciderOptions, type DeciderSettings, type Decision, JailDecider } from './jail-decider.ts'
import { lineTime } from './line-time.ts'

const originMs = 1_760_000_000_000
const plain: DeciderSettings = {
  name: 'sshd',
  maxRetry: 3,
  findTimeSeconds: 600,
  banTimeSeconds: 60,
  increment: { enabled: false, overAllJails: false },
  window: 'exact',
  maxMatches: 2,
  ipv4PrefixLength: 32,
  ipv6PrefixLength: 128,
}

function jail(settings: Partial<DeciderSettings> = {}, options: Partial<DeciderOptions> = {}): JailDecider {
  return new JailDecider(
    { ...plain, ...settings },
    { allowed: new AllowList(), history: new MemoryHistory(), ...options },
  )
}

const failureAt = (seconds: number, id: string, attempts = 1): Failure => ({
  id,
  address: id,
  timeMs: originMs + seconds * 1000,
  attempts,
  matches: [`line at ${seconds}`],
  groups: {},
})

function say(decision: Decision): string {
  switch (decision.kind) {
    case 'counted':
      return `${decision.count}`
    case 'ignored':
      return decision.why
    case 'banned':
      return `ban ${decision.ban.id} from ${(decision.ban.startMs - originMs) / 1000}s for ${decision.ban.seconds}s`
    case 'already':
      return decision.prolonged ? 'prolonged' : 'already'
    case 'expired':
      return 'expired'
  }
}

function replay(decider: JailDecider, story: string): void {
  for (const line of story.trim().split('\n')) {
    const [told, expected] = line.trim().split(/ {2,}/)
    const [seconds, id, ...more] = told!.split(' ')
    const word = (name: string) => more.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1)
    const nowMs = originMs + Number(word('read') ?? seconds) * 1000
    decider.tick(nowMs)
    const decision = decider.failure(failureAt(Number(seconds), id!, Number(word('attempts') ?? 1)), nowMs)
    expect(`${told}  ${say(decision)}`).toBe(`${told}  ${expected}`)
  }
}

it('a flood of newcomers, each of them banned, leaves so many bans as may be in force', () => {
  const decider = jail({ maxRetry: 1, window: 'rate' }, { maxBans: 1000, maxIds: 1000, isSaved: false })
  const nowMs = originMs + 5000
  const id = (count: number): string => `10.${count >> 16}.${(count >> 8) & 255}.${count & 255}`
  let lifted = 0
  for (let count = 0; count < 20_000; count++) {
    // every hundredth ban is for ever
    decider.banByHand(id(count), nowMs + count / 10, count % 100 === 0 ? -1 : 3600)
    if (count % 500 === 0) lifted += decider.tick(nowMs + count / 10).length
  }
  lifted += decider.tick(nowMs + 2000).length
  expect([decider.bans.size, lifted, decider.liftedEarly]).toEqual([1000, 19_000, 19_000])
  // those that end last are left: the newest, and those without end
  expect(decider.bans.get(id(19_999))).toBeDefined()
  expect([...decider.bans].filter(({ seconds }) => seconds < 0)).toHaveLength(200)
})

describe('an exact window', () => {
  it('bans at the third failure within it, and not a second later', () => {
    replay(
      jail(),
      `
      0 192.0.2.1    1
      1 192.0.2.2    1
      300 192.0.2.1  2
      601 192.0.2.1  2
      900 192.0.2.1  ban 192.0.2.1 from 900s for 60s
      901 192.0.2.1  1
      902 192.0.2.2  1
    `,
    )
  })
  it('holds what is exactly one find time apart', () =>
    replay(
      jail(),
      `
      0 192.0.2.1    1
      300 192.0.2.1  2
      600 192.0.2.1  ban 192.0.2.1 from 600s for 60s
    `,
    ))
  it('does not care in which order lines come', () =>
    replay(
      jail({ banTimeSeconds: 6000 }),
      `
      900 192.0.2.1           1
      400 192.0.2.1 read=901  2
      500 192.0.2.1 read=902  ban 192.0.2.1 from 900s for 6000s
    `,
    ))
  it('counts the attempts that one line tells of', () =>
    replay(
      jail(),
      `
      0 192.0.2.1 attempts=2  2
      1 192.0.2.1             ban 192.0.2.1 from 1s for 60s
      2 192.0.2.3 attempts=9  ban 192.0.2.3 from 2s for 60s
    `,
    ))
  it('does not count again what led to a ban', () =>
    replay(
      jail(),
      `
      0 192.0.2.1           1
      1 192.0.2.1           2
      2 192.0.2.1           ban 192.0.2.1 from 2s for 60s
      0 192.0.2.1 read=100  replayed
      2 192.0.2.1 read=100  replayed
      3 192.0.2.1 read=100  1
    `,
    ))
  it('takes a failure of the future as one of now', () =>
    replay(
      jail({ maxRetry: 1 }),
      `
      50 192.0.2.1 read=10  ban 192.0.2.1 from 10s for 60s
    `,
    ))
  it('does not begin a ban that would be over', () =>
    replay(
      jail({ maxRetry: 1 }),
      `
      0 192.0.2.1 read=60   ban 192.0.2.1 from 0s for 60s
      0 192.0.2.2 read=61   expired
    `,
    ))
})

describe('the rate estimate of fail2ban', () => {
  it('bans five failures that are 160 seconds apart', () =>
    replay(
      jail({ window: 'rate', maxRetry: 5 }),
      `
      0 192.0.2.1    1
      160 192.0.2.1  2
      320 192.0.2.1  3
      480 192.0.2.1  4
      640 192.0.2.1  ban 192.0.2.1 from 640s for 60s
    `,
    ))
  it('counts a line with many attempts once', () =>
    replay(
      jail({ window: 'rate' }),
      `
      0 192.0.2.1 attempts=9  1
    `,
    ))
})

describe('whom a failure counts against', () => {
  it('is never something that only looks like an address', () =>
    replay(
      jail({ maxRetry: 1 }),
      `
      0 999.1.1.1  not-an-address
      0 1.2.3.4.5  not-an-address
      0 ::ffff:g   not-an-address
    `,
    ))
  it('is one address, however it is written', () =>
    replay(
      jail({ maxRetry: 2 }),
      `
      0 ::ffff:192.0.2.1  1
      1 192.0.2.1         ban 192.0.2.1 from 1s for 60s
      2 2001:db8:0::1     1
      3 2001:DB8::1       ban 2001:db8::1 from 3s for 60s
    `,
    ))
  it('is a network where the jail says so', () =>
    replay(
      jail({ ipv6PrefixLength: 64, ipv4PrefixLength: 24 }),
      `
      0 2001:db8::1    1
      1 2001:db8::2    2
      2 2001:db8:1::1  1
      3 2001:db8::99   ban 2001:db8::/64 from 3s for 60s
      4 192.0.2.1      1
      5 192.0.2.200    2
      6 192.0.2.7      ban 192.0.2.0/24 from 6s for 60s
    `,
    ))
  it('is nobody who is allowed, nor a network with somebody allowed in it', () => {
    const allowed = new AllowList([
      '192.0.2.0/28',
      '198.51.100.0/255.255.255.0',
      '2001:db8::7',
      'admin.example',
    ])
    allowed.resolve('admin.example', ['203.0.113.9'])
    replay(
      jail({ maxRetry: 1, ipv6PrefixLength: 64 }, { allowed, isSession: (text) => text === '203.0.113.77' }),
      `
      0 192.0.2.15      allowed
      0 192.0.2.16      ban 192.0.2.16 from 0s for 60s
      0 198.51.100.255  allowed
      0 203.0.113.9     allowed
      0 2001:db8::8     allowed
      0 203.0.113.77    session
    `,
    )
    allowed.remove('192.0.2.0/28')
    expect(allowed.allows('192.0.2.15')).toBe(null)
  })
})

describe('ban times', () => {
  const growing = { enabled: true, overAllJails: false }
  const times = (increment: Parameters<typeof banTimeRule>[0], chance = 0) =>
    [0, 1, 2, 3, 30].map((count) => banTimeRule(increment)(60, count, () => chance))

  it('grow by doubling, multipliers or a formula, up to a maximum', () => {
    expect(times({ enabled: false, overAllJails: false })).toEqual([60, 60, 60, 60, 60])
    expect(times(growing)).toEqual([60, 120, 240, 480, 60 * 2 ** 20])
    expect(times({ ...growing, maximumSeconds: 300 })).toEqual([60, 120, 240, 300, 300])
    expect(times({ ...growing, multipliers: [1, 5, 30] })).toEqual([60, 300, 1800, 1800, 1800])
    expect(times({ ...growing, factor: 2, multipliers: [1, 5, 30] })[1]).toBe(600)
    expect(times({ ...growing, formula: 'ban.Time * (ban.Count + 1) // 7' }).slice(1, 4)).toEqual([
      60, 60, 60,
    ])
    expect(times({ ...growing, randomSeconds: 10 }, 0.5)[1]).toBe(125)
    expect(banTimeRule(growing)(-1, 5, () => 0)).toBe(-1)
  })

  it('count the bans of all jails where the jail says so', () => {
    const history = new MemoryHistory()
    history.record({
      jail: 'ftp',
      id: '192.0.2.1',
      startMs: originMs - 1e6,
      seconds: 60,
      count: 1,
      failures: 3,
      matches: [],
      groups: {},
    })
    const options = { allowed: new AllowList(), history }
    replay(
      jail({ maxRetry: 1, increment: { enabled: true, overAllJails: true } }, options),
      '0 192.0.2.1  ban 192.0.2.1 from 0s for 120s',
    )
    replay(
      jail({ name: 'x', maxRetry: 1, increment: growing }, options),
      '0 192.0.2.1  ban 192.0.2.1 from 0s for 60s',
    )
  })

  it.each([
    ['1 + 2 * 3', 7],
    ['-2 ** 2', -4],
    ['2 ** -1', 0.5],
    ['7 // 2 + -7 // 2 + 7 % -3', 3 - 4 - 2],
    ['1<<4 | 3 & 2', 18],
    ['ban.Time if ban.Count < 3 else 1', 60],
    ['not 1 or 5', 5],
    ['min(3, max(1, 2)) + int(2.7) + round(2.5)', 6],
    ['math.exp(0) + math.sqrt(16) + abs(-.5e1)', 10],
    ['random.random() * 8', 2],
  ])('are computed by Python’s rules: %s', (text, expected) => {
    expect(parseFormula(text)({ time: 60, count: 2, factor: 1, chance: () => 0.25 })).toBe(expected)
  })

  it.each([
    '',
    '1 +',
    '__import__("os")',
    'ban.__class__',
    'open(1)',
    '1 2',
    '(1',
    'ban.Time.x',
    '('.repeat(99),
    `${'-'.repeat(99)}1`,
    'constructor',
  ])('are never computed from anything else: %s', (text) => {
    expect(() => parseFormula(text)).toThrow(FormulaError)
  })
})

describe('bans', () => {
  it('end in the order of their ends, also when they were prolonged', () => {
    const list = new BanList()
    const ban = (id: string, seconds: number): Ban => ({
      jail: 'j',
      id,
      startMs: 0,
      seconds,
      count: 1,
      failures: 1,
      matches: [],
      groups: {},
    })
    for (const [at, seconds] of [9, 3, 7, -1, 5, 1].entries()) list.set(ban(`${at}`, seconds))
    list.set(ban('5', 8))
    list.delete('2')
    expect(list.nextEndMs()).toBe(3000)
    expect(list.takeOver(3000)).toEqual([])
    expect(list.takeOver(1e9).map(banEndMs)).toEqual([3000, 5000, 8000, 9000])
    expect(list.size).toBe(1)
  })
  it('by hand need no failure, and last as said', () => {
    const decider = jail()
    expect(say(decider.banByHand('192.0.2.1', originMs))).toBe('ban 192.0.2.1 from 0s for 60s')
    expect(say(decider.banByHand('192.0.2.1', originMs, -1))).toBe('prolonged')
    expect(decider.bans.nextEndMs()).toBe(null)
    expect(decider.unban('192.0.2.1')?.id).toBe('192.0.2.1')
    expect(say(decider.banByHand('999.9.9.9', originMs))).toBe('not-an-address')
  })
  it('carry the newest lines', () => {
    const decider = jail()
    let last: Decision | undefined
    for (const at of [1, 2, 3]) last = decider.failure(failureAt(at, '192.0.2.1'), originMs + 9000)
    expect(last).toMatchObject({
      kind: 'banned',
      ban: { matches: ['line at 2', 'line at 3'], failures: 3, count: 1 },
    })
  })
})

describe('what is remembered', () => {
  it.each(['exact', 'rate'] as const)('survives a restart (%s)', (window) => {
    const before = jail({ window })
    replay(
      before,
      `
      0 192.0.2.1  1
      1 192.0.2.1  2
      1 192.0.2.2  1
    `,
    )
    const { changed, forgotten } = before.takeChanges()
    expect([changed.length, forgotten]).toEqual([2, []])
    const after = jail({ window })
    after.restoreCounts(JSON.parse(JSON.stringify(changed)))
    replay(after, '2 192.0.2.1  ban 192.0.2.1 from 2s for 60s')
    expect(after.takeChanges().forgotten).toEqual(['192.0.2.1'])
  })

  it('stays small under a flood of addresses, and the busy are not forgotten for it', () => {
    const decider = jail({ maxRetry: 3, findTimeSeconds: 1e9 }, { maxIds: 10_000, isSaved: false })
    decider.failure(failureAt(0, '198.51.100.1'), originMs)
    decider.failure(failureAt(0, '198.51.100.1'), originMs)
    for (let n = 0; n < 250_000; n++) {
      const id = `10.${n >>> 16}.${(n >>> 8) & 255}.${n & 255}`
      decider.failure({ id, address: id, timeMs: originMs, attempts: 1, matches: [], groups: {} }, originMs)
    }
    expect(decider.currentlyFailed).toBeLessThanOrEqual(10_000)
    expect(decider.currentlyFailed).toBeGreaterThan(9_000)
    expect(say(decider.failure(failureAt(1, '198.51.100.1'), originMs + 1000))).toMatch('ban')
  })
})

describe('the time of a line', () => {
  const at = (seconds: number, catchingUp: boolean) =>
    lineTime(seconds * 1000, { nowMs: 1_000_000, findTimeSeconds: 600, catchingUp })
  it('is its own while it agrees with the clock', () => {
    expect([at(940, false), at(939, false), at(1060, false), at(2000, false)]).toEqual([
      940_000, 1_000_000, 1_000_000, 1_000_000,
    ])
  })
  it('is none when it is older than the find time at the start', () => {
    expect([at(399, true), at(400, true), at(1001, true)]).toEqual([null, 400_000, 1_000_000])
  })
})
