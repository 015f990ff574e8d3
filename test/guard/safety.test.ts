/** What an attacker writes into a log: lines that name a stranger, lines that stock expressions never finish, no addresses. */
import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { readFilter } from '../../src/guard/config/read-filter.ts'
import { createFilter, type Filter } from '../../src/guard/filter/index.ts'
import type { FilterDefinition } from '../../src/guard/filter-definition.ts'
import { ownFilters } from '../../src/guard/filters/index.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { seed } from '../seed.ts'
import { absent, sharedPath } from '../shared.ts'
import { hostileLines } from './hostile-lines.ts'

const stock = existsSync('/etc/fail2ban/filter.d') ? '/etc/fail2ban' : sharedPath('conformance/fail2ban/etc')
const withoutStock =
  stock === null ? ` (${absent('conformance/fail2ban')}, and fail2ban is not installed)` : ''

const stockDefinition = (reference: string): FilterDefinition =>
  readFilter(machineFiles, reference, { folder: stock! }).definition!
const ownDefinition = (reference: string): FilterDefinition =>
  readFilter(memoryFiles({}), reference, { filters: ownFilters }).definition!

const nowMs = Date.UTC(2026, 10, 21, 19)
const attacker = '198.51.100.66'
const stranger = '203.0.113.9'

/** Ids of the failures that lines come to. */
const idsOf = (filter: Filter, lines: readonly string[]): string[] =>
  lines.flatMap((line) => filter.process(line, { nowMs }).map(({ id }) => id))

/** User names made to look like the rest of a line. */
const names = [
  `root from ${stranger} port 22 ssh2`,
  `root from ${stranger}`,
  `x from ${stranger} port 1 ssh2: RSA SHA256:abc`,
  `a from ${stranger} not allowed because not listed in AllowUsers`,
  `root from ${stranger} port 22 ssh2:`,
  stranger,
  `from ${stranger} `,
  `x ${stranger} port 22`,
  `a rhost=${stranger} user=b`,
  `root from ${stranger} via 192.0.2.1`,
  `root from ${stranger} port 22 on 192.0.2.1 port 22`,
]

/** Where sshd writes what the client said. */
const sshdLines = (name: string): string[] => [
  `Failed password for invalid user ${name} from ${attacker} port 4000 ssh2`,
  `Failed password for ${name} from ${attacker} port 4000 ssh2`,
  `Failed none for invalid user ${name} from ${attacker} port 4000 ssh2`,
  `Failed publickey for invalid user ${name} from ${attacker} port 4000 ssh2: RSA SHA256:xyz`,
  `Invalid user ${name} from ${attacker} port 4000`,
  `User ${name} from ${attacker} not allowed because not listed in AllowUsers`,
  `maximum authentication attempts exceeded for invalid user ${name} from ${attacker} port 4000 ssh2 [preauth]`,
  `Connection closed by invalid user ${name} ${attacker} port 4000 [preauth]`,
  `Disconnected from invalid user ${name} ${attacker} port 4000 [preauth]`,
  `error: PAM: Authentication failure for illegal user ${name} from ${attacker}`,
  `Received disconnect from ${attacker} port 4000:11: ${name} [preauth]`,
  `Received disconnect from ${attacker} port 4000:3: ${name}: Auth fail [preauth]`,
  `Bad protocol version identification '${name}' from ${attacker} port 4000`,
]

describe('a name that a client chooses', () => {
  const filters = (['normal', 'aggressive'] as const).flatMap((mode) => [
    ...(stock === null
      ? []
      : [[`fail2ban's sshd, ${mode}`, () => stockDefinition(`sshd[mode=${mode}]`)] as const]),
    [`our sshd, ${mode}`, () => ownDefinition(`sshd[mode=${mode}]`)] as const,
  ])

  it.each(filters)(`bans no stranger: %s${withoutStock}`, (_, definition) => {
    const filter = createFilter(definition())
    let found = 0
    for (const [at, name] of names.entries()) {
      for (const [form, text] of sshdLines(name).entries()) {
        const line = `Nov 21 18:30:00 gate sshd[${100 * (at + 1) + form}]: ${text}`
        const ids = idsOf(filter, [line])
        found += ids.length
        expect(
          ids.filter((id) => id !== attacker),
          line,
        ).toEqual([])
      }
    }
    // most of them are found nonetheless
    expect(found).toBeGreaterThan(60)
  })

  it.skipIf(stock === null)(`would have a stranger banned as fail2ban takes it${withoutStock}`, () => {
    const filter = createFilter(stockDefinition('sshd'), { ids: 'raw' })
    const lines = names.flatMap(sshdLines).map((text, at) => `Nov 21 18:30:00 gate sshd[${at}]: ${text}`)
    expect(idsOf(filter, lines)).toContain(stranger)
  })

  it.skipIf(stock === null)(`is held against the other lines of its connection${withoutStock}`, () => {
    const line = (text: string) => `Nov 21 18:30:00 gate sshd[7]: ${text}`
    const crafted = `Failed password for root from ${stranger} port 22 ssh2 from ${attacker} port 4000 ssh2`
    const filter = createFilter(stockDefinition('sshd'))
    expect(idsOf(filter, [line(crafted)])).not.toContain(stranger)
    expect(idsOf(filter, [line(`Invalid user eve from ${attacker} port 4000`), line(crafted)])).toEqual([
      attacker,
      attacker,
    ])
  })
})

it.skipIf(stock === null)(`whoever had the process number before is not blamed${withoutStock}`, () => {
  const line = (who: string) =>
    `Nov 21 18:30:00 gate sshd[7]: Failed password for root from ${who} port 4000 ssh2`
  const story = ['192.0.2.1', '2001:db8::7', '192.0.2.2', '2001:db8::7']
  expect(idsOf(createFilter(stockDefinition('sshd')), story.map(line))).toEqual(story)
  // as fail2ban takes it
  expect(idsOf(createFilter(stockDefinition('sshd'), { ids: 'raw' }), story.map(line))).toEqual([
    '192.0.2.1',
    '192.0.2.1',
    '192.0.2.2',
    '192.0.2.2',
  ])
})

/**
 * Every published advisory about fail2ban that is about what others write into logs, and old lines of that kind: filter,
 * line, who may be banned. Those about what is done with such text are held where it is done: CVE-2012-5642 (matches in
 * commands) and CVE-2021-32749 (whois in mails) in `linux/bans/commands.test.ts`; GHSA-33wh-ccjc-p397 (domino-smtp never
 * ends) is below. CVE-2009-5023 is about temporary files of actions.
 */
const published: readonly (readonly [string, string, string | null])[] = [
  // CVE-2006-6302: a user's name
  [
    'sshd',
    `Nov 21 18:30:00 gate sshd[1]: Failed password for invalid user x from ${stranger} from ${attacker} port 4000 ssh2`,
    attacker,
  ],
  // CVE-2007-4321: what a client says of its version, and the name again
  [
    'sshd[mode=aggressive]',
    `Nov 21 18:30:00 gate sshd[1]: Bad protocol version identification 'root from ${stranger} port 22' from ${attacker} port 4000`,
    attacker,
  ],
  [
    'sshd',
    `Nov 21 18:30:00 gate sshd[1]: User root from ${stranger} not allowed because x from ${attacker} not allowed because not listed in AllowUsers`,
    attacker,
  ],
  // CVE-2013-2178: a path of a URL
  [
    'apache-auth',
    `[Sat Jun 01 02:17:42 2013] [error] [client ${attacker}] File does not exist: /srv/[client ${stranger}] user root not found`,
    null,
  ],
  [
    'apache-nohome',
    `[Sat Jun 01 02:17:42 2013] [error] [client ${attacker}] script '/srv/[client ${stranger}] File does not exist: /~root' not found`,
    null,
  ],
  [
    'apache-noscript',
    `[Sat Jun 01 02:17:42 2013] [error] [client ${attacker}] File does not exist: /srv/[client ${stranger}] script '/x.php' not found or unable to stat`,
    null,
  ],
  [
    'apache-overflows',
    `[Sat Jun 01 02:17:42 2013] [error] [client ${attacker}] File does not exist: /srv/[client ${stranger}] Invalid URI in request x`,
    null,
  ],
  // CVE-2009-0362: a host name that its owner chose
  [
    'wuftpd',
    `Nov 21 18:30:00 gate wu-ftpd[1]: failed login from ${stranger}.example.org [${attacker}]`,
    null,
  ],
  // CVE-2013-7176: what a client says after HELO
  [
    'postfix',
    `Nov 21 18:30:00 gate postfix/smtpd[1]: lost connection after AUTH from unknown[${attacker}]: helo=<unknown[${stranger}]: SASL LOGIN authentication failed: x>`,
    null,
  ],
  // CVE-2013-7177: a user's name
  [
    'cyrus-imap',
    `Nov 21 18:30:00 gate imaps[1]: badlogin: unknown [${attacker}] plaintext x [${stranger}] plaintext y SASL(-13): authentication failure: checkpass failed`,
    attacker,
  ],
  [
    'proftpd',
    `Nov 21 18:30:00 gate proftpd[1] gate (::ffff:${attacker}[::ffff:${attacker}]): USER gate proftpd[2] gate (x[${stranger}]): no such user found from ::ffff:${attacker} [::ffff:${attacker}] to ::ffff:192.0.2.1:21`,
    attacker,
  ],
  [
    'dovecot',
    `Nov 21 18:30:00 gate auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=rhost=${stranger} rhost=${attacker}`,
    attacker,
  ],
  [
    'nginx-http-auth',
    `2026/11/21 18:30:00 [error] 30708#0: *3 user "test": password mismatch, client: ${stranger}, server: x, request: "GET / HTTP/1.1", host: "y": was not found in "/etc/passwd", client: ${attacker}, server: , request: "GET / HTTP/1.1", host: "z"`,
    attacker,
  ],
]

describe('published ways to have a stranger banned', () => {
  it.skipIf(stock === null).each(published)(`%s%.0s%.0s${withoutStock}`, (name, line, expected) => {
    const ids = idsOf(createFilter(stockDefinition(name)), [line])
    expect(ids).not.toContain(stranger)
    if (expected !== null) expect(ids).toEqual([expected])
    if (!Object.hasOwn(ownFilters, name.replace(/\[.*/, ''))) return
    const own = idsOf(createFilter(ownDefinition(name)), [line])
    expect(own).not.toContain(stranger)
  })
})

describe('what is no address', () => {
  it.each(['999.1.1.1', '1.2.3.256', '010.1.2.3', '1:2:3:4:5:6:7:8:9'])('%s bans nobody', (text) => {
    const line = `Nov 21 18:30:00 gate app: login from ${text} refused`
    const definition = { ...ownDefinition('sshd'), name: 'app', failregex: ['login from <ADDR> refused$'] }
    const { prefregex: _, ...plain } = definition
    expect(idsOf(createFilter(plain), [line])).toEqual([])
  })

  it('is kept apart from what is one', () => {
    const { prefregex: _, ...definition } = {
      ...ownDefinition('sshd'),
      failregex: ['login from <HOST> refused$'],
    }
    const filter = createFilter(definition)
    const failure = (who: string) =>
      filter.process(`Nov 21 18:30:00 gate app: login from ${who} refused`, { nowMs })[0]
    expect(failure('::ffff:192.0.2.1')).toMatchObject({ id: '192.0.2.1', address: '192.0.2.1' })
    expect(failure('2001:DB8:0::7')).toMatchObject({ id: '2001:db8::7', address: '2001:db8::7' })
    expect(failure('host.example.org')).toMatchObject({ id: 'host.example.org', name: 'host.example.org' })
    expect(failure('12345')).toBeUndefined()
  })
})

describe('lines that a stock expression never finishes', () => {
  const lines: readonly (readonly [string, string])[] = [
    ['domino-smtp', `[00123] smtp: ${'a '.repeat(76)}x`],
    ['dovecot', `Nov 21 18:30:00 gate dovecot: imap-login: Disconnected${': a'.repeat(60)} (none`],
    ['dovecot', `Nov 21 18:30:00 gate dovecot: imap-login: Disconnected${': ab c'.repeat(2000)} rip=`],
    ['courier-auth', `Nov 21 18:30:00 gate imapd: LOGIN FAILED, ${'a=b, user=c, '.repeat(400)}ip=`],
    ['assp', `Nov-21-26 18:30:00 ${'a-b '.repeat(60)}relay attempt blocked for x`],
  ]
  it.skipIf(stock === null).each(lines)(`%s%.0s: done at once${withoutStock}`, (name, line) => {
    const filter = createFilter(stockDefinition(name))
    const start = performance.now()
    expect(filter.process(line, { nowMs })).toEqual([])
    filter.explain(line, { nowMs })
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

describe('lines made to keep an expression busy', () => {
  const names =
    stock === null ? [] : readdirSync(`${stock}/filter.d`).filter((file) => /(?<!common)\.conf$/.test(file))

  // a search that is given up is counted in steps, so this does not depend on the machine
  it.skipIf(stock === null)(
    `are searched to the end by every stock filter of single lines${withoutStock}`,
    () => {
      let slowest = 0
      for (const name of names) {
        for (const mode of name === 'sshd.conf' ? ['', '[mode=aggressive]'] : ['']) {
          const definition = stockDefinition(`${name.slice(0, -5)}${mode}`)
          const filter = createFilter(definition)
          for (const line of hostileLines(definition, { each: 3, length: 8192, seed })) {
            const start = performance.now()
            filter.process(line, { nowMs })
            slowest = Math.max(slowest, performance.now() - start)
          }
          // mongodb-auth and slapd look for the same number in another of many lines, which nothing but a bound ends
          if (definition.maxlines === 1) expect(filter.gaveUp, `${name}, seed ${seed}`).toBe(0)
        }
      }
      expect(slowest, `seed ${seed}`).toBeLessThan(2000)
    },
  )

  it('are given up where nothing but a bound ends the search, and the next line is read', () => {
    const { prefregex: _, ...definition } = {
      ...ownDefinition('sshd'),
      failregex: [
        ...Array.from({ length: 30 }, (_, at) => `^ (?:(a+)\\1*)+\\d{${at + 1}}<ADDR>$`),
        '^ refused <ADDR>$',
      ],
    }
    const filter = createFilter(definition)
    const start = performance.now()
    // thirty expressions share what one line may take; those after them get nothing
    expect(idsOf(filter, [`2026-11-21 18:30:00 ${'a'.repeat(300)}`])).toEqual([])
    expect(performance.now() - start).toBeLessThan(3000)
    expect(filter.gaveUp).toBeGreaterThan(25)
    expect(idsOf(filter, [`2026-11-21 18:30:00 refused ${attacker}`])).toEqual([attacker])
  })

  it('are cut: what comes after 8192 characters is not seen', () => {
    const { prefregex: _, ...definition } = { ...ownDefinition('sshd'), failregex: ['refused <ADDR>'] }
    const line = (length: number) => `2026-11-21 18:30:00 ${'x'.repeat(length)} refused ${attacker}`
    expect(idsOf(createFilter(definition), [line(8000), line(9000), line(1_000_000)])).toEqual([attacker])
  })
})
