/** A guard with logs in a folder, commands that only leave a record, and a clock of its own. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryFiles } from '../../guard/config/files.ts'
import { readFilter } from '../../guard/config/read-filter.ts'
import { utc } from '../../guard/dates/zone.ts'
import { AllowList } from '../../guard/decide/index.ts'
import { ownFilters } from '../../guard/filters/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { runProgram } from '../../linux/bans/index.ts'
import { lineBlock } from '../../linux/follow/index.ts'
import { GuardStore } from '../../linux/store/index.ts'
import { ask, listen } from './control.ts'
import { DryRun } from './dry-run.ts'
import { fail2banClient } from './fail2ban-client.ts'
import { Guard } from './guard.ts'
import { GuardLog } from './guard-log.ts'
import { carryOut, type VerbContext } from './verbs.ts'

let folder = ''
let nowMs = 0
let log = ''
let guard: Guard
const at = (name: string): string => join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-guard-'))
  nowMs = Date.UTC(2025, 9, 9, 8, 53, 20)
  log = ''
  guard = newGuard()
})
afterEach(async () => {
  await guard.stop(false)
  guard.services.store.close()
  rmSync(folder, { recursive: true })
})

function newGuard(): Guard {
  return new Guard({
    store: new GuardStore(at('db')),
    log: new GuardLog(
      (line) => {
        log += line
        appendFileSync(at('guard.log'), line)
      },
      'NOTICE',
      () => nowMs,
    ),
    run: runProgram,
    now: () => nowMs,
    zone: utc,
    allowed: new AllowList(),
    isSession: (address) => address === '203.0.113.77',
    ownAddresses: () => ['127.0.0.1'],
    enforce: true,
    nameOf: async (address) => (address === '192.0.2.1' ? 'host.example.org' : null),
    chance: () => 0,
  })
}

const jail = (name = 'ssh', more: Partial<JailSettings> = {}): JailSettings => ({
  name,
  enabled: true,
  filter: {
    name: 'ssh',
    failregex: ['^ sshd: Failed for <F-USER>\\S+</F-USER> from <HOST>$'],
    ignoreregex: [],
    maxlines: 1,
    usedns: 'no',
    logtype: 'file',
    journalmatch: [],
  },
  logPaths: [{ glob: at(`${name}.log`), from: 'head' }],
  backend: 'files',
  logEncoding: 'auto',
  maxRetry: 3,
  findTimeSeconds: 600,
  banTimeSeconds: 60,
  increment: { enabled: false, overAllJails: false },
  window: 'rate',
  maxMatches: 5,
  ignoreSelf: true,
  ignoreAddresses: ['192.0.2.200'],
  ipv6PrefixLength: 128,
  ipv4PrefixLength: 32,
  actions: [
    {
      name: 'record',
      action: 'record',
      options: {
        actionstart: `echo start >> ${at('done')}`,
        actionban: `echo ban <name> <ip> <F-USER> >> ${at('done')}`,
        actionunban: `echo unban <ip> >> ${at('done')}`,
        actionstop: `echo stop >> ${at('done')}`,
        actioncheck: `test ! -e ${at('broken')}`,
      },
    },
  ],
  ...more,
})

const wall = (): string => new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ')
const failed = (address: string, name = 'ssh'): void =>
  appendFileSync(at(`${name}.log`), `${wall()} sshd: Failed for root from ${address}\n`)
const done = (): string[] =>
  existsSync(at('done')) ? readFileSync(at('done'), 'utf8').trimEnd().split('\n') : []
const banned = (name = 'ssh'): string[] => [...guard.jail(name)!.decider.bans].map(({ id }) => id)

async function pass(seconds: number): Promise<void> {
  nowMs += seconds * 1000
  guard.tick()
  await guard.settle()
}

/** As a process that is killed: nothing is said goodbye to. */
async function killAndStart(jails: readonly JailSettings[]): Promise<void> {
  const { store } = guard.services
  await guard.stop(false)
  store.close()
  guard = newGuard()
  guard.start(jails)
  await guard.settle()
}

describe('a guard', () => {
  it('bans after maxretry and lifts after bantime, whoever is not allowed', async () => {
    writeFileSync(at('ssh.log'), '')
    guard.start([jail()])
    for (const address of ['192.0.2.1', '192.0.2.200', '127.0.0.1', '203.0.113.77', '999.1.1.1'])
      for (let count = 0; count < 3; count++) failed(address)
    failed('192.0.2.2')
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.1'])
    await pass(60)
    expect(done()).toEqual(['start', 'ban ssh 192.0.2.1 root'])
    await pass(1)
    expect(done()).toEqual(['start', 'ban ssh 192.0.2.1 root', 'unban 192.0.2.1'])
    expect(log.split('\n').map((line) => line.replace(/\[\d+\]/, '[1]'))).toEqual([
      expect.stringMatching(
        /^2025-10-09 \d\d:53:20,000 fail2ban\.actions {8}\[1\]: NOTICE {2}\[ssh\] Ban 192\.0\.2\.1$/,
      ),
      expect.stringContaining('[ssh] Unban 192.0.2.1'),
      '',
    ])
  })

  it('forgets neither failures nor bans nor places in logs when it is killed', async () => {
    guard.start([jail()])
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.2']) failed(address)
    await guard.settle()
    nowMs += 5000
    failed('192.0.2.1')
    renameSync(at('ssh.log'), at('ssh.log.1'))
    failed('192.0.2.3')
    await killAndStart([jail()])
    expect(banned().sort()).toEqual(['192.0.2.1', '192.0.2.2'])
    expect(guard.jail('ssh')!.decider.currentlyFailed).toBe(1)
    await pass(56)
    expect(banned()).toEqual(['192.0.2.1'])
    await killAndStart([jail()])
    expect(banned()).toEqual(['192.0.2.1'])
  })

  it('goes on with jails that work when others fail', async () => {
    const broken = jail('broken', {
      increment: { enabled: true, overAllJails: false, formula: '__import__("os")' },
    })
    const failing = jail('failing', {
      actions: [{ name: 'no', action: 'no', options: { actionban: 'exit 1' } }],
    })
    expect(guard.start([broken, failing, jail()]).map((problem) => problem.jail)).toEqual(['broken'])
    for (const name of ['ssh', 'failing']) for (let count = 0; count < 3; count++) failed('192.0.2.1', name)
    await guard.settle()
    expect(done()).toEqual(['start', 'ban ssh 192.0.2.1 root'])
    expect(log).toContain("[failing] Failed to execute action 'no'")
  })

  it('goes on when a log cannot be read, a filter is wrong, or an action hangs', async () => {
    mkdirSync(at('folder.log'))
    const hanging = jail('hanging', {
      actions: [{ name: 'slow', action: 'slow', options: { actionban: 'sleep 60', timeout: '1' } }],
    })
    const wrong = jail('wrong', {
      filter: { ...jail().filter, failregex: ['(', '^ sshd: Failed for <F-USER>\\S+</F-USER> from <HOST>$'] },
    })
    const encoded = jail('encoded', { logEncoding: 'klingon' })
    const folderLog = jail('folder')
    const asked = jail('asked', { ignoreCommand: 'sleep 1; false' })
    const others = [hanging, wrong, folderLog, asked]
    expect(guard.start([encoded, ...others, jail()])).toEqual([
      { jail: 'encoded', message: 'logencoding "klingon" is not known' },
    ])
    for (const name of ['hanging', 'wrong', 'asked', 'ssh'])
      for (let count = 0; count < 3; count++) failed('192.0.2.1', name)
    await guard.jail('ssh')!.pump()
    await guard.jail('ssh')!.idle()
    // the others are still busy
    expect(done()).toContain('ban ssh 192.0.2.1 root')
    await guard.settle()
    expect(['wrong', 'asked', 'hanging', 'ssh'].map((name) => banned(name))).toEqual(
      Array(4).fill(['192.0.2.1']),
    )
    expect(log).toContain("[hanging] Failed to execute action 'slow'")
    expect(log).toContain('[wrong] failregex 1: missing ), unterminated subpattern')
    expect(log).toContain(`[wrong] there is no file yet: ${at('wrong.log')}`)
  })

  it('bans for longer, in every port, whom jails ban again and again: recidive on its own log', async () => {
    const recidive = jail('recidive', {
      filter: readFilter(memoryFiles({}), 'recidive', { filters: ownFilters }).definition!,
      logPaths: [{ glob: at('guard.log'), from: 'head' }],
      findTimeSeconds: 86_400,
      banTimeSeconds: 604_800,
    })
    writeFileSync(at('guard.log'), '')
    guard.start([recidive, jail('ssh'), jail('ftp')])
    await guard.settle()
    for (const name of ['ssh', 'ftp', 'ssh']) {
      for (let count = 0; count < 3; count++) failed('192.0.2.1', name)
      for (let count = 0; count < 3; count++) failed('2001:db8::1', 'ftp')
      await guard.settle()
      await guard.settle()
      await pass(61)
      await guard.settle()
    }
    expect(banned('recidive').sort()).toEqual(['192.0.2.1', '2001:db8::1'])
    // its own bans are no failures
    await guard.settle()
    expect(log.match(/\[recidive\] Ban /g)).toHaveLength(2)
    await pass(3600)
    expect(banned('ssh')).toEqual([])
    expect(banned('recidive')).toHaveLength(2)
    await pass(604_800)
    expect(banned('recidive')).toEqual([])
  })

  it('asks ignorecommand, and looks up names that are allowed', async () => {
    guard.start([
      jail('ssh', {
        ignoreCommand: 'test <ip> = 192.0.2.1',
        ignoreAddresses: ['localhost'],
        ignoreSelf: false,
      }),
    ])
    await guard.settle()
    for (const address of ['192.0.2.1', '192.0.2.2', '127.0.0.1'])
      for (let count = 0; count < 3; count++) failed(address)
    await guard.settle()
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.2'])
    expect(done()).toEqual(['start', 'ban ssh 192.0.2.2 root'])
  })

  it('asks ignorecommand about each failure that no list allows, with its tags, before it counts', async () => {
    const command = `echo "<ip> <F-USER> <failures> <ip-host>" >> ${at('asked')}; test <ip> = 192.0.2.1`
    guard.start([jail('ssh', { ignoreCommand: command })])
    for (const address of ['192.0.2.1', '192.0.2.200', '192.0.2.2', '192.0.2.1', '192.0.2.2']) failed(address)
    await guard.settle()
    expect(readFileSync(at('asked'), 'utf8').trimEnd().split('\n').sort()).toEqual([
      '192.0.2.1 root 1 host.example.org',
      '192.0.2.1 root 1 host.example.org',
      '192.0.2.2 root 1 None',
      '192.0.2.2 root 1 None',
    ])
    expect(guard.jail('ssh')!.decider.totalFailed).toBe(2)
    failed('192.0.2.2')
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.2'])
  })

  it('keeps what ignorecommand said as ignorecache wants it, and counts where the command is broken', async () => {
    const ignoreCommand = `echo <F-USER>/<ip> >> ${at('asked')}; test <ip> = 192.0.2.1`
    guard.start([
      jail('ssh', { ignoreCommand, ignoreCache: 'key="<F-USER>@<ip>", max-count=2, max-time=1m' }),
      jail('broken', { ignoreCommand: '/no/such/program <ip>' }),
    ])
    const asked = () => readFileSync(at('asked'), 'utf8').trimEnd().split('\n').length
    for (let count = 0; count < 5; count++) failed('192.0.2.1')
    await guard.settle()
    expect(asked()).toBe(1)
    await pass(61)
    failed('192.0.2.1')
    await guard.settle()
    expect(asked()).toBe(2)
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.1']) failed(address)
    await guard.settle()
    expect(asked()).toBe(5)
    for (let count = 0; count < 3; count++) failed('192.0.2.9', 'broken')
    await guard.settle()
    expect(banned('broken')).toEqual(['192.0.2.9'])
    expect(log).toContain('[broken] ignorecommand ended with status 127')
    expect(guard.start([jail('odd', { ignoreCache: 'max-count=2' })])).toEqual([
      { jail: 'odd', message: 'ignorecache "max-count=2" has no key, such as key="<ip>"' },
    ])
  })

  it('tells actions of all bans of an address, in its jail and in others', async () => {
    const actionban = `printf "%s;" <ip-rev> <ip-host> <failures> <ipjailfailures> <ipfailures> "<ipjailmatches>" "<ipmatches>" >> ${at('told')}; echo >> ${at('told')}`
    const actions = [{ name: 'tell', action: 'tell', options: { actionban } }]
    guard.start([jail('ssh', { actions, maxRetry: 1 }), jail('ftp', { actions, maxRetry: 1 })])
    failed('192.0.2.1')
    await guard.settle()
    await pass(61)
    failed('192.0.2.1')
    await guard.settle()
    await pass(1)
    failed('192.0.2.1', 'ftp')
    failed('2001:db8::1', 'ftp')
    await guard.settle()
    const line = (seconds: number) =>
      `2025-10-09 08:5${seconds >= 40 ? 4 : 3}:${(20 + seconds) % 60} sshd: Failed for root from 192.0.2.1`
    expect(readFileSync(at('told'), 'utf8').trimEnd().split(';\n')).toEqual([
      `1.2.0.192.;host.example.org;1;1;1;${line(0)};${line(0)}`,
      `1.2.0.192.;host.example.org;1;2;2;${line(0)}\n${line(61)};${line(0)}\n${line(61)}`,
      `1.2.0.192.;host.example.org;1;1;3;${line(62)};${line(0)}\n${line(61)}\n${line(62)}`,
      expect.stringMatching(/^1(\.0){23}\.8\.b\.d\.0\.1\.0\.0\.2\.;None;1;1;1;/),
    ])
  })

  it('says once a day that the time of new lines is wrong, and counts them as written now', async () => {
    guard.start([jail()])
    await guard.settle()
    const line = (ms: number) =>
      `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} sshd: Failed for root from 192.0.2.1\n`
    writeFileSync(at('ssh.log'), '')
    await guard.settle()
    for (let count = 0; count < 3; count++) appendFileSync(at('ssh.log'), line(nowMs - 7_200_000))
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.1'])
    expect(guard.jail('ssh')!.decider.bans.get('192.0.2.1')!.startMs).toBe(nowMs)
    expect(log.match(/a line has a time 7200 s before now/g)).toHaveLength(1)
  })

  it('puts back what somebody took away', async () => {
    guard.start([jail()])
    for (let count = 0; count < 3; count++) failed('192.0.2.1')
    await guard.settle()
    writeFileSync(at('broken'), '')
    await pass(31)
    rmSync(at('broken'))
    expect(log).toContain('somebody took it away')
    expect(done().slice(2)).toEqual(['ban ssh 192.0.2.1 root'])
  })

  it('lengthens the ban of those who come back', async () => {
    guard.start([jail('ssh', { increment: { enabled: true, overAllJails: false } })])
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 3; count++) failed('192.0.2.1')
      await guard.settle()
      await pass(500)
    }
    const earlier = guard.services.store.earlier('192.0.2.1', 'ssh')
    expect(earlier?.count).toBe(3)
    expect(log.match(/Increase Ban .*/g)).toEqual([
      'Increase Ban 192.0.2.1 (2 # 120s)',
      'Increase Ban 192.0.2.1 (3 # 240s)',
    ])
  })

  it('takes new settings without losing what it knows', async () => {
    guard.start([jail(), jail('ftp')])
    for (let count = 0; count < 3; count++) failed('192.0.2.1')
    failed('192.0.2.2')
    failed('192.0.2.2')
    for (let count = 0; count < 3; count++) failed('192.0.2.9', 'ftp')
    await guard.settle()
    await guard.reload([jail('ssh', { maxRetry: 4 })])
    failed('192.0.2.2')
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.1'])
    expect(done()).toContain('unban 192.0.2.9')
    failed('192.0.2.2')
    await guard.settle()
    expect(banned()).toEqual(['192.0.2.1', '192.0.2.2'])
  })
})

describe('the socket', () => {
  it('answers fail2ban-client’s verbs in its form, and refuses what it does not know', async () => {
    guard.start([jail(), jail('ftp')])
    for (let count = 0; count < 3; count++) failed('192.0.2.1')
    failed('192.0.2.2')
    await guard.settle()
    let reloads = 0
    const context: VerbContext = { guard, reload: async () => [`${++reloads}`], stop: () => {} }
    const close = await listen(at('socket'), (words) => carryOut(words, context))
    await expect(listen(at('socket'), async () => null)).rejects.toThrow('another guard')
    const client = (line: string) => fail2banClient(line.split(' '), (...words) => ask(at('socket'), words))
    expect(await client('ping')).toBe('Server replied: pong')
    expect(await client('status')).toBe('Status\n|- Number of jail:\t2\n`- Jail list:\tssh, ftp')
    expect(await client('status ssh')).toBe(
      [
        'Status for the jail: ssh',
        '|- Filter',
        '|  |- Currently failed:\t1',
        '|  |- Total failed:\t4',
        `|  \`- File list:\t${at('ssh.log')}`,
        '`- Actions',
        '   |- Currently banned:\t1',
        '   |- Total banned:\t1',
        '   `- Banned IP list:\t192.0.2.1',
      ].join('\n'),
    )
    expect(await client('set ftp banip 192.0.2.1 2001:db8::1')).toBe('2')
    expect(await client('banned')).toBe("[{'ssh': ['192.0.2.1']}, {'ftp': ['192.0.2.1', '2001:db8::1']}]")
    expect(await client('banned 192.0.2.1 192.0.2.99')).toBe("[['ssh', 'ftp'], []]")
    expect(await client('set ssh unbanip 192.0.2.1')).toBe('1')
    expect(await client('unban --all')).toBe('2')
    expect(await client('get ssh maxretry')).toBe('3')
    expect(await client('reload')).toBe('OK')
    expect(reloads).toBe(1)
    await expect(client('status nosuch')).rejects.toThrow("Sorry but the jail 'nosuch' does not exist")
    await expect(client('set ssh banip 999.1.1.1')).rejects.toThrow('no address')
    expect(await ask(at('socket'), ['ban', 'ssh', '3600', '198.51.100.1'])).toEqual([
      { id: '198.51.100.1', kind: 'banned' },
    ])
    expect(await ask(at('socket'), ['allow', '198.51.100.0/24'])).toBe(1)
    for (let count = 0; count < 3; count++) failed('198.51.100.1')
    await guard.settle()
    expect(banned()).toEqual([])
    await close()
    await expect(client('ping')).rejects.toThrow('no guard answers')
  })
})

it('a dry run says who would have been banned, and when', () => {
  const run = new DryRun(jail(), { zone: utc, nowMs })
  const line = (time: string, address: string) => `2025-03-01 ${time} sshd: Failed for root from ${address}`
  const read = (...lines: string[]) => run.read(lineBlock(Buffer.from(lines.join('\n')), 'utf8'))
  read(line('10:00:00', '192.0.2.1'), line('10:00:01', '192.0.2.1'), line('10:00:02', '192.0.2.2'))
  read(line('10:00:03', '192.0.2.1'), line('10:00:30', '192.0.2.1'), 'nothing', line('12:00:00', '192.0.2.1'))
  const { lines, failures, bans } = run.result()
  expect([lines, failures]).toEqual([7, 6])
  expect(bans.map(({ id, startMs }) => [id, new Date(startMs).toISOString()])).toEqual([
    ['192.0.2.1', '2025-03-01T10:00:03.000Z'],
  ])
})
