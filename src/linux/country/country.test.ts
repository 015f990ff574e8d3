/** Lists from a server of this machine, and the kernel in a namespace: what is good comes into force, what is not changes nothing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { missingTools } from '../../../test/tools.ts'
import { type RunProgram, runProgram } from '../bans/run-program.ts'
import {
  type CountryFile,
  CountryStore,
  checkCountryFile,
  entriesInForce,
  isAsked,
  removeAll,
  settingsOf,
  sync,
  testAddress,
  timerUnits,
} from './index.ts'

type Page = (request: IncomingMessage, response: ServerResponse) => void
const pages = new Map<string, Page>()
const asked: string[] = []
let server: Server
let base = ''
let folder = ''

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(
      `${request.url} ${request.headers['if-none-match'] ?? request.headers['if-modified-since'] ?? '-'}`,
    )
    const page = pages.get(request.url ?? '')
    if (page === undefined) response.writeHead(404).end()
    else page(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-country-'))
  pages.clear()
  asked.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A list with an ETag, which is not sent again to who has it. */
const list =
  (text: string, etag = `"${text.length}"`): Page =>
  (request, response) => {
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
    else response.writeHead(200, { etag }).end(text)
  }
const broken =
  (status: number): Page =>
  (_request, response) =>
    void response.writeHead(status).end()

const namespace = `countries${process.pid}`
const inside = (...words: string[]): string =>
  execFileSync('ip', ['netns', 'exec', namespace, ...words], { encoding: 'utf8', stdio: 'pipe' })
const run: RunProgram = (program, args, options) =>
  runProgram('ip', ['netns', 'exec', namespace, program, ...args], options)

const settings = (more: CountryFile = {}) =>
  settingsOf(
    {
      countries: ['cn', 'RU'],
      url: [`${base}/{cc}.zone`, `${base}/{cc}.v6`],
      state: join(folder, 'state'),
      retries: 0,
      timeout: '2s',
      ...more,
    },
    null,
  )
const options = { force: false, dryRun: false, sessions: [] as string[], nowMs: () => 1_760_000_000_000, run }
const dry = { ...options, dryRun: true }

const good = () => {
  pages.set('/cn.zone', list('1.0.1.0/24\n1.0.0.0/24\n1.0.8.0/21\n'))
  pages.set('/ru.zone', list('2.56.0.0/16\n'))
  pages.set('/ru.v6', list('2a00:1000::/29\n'))
}

describe('lists', () => {
  it('are asked for only if they have changed, and kept', async () => {
    good()
    const first = await sync(settings(), dry)
    expect(first.status).toMatchObject({ prefixes: { ipv4: 3, ipv6: 1 }, warnings: [] })
    expect(first.status.countries).toEqual([
      { code: 'cn', networks: 2 },
      { code: 'ru', networks: 2 },
    ])
    asked.length = 0
    pages.set('/ru.zone', list('2.56.0.0/15\n', '"other"'))
    expect((await sync(settings(), dry)).status.prefixes).toEqual({ ipv4: 3, ipv6: 1 })
    expect(asked.sort()).toEqual(['/cn.v6 -', '/cn.zone "33"', '/ru.v6 "15"', '/ru.zone "12"'])
  })

  it('by Last-Modified, where a server has no ETag', async () => {
    const modified = 'Wed, 01 Oct 2025 10:00:00 GMT'
    const page: Page = (request, response) =>
      request.headers['if-modified-since'] === modified
        ? void response.writeHead(304).end()
        : void response.writeHead(200, { 'last-modified': modified }).end('5.0.0.0/16\n')
    pages.set('/de.zone', page)
    const one = settings({ countries: ['de'], url: `${base}/{cc}.zone` })
    await sync(one, dry)
    await sync(one, dry)
    expect(asked).toEqual(['/de.zone -', `/de.zone ${modified}`])
  })

  it('are tried again after a failure that passes', async () => {
    let count = 0
    pages.set('/de.zone', (request, response) =>
      ++count < 2 ? broken(503)(request, response) : list('5.0.0.0/16\n')(request, response),
    )
    const one = settings({ countries: ['de'], url: `${base}/{cc}.zone`, retries: 1 })
    expect((await sync(one, dry)).status.prefixes.ipv4).toBe(1)
    expect(count).toBe(2)
  })

  /** Streams until the reader has had enough. */
  const endless: Page = (_request, response) => {
    response.writeHead(200)
    const more = (): void => {
      while (!response.destroyed && response.write('9.9.9.0/24\n'.repeat(5000)));
    }
    response.on('drain', more)
    more()
  }
  const bad: readonly [string, Page, string][] = [
    ['HTML', list('<html>captive portal</html>'), 'a page of HTML'],
    ['everything', list('0.0.0.0/0\n'), 'wider than any country'],
    [
      'private networks',
      list('1.0.0.0/24\n192.168.0.0/16\n'),
      'line 2: 192.168.0.0/16 belongs to no country',
    ],
    ['names', list('example.net\n'), '"example.net" is not a network'],
    ['nothing', list(''), 'no network in it'],
    [
      'a gigabyte that is announced',
      (_, response) => void response.writeHead(200, { 'content-length': 1 << 30 }).write('1'),
      'larger than 100000 bytes',
    ],
    ['a gigabyte that is not', endless, 'larger than 100000 bytes'],
    ['an error', broken(500), 'the server answered 500'],
    ['a refusal', broken(403), 'the server answered 403'],
    ['a server that says nothing', () => {}, 'not there after 0.4 s'],
    ['a connection that breaks', (_, response) => void response.destroy(), '/de.zone: '],
  ]
  it.each(bad)('that are none are refused, and the last good one stays: %s', async (_, page, message) => {
    const one = settings({ countries: ['de'], url: `${base}/{cc}.zone`, maximum: 100_000, timeout: '400ms' })
    pages.set('/de.zone', page)
    await expect(sync(one, dry)).rejects.toThrow(message)
    pages.set('/de.zone', list('5.0.0.0/16\n', '"good"'))
    await sync(one, dry)
    pages.set('/de.zone', page)
    const { status } = await sync(one, dry)
    expect(status.prefixes.ipv4).toBe(1)
    expect(status.warnings.join()).toContain(message)
    expect(status.warnings.join()).toContain('the last good list of de stays')
    // What was refused was not kept.
    pages.set('/de.zone', list('5.0.0.0/16\n', '"good"'))
    expect((await sync(one, dry)).status.warnings).toEqual([])
  })

  it('of a folder and of a database', async () => {
    mkdirSync(join(folder, 'zones'))
    writeFileSync(join(folder, 'zones/cn.zone'), '1.0.0.0/24\n')
    writeFileSync(join(folder, 'zones/cn.v6.zone'), '2a00::/32\n')
    const one = { countries: ['cn'], state: join(folder, 'state') }
    const zones = settingsOf({ ...one, folder: join(folder, 'zones') }, null)
    expect((await sync(zones, dry)).status.prefixes).toEqual({ ipv4: 1, ipv6: 1 })
    writeFileSync(
      join(folder, 'db.csv'),
      '1.0.0.0,1.0.0.255,CN\n1.0.1.0,1.0.1.255,CN\n5.0.0.0,5.0.0.255,DE\n',
    )
    const csv = settingsOf({ ...one, csv: join(folder, 'db.csv') }, null)
    expect((await sync(csv, dry)).status.prefixes).toEqual({ ipv4: 1, ipv6: 0 })
    await expect(sync({ ...csv, countries: ['cn', 'fr'] }, dry)).rejects.toThrow('no network of fr')
    await expect(sync({ ...zones, countries: ['fr'] }, dry)).rejects.toThrow('has no fr.zone')
  })

  it.each<[unknown, string]>([
    [{ countries: ['cn'], mmdb: 'a', csv: 'b' }, 'exclude each other'],
    [{ countries: ['../etc'] }, 'is not a code of two letters'],
    [{ countries: [] }, 'no countries are named'],
    [{ countries: ['cn'], folder: 'a', csv: 'b' }, 'exclude each other'],
    [{ countries: ['cn'], url: 'ftp://x/{cc}' }, 'x: url: '],
    [{ countries: ['cn'], url: 'http://x/zone' }, 'x: url: '],
    [{ countries: ['cn'], allow: ['example.net'] }, 'x: allow.0: is not an address or prefix'],
    [{ countries: ['cn'], set: 'a b' }, 'x: set: '],
    [{ countries: ['cn'], colour: 'red' }, 'x: the whole: '],
  ])('%j is refused: %s', (file, message) => {
    expect(() => settingsOf(checkCountryFile(file, 'x'), null)).toThrow(message)
  })
})

it('a session of the administrator is not cut off without force; the allow-list comes first', async () => {
  good()
  const cut = { ...dry, sessions: ['203.0.113.9', '1.0.1.77'] }
  await expect(sync(settings(), cut)).rejects.toThrow(
    '1.0.1.77, from where you are logged in, would be refused',
  )
  await sync(settings(), { ...cut, force: true })
  await sync(settings({ allow: ['1.0.1.64/26'] }), cut)
})

it('units of systemd name the command', () => {
  const [service, timer] = timerUnits(['/usr/bin/postern', 'country', 'sync', '--config', '/etc/a b%.yaml'])
  expect(service!.text).toContain('ExecStart=/usr/bin/postern country sync --config "/etc/a b%%.yaml"\n')
  expect(timer!.text).toContain('Persistent=yes')
})

const lack = process.getuid?.() === 0 ? missingTools('ip', 'iptables', 'ip6tables', 'ipset') : 'needs root'

describe.skipIf(lack !== null)(`in the kernel (${lack ?? 'of a namespace'})`, () => {
  beforeEach(() => void execFileSync('ip', ['netns', 'add', namespace]))
  afterEach(() => void execFileSync('ip', ['netns', 'del', namespace]))
  const state = () =>
    [inside('ipset', 'save'), inside('iptables-save'), inside('ip6tables-save')]
      .join('')
      .replace(/^#.*\n/gm, '')
      .replace(/\[\d+:\d+\]/g, '')
      .replace(/(hashsize|initval) \S+/g, '')
      .split('\n')
      .sort()
      .join('\n')

  it('comes into force, again, changes as a whole, stays when a list is bad, and goes', async () => {
    const before = state()
    good()
    await sync(settings({ allow: ['1.0.1.64/26', '2a00:1000::7'], forward: true }), options)
    const first = state()
    for (const text of [
      'add country 1.0.0.0/23',
      'add country 1.0.8.0/21',
      'add country6 2a00:1000::/29',
      'add country-allow 1.0.1.64/26',
      'add country6-allow 2a00:1000::7',
      '-A INPUT ! -i lo -m comment --comment "recipe:country:country" -j country-country',
      '-A FORWARD -m comment --comment "recipe:country:country" -j country-country',
      '-A country-country -m set --match-set country src -m comment --comment "recipe:country:country" -j DROP',
    ])
      expect(first).toContain(text)
    expect(first.match(/^-A (INPUT|FORWARD)/gm)!.length).toBe(4)
    expect(first).not.toContain('~new')
    const drop = '-m set --match-set country src -m comment --comment recipe:country:country -j DROP'
    inside('iptables', '-R', 'country-country', '2', ...drop.split(' '), '-c', '5', '300')
    await sync(settings({ allow: ['1.0.1.64/26', '2a00:1000::7'], forward: true }), options)
    expect(state()).toBe(first)
    expect(inside('iptables-save', '-c')).toContain('[5:300] -A country-country')
    expect(await entriesInForce('country', 'ipv4', run)).toBe(3)
    expect(await isAsked('country', 'ipv6', run)).toBe(true)

    const store = new CountryStore(join(folder, 'state'))
    const says = async (address: string) =>
      (await testAddress(address, (await store.status())!, store)).because
    expect(await says('1.0.1.65')).toBe('1.0.1.64/26 of the allow-list')
    expect(await says('1.0.1.63')).toBe('1.0.0.0/23 of cn')
    expect(await says('2a00:1007::1')).toBe('2a00:1000::/29 of ru')
    expect(await says('9.9.9.9')).toBe(null)

    pages.set('/cn.zone', list('<html>', '"new"'))
    const { status } = await sync(
      settings({ allow: ['1.0.1.64/26', '2a00:1000::7'], forward: true }),
      options,
    )
    expect(status.warnings.length).toBe(1)
    expect(state()).toBe(first)
    // A country of which there never was a list: nothing at all happens.
    await expect(sync(settings({ countries: ['cn', 'kp'] }), options)).rejects.toThrow('no list of kp')
    expect(state()).toBe(first)

    pages.set('/cn.zone', list('1.4.0.0/24\n', '"newer"'))
    await sync(settings(), options)
    const second = state()
    expect(second).toContain('add country 1.4.0.0/24')
    expect(second).not.toContain('add country 1.0.')
    expect(second).not.toContain('1.0.1.64')
    expect(second).not.toContain('-A FORWARD')

    await removeAll('country', run)
    expect(
      state()
        .replace(/^(\*filter|COMMIT|:\w+ ACCEPT ?|\s*)$/gm, '')
        .trim(),
    ).toBe(before.trim())
  })

  it('ipset that fails midway leaves what was there', async () => {
    good()
    await sync(settings(), options)
    const first = state()
    pages.set('/cn.zone', list('1.4.0.0/24\n', '"newer"'))
    const failing = (at: number): RunProgram => {
      let count = 0
      return async (program, args, more) => {
        if (args[0] === 'restore' && count++ === at) {
          // Half of what it was given, as a kernel without memory would.
          const half = (more?.input ?? '').split('\n').slice(0, -2).slice(0, 3).join('\n')
          await run(program, args, { input: `${half}\n` })
          return {
            status: 1,
            stdout: '',
            stderr: 'ipset v7.17: Error in line 4: Kernel error received: out of memory\n',
          }
        }
        return run(program, args, more)
      }
    }
    await expect(sync(settings(), { ...options, run: failing(0) })).rejects.toThrow('out of memory')
    expect(state()).toBe(first)
  })

  it('250,000 networks are in force with less than two seconds of our own', async () => {
    const lines: string[] = []
    // Every other /24 and /25 of eight /8s: none can be joined.
    for (let at = 0; at < 250_000; at++) {
      lines.push(`${11 + (at >> 15)}.${(at >> 7) & 255}.${(at & 127) * 2}.0/${24 + (at & 1)}`)
    }
    pages.set('/cn.zone', list(lines.join('\n')))
    const one = settings({ countries: ['cn'], url: `${base}/{cc}.zone`, timeout: '60s' })
    const before = process.cpuUsage()
    const { status } = await sync(one, options)
    const { user, system } = process.cpuUsage(before)
    expect(status.prefixes.ipv4).toBe(250_000)
    expect(await entriesInForce('country', 'ipv4', run)).toBe(250_000)
    // Of the processor; ipset's own time is not in it, what others do beside us neither.
    expect((user + system) / 1000).toBeLessThan(2000)
  })
})
