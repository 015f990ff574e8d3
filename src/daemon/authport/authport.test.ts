/** The auth port's parts: codes, users, lock-out, callers, settings. What it does as a whole is in door.test.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { SourceText } from '../../lang/source.ts'
import { parsePrefix } from '../../net/address.ts'
import { readConfigFile } from '../config/index.ts'
import { callerOf } from './caller.ts'
import { Keeper } from './keeper.ts'
import { Lockout } from './lockout.ts'
import { grantedLists } from './login.ts'
import { settleAuthport } from './settings.ts'
import { codeOfStep, decodeBase32, encodeBase32, stepOfCode } from './totp.ts'
import { decoyLike, hashPassword, parseUsers, passwordHas, printUsers, UsersFileError } from './users.ts'

describe('one-time codes', () => {
  const secret = new TextEncoder().encode('12345678901234567890')

  // RFC 6238, appendix B, the last six of its eight digits.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('at %d s: %s', (seconds, code) => {
    expect(codeOfStep(secret, Math.floor(seconds / 30))).toBe(code)
    expect(stepOfCode(secret, code, seconds * 1000, 0)).toBe(Math.floor(seconds / 30))
  })

  it.each([
    [59, false],
    [60, true],
    [90, true],
    [149, true],
    [150, false],
  ])('the code of the fourth half minute at %d s: %j', (seconds, taken) => {
    expect(stepOfCode(secret, codeOfStep(secret, 3), seconds * 1000, 0) !== null).toBe(taken)
  })

  it('are good once', () => {
    const step = stepOfCode(secret, '287082', 59_000, 0)!
    expect(stepOfCode(secret, '287082', 59_000, step)).toBeNull()
  })

  it.each(['', '12345', '1234567', '12345a', '-12345'])('%j is none', (code) => {
    expect(stepOfCode(secret, code, 59_000, 0)).toBeNull()
  })

  // RFC 4648, section 10.
  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('base 32 of %j is %s', (text, encoded) => {
    expect(encodeBase32(new TextEncoder().encode(text))).toBe(encoded)
    expect(new TextDecoder().decode(decodeBase32(encoded)!)).toBe(text)
  })
})

describe('users', () => {
  it('are written as they are read, and known by their password alone', async () => {
    const password = await hashPassword('correct horse')
    const text = printUsers([
      { name: 'alice', password, totpSecret: new Uint8Array(20).fill(7), lists: null },
      { name: 'bob@example.org', password, totpSecret: null, lists: ['authok', 'db'] },
    ])
    const users = parseUsers(text)
    expect(printUsers(users)).toBe(text)
    expect(await passwordHas(users[0]!.password, 'correct horse')).toBe(true)
    expect(await passwordHas(users[0]!.password, 'correct horse ')).toBe(false)
    expect(await passwordHas(decoyLike(), 'correct horse')).toBe(false)
    expect(text).not.toContain('correct')
  })

  const hash = `scrypt$10$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`
  it.each([
    ['alice', 'line 1: the password of "alice" is not "scrypt$COST$BLOCK$PARALLEL$SALT$HASH"'],
    [`al/ice ${hash}`, 'line 1: "al/ice" is no name of a user'],
    [
      `# a\n\nalice scrypt$30$8$1$AAAAAAAAAAA$${'A'.repeat(43)}`,
      'line 3: the password of "alice" is not "scrypt$COST$BLOCK$PARALLEL$SALT$HASH"',
    ],
    [`alice ${hash} totp=1`, 'line 1: the totp secret of "alice" is no base 32'],
    [`alice ${hash} lists=../x`, 'line 1: "../x" cannot be the name of a recency list'],
    [`alice ${hash} admin`, 'line 1: "admin" is neither totp=SECRET nor lists=NAME,...'],
    [`alice ${hash}\nalice ${hash}`, 'line 2: user "alice" stands here twice'],
  ])('%j is refused', (text, said) => {
    let error: unknown
    try {
      parseUsers(text)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(UsersFileError)
    const { line, message } = error as UsersFileError
    expect(`line ${line}: ${message}`).toBe(said)
  })
})

describe('lock-out', () => {
  const settings = { addressFailures: 3, accountFailures: 5, withinMs: 60_000, lastsMs: 100_000 }
  /** `SECONDS ADDRESS ACCOUNT`: what the try meets. `!` at its end: it succeeds. */
  const timeline = (lines: string): string[] => {
    const lockout = new Lockout(settings)
    return lines
      .trim()
      .split('\n')
      .map((line) => {
        const [seconds, address, account, success] = line.trim().split(/\s+/) as [
          string,
          string,
          string,
          string?,
        ]
        const nowMs = Number(seconds) * 1000
        const untilMs = lockout.lockedUntilMs(address, account, nowMs)
        if (untilMs !== null) return `locked until ${untilMs / 1000}`
        const attempt = lockout.begin(address, account, nowMs)
        if (success === '!') {
          attempt.forgive()
          return 'in'
        }
        return attempt.locked.length === 0 ? 'wrong' : `locks ${attempt.locked.join(' and ')}`
      })
  }

  it('counts an address and an account within their window', () => {
    expect(
      timeline(`
        0   192.0.2.1 alice
        30  192.0.2.1 bob
        61  192.0.2.1 carol
        62  192.0.2.1 dave
        63  192.0.2.1 dave
        161 192.0.2.1 dave
        162 192.0.2.1 dave`),
    ).toEqual(['wrong', 'wrong', 'wrong', 'locks address', 'locked until 162', 'locked until 162', 'wrong'])
  })

  it('counts an account from wherever', () => {
    const tries = Array.from({ length: 6 }, (_, at) => `${at} 192.0.2.${at} alice`).join('\n')
    expect(timeline(`${tries}\n7 192.0.2.99 bob`)).toEqual([
      'wrong',
      'wrong',
      'wrong',
      'wrong',
      'locks account',
      'locked until 104',
      'wrong',
    ])
  })

  it.each([
    ['192.0.2.1', 'authok', null, 'authok'],
    ['2001:db8::1', 'authok', null, 'authok'],
    ['192.0.2.1', 'authok authok6 db', null, 'authok db'],
    ['2001:db8::1', 'authok authok6 db', null, 'authok6 db'],
    ['2001:db8::1', 'authok authok6 db', 'authok', 'authok6'],
    ['192.0.2.1', 'authok authok6 db', 'authok6', ''],
    ['192.0.2.1', 'vlan6', null, 'vlan6'],
  ])('%s is put into its family’s of the lists %s (own: %s): %s', (address, lists, own, expected) => {
    expect(grantedLists(address, lists.split(' '), own?.split(' ') ?? null).join(' ')).toBe(expected)
  })

  it('takes a /64 of IPv6 as one', () => {
    expect(
      timeline(`
        0 2001:db8::1 a
        1 2001:db8::2 b
        2 2001:db8::3 c
        3 2001:db8::4 d
        4 2001:db8:0:1::4 d`),
    ).toEqual(['wrong', 'wrong', 'locks address', 'locked until 102', 'wrong'])
  })

  it('forgives who comes in at the last try', () => {
    expect(
      timeline(`
        0 192.0.2.1 alice
        1 192.0.2.1 alice
        2 192.0.2.1 alice !
        3 192.0.2.1 alice
        4 192.0.2.1 alice`),
    ).toEqual(['wrong', 'wrong', 'in', 'wrong', 'wrong'])
  })

  it('keeps its memory bounded', () => {
    const lockout = new Lockout(settings, 10)
    for (let at = 0; at < 1000; at++) lockout.begin(`192.0.2.${at % 250}`, `user${at}`, at)
    for (let at = 0; at < 3; at++) lockout.begin('198.51.100.1', 'x', 2000 + at)
    expect(lockout.lockedUntilMs('198.51.100.1', 'x', 2003)).not.toBeNull()
  })
})

describe('the caller', () => {
  const proxies = ['10.0.0.0/8', '::1'].map((text) => parsePrefix(text)!)
  it.each([
    ['192.0.2.1', undefined, '192.0.2.1'],
    ['::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.9', '192.0.2.1'],
    ['10.0.0.1', '198.51.100.9', '198.51.100.9'],
    ['10.0.0.1', '203.0.113.5, 198.51.100.9', '198.51.100.9'],
    ['10.0.0.1', '198.51.100.9, 10.2.3.4', '198.51.100.9'],
    ['::1', '[2001:db8::9]:4711', '2001:db8::9'],
    ['::1', '198.51.100.9:4711', '198.51.100.9'],
    ['10.0.0.1', undefined, null],
    ['10.0.0.1', '', null],
    ['10.0.0.1', '10.0.0.2', null],
    ['10.0.0.1', '198.51.100.9, unknown', null],
    ['', undefined, null],
  ])('connected from %j, forwarded for %j: %j', (peer, forwardedFor, caller) => {
    expect(callerOf(peer, forwardedFor, proxies)).toBe(caller)
  })
})

describe('settings', () => {
  const complaints = (yaml: string): string[] => {
    const { config, diagnostics, errorAt } = readConfigFile(new SourceText('postern.yaml', yaml))
    const wrong = [...diagnostics]
    if (config?.authport)
      settleAuthport(config.authport, (path, message, help) =>
        wrong.push(errorAt(['authport', ...path], message, help)),
      )
    return wrong.map(({ message, span }) => `${yaml.slice(span?.start, span?.end)}: ${message}`)
  }

  it.each([
    ['authport: { listen: "127.0.0.1:8080", lists: authok }', []],
    ['authport: { listen: ["[::1]:80", "127.0.0.1:80"], lists: [a, b], session: 1h30m }', []],
    [
      'authport: { listen: "0.0.0.0:8080", lists: a }',
      ['"0.0.0.0:8080": 0.0.0.0 is reached from outside, and passwords would travel unencrypted'],
    ],
    ['authport: { listen: "0.0.0.0:8080", lists: a, proxies: 10.0.0.1 }', []],
    [
      'authport: { listen: 8080, lists: a }',
      ['8080: "listen" is 8080, and should be a text, or a list ("- item" or "[item]")'],
    ],
    [
      'authport: { listen: "localhost:80", lists: a }',
      ['"localhost:80": "localhost:80" is no address with a port'],
    ],
    ['authport: { listen: "::1:80", lists: a }', ['"::1:80": "::1:80" is no address with a port']],
    [
      'authport: { listen: "127.0.0.1:80", lists: ["a/b"] }',
      ['"a/b": "a/b" cannot be the name of a recency list'],
    ],
    [
      'authport: { listen: "127.0.0.1:80", lists: ".." }',
      ['"..": ".." cannot be the name of a recency list'],
    ],
    [
      'authport: { listen: "127.0.0.1:80", lists: a, session: 8d }',
      ['8d: "8d" is no time between 1 and 604800 seconds'],
    ],
    [
      'authport: { listen: "127.0.0.1:80", lists: a, proxies: [proxy.example] }',
      ['proxy.example: "proxy.example" is neither an address nor a prefix'],
    ],
    [
      'authport: { listen: "127.0.0.1:80", list: a }',
      [
        '{ listen: "127.0.0.1:80", list: a }: "lists" is missing: a text, or a list ("- item" or "[item]")',
        'list: "list" has no meaning here',
      ],
    ],
  ])('%s', (yaml, said) => {
    expect(complaints(yaml)).toEqual(said)
  })
})

describe('the keeper of the lists', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-keeper-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let nowMs = 0
  let written: string[] = []
  let present = ''
  const made = (grantsFile: string): Keeper => {
    ;[nowMs, written, present] = [0, [], '']
    return new Keeper({
      lists: ['authok'],
      longestSeconds: 100,
      grantsFile: join(folder, grantsFile),
      nowMs: () => nowMs,
      complain: (message) => written.push(`complaint: ${message}`),
      files: {
        read: async () => present,
        write: async (path, text) => void written.push(`${path} ${text.trim()}`),
      },
    })
  }
  const file = '/proc/net/xt_recent/authok'

  it.each([
    ['other', '192.0.2.1', 10, 'this list is not configured'],
    ['../../sys', '192.0.2.1', 10, 'this list is not configured'],
    ['authok', '192.0.2.1\n+192.0.2.2', 10, 'this is no address'],
    ['authok', '/', 10, 'this is no address'],
    ['authok', '999.1.1.1', 10, 'this is no address'],
    ['authok', '192.0.2.0/24', 10, 'this is no address'],
    ['authok', '192.0.2.1', 0, '0 is no time between 1 and 100 seconds'],
    ['authok', '192.0.2.1', 101, '101 is no time between 1 and 100 seconds'],
    ['authok', '192.0.2.1', Number.NaN, 'NaN is no time between 1 and 100 seconds'],
  ])('refuses to put into %j %j for %d', async (list, address, seconds, said) => {
    const keeper = made('refused')
    await expect((async () => keeper.put(list, address, seconds))()).rejects.toThrow(said)
    expect(written).toEqual([])
  })

  it('takes out when the time is over, the last one counts, and nobody it has not put in', async () => {
    const keeper = made('time')
    await keeper.put('authok', '192.0.2.1', 10)
    await keeper.put('authok', '::ffff:192.0.2.1', 5)
    await keeper.put('authok', '2001:DB8::1', 20)
    await keeper.take('authok', '203.0.113.99')
    nowMs = 9_999
    await keeper.expire()
    expect(written).toEqual([`${file} +192.0.2.1`, `${file} +192.0.2.1`, `${file} +2001:db8::1`])
    nowMs = 10_000
    await keeper.expire()
    expect(written.at(-1)).toBe(`${file} -192.0.2.1`)
    expect(readFileSync(join(folder, 'time'), 'utf8')).toBe('authok 2001:db8::1\n')
    await keeper.closeAll()
    expect(written.at(-1)).toBe(`${file} -2001:db8::1`)
  })

  it('puts in again who is missing', async () => {
    const keeper = made('repair')
    for (const address of ['192.0.2.1', '2001:db8::1']) await keeper.put('authok', address, 10)
    written = []
    present = 'src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 0 last_seen: 1 oldest_pkt: 1 1\n'
    await keeper.repair()
    expect(written).toEqual([`${file} +192.0.2.1`])
  })

  it('takes out at its start who was left in, and believes no note about other lists', async () => {
    writeFileSync(join(folder, 'left'), 'authok 192.0.2.1\nother 192.0.2.2\nauthok nonsense\n\n')
    await made('left').start()
    expect(written).toEqual([`${file} -192.0.2.1`])
  })
})
