/** Rules, recipes and countries of a postern.yaml, put in force by the daemon in a namespace, reloaded, asked and taken out. */
import type { ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtLack } from '../built.ts'
import { TestNamespace } from '../namespace.ts'
import { missingTools } from '../tools.ts'

const lack =
  (process.getuid?.() === 0 ? null : 'needs root') ??
  missingTools('ip', 'iptables', 'ipset', 'unshare', 'nsenter', 'python3', 'ping') ??
  builtLack()

const folder = mkdtempSync(join(tmpdir(), 'postern-firewall-'))
const at = (name: string): string => join(folder, name)
let space: TestNamespace
let daemon: ChildProcess
let said = ''

const rules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT
COMMIT
`
const knock = 'recipes:\n  - knock: { open: tcp/3306, knock: [icmp, tcp/7, tcp/8000] }\n'
const country = 'country: { countries: [xx], folder: zones, allow: [198.51.100.7] }\n'
const whole = `rules: { v4: rules.v4 }\n${knock}${country}`

const configure = (text: string): void => writeFileSync(at('postern.yaml'), text)
const tables = (): string => space.run('iptables', ['-S']) + space.run('ip6tables', ['-S'])
const input = (): string[] =>
  space
    .run('iptables', ['-S', 'INPUT'])
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/.* -j /, ''))
const folders = (): string[] => ['--run', at('run'), '--lib', at('lib')]
const asked = (word: 'status' | 'reload') =>
  space.said(['up', word, '--run', at('run'), ...(word === 'status' ? ['--json'] : [])])
const sections = async () =>
  Object.fromEntries(
    JSON.parse((await asked('status')).stdout).sections.map((each: { section: string }) => [
      each.section,
      each,
    ]),
  )

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 200; wait++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(`in vain for 20 s: ${what}\n${said}`)
}

async function up(...options: string[]): Promise<void> {
  said = ''
  daemon = space.postern(['up', at('postern.yaml'), ...folders(), ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [daemon.stdout!, daemon.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  await until('it is at work', () => /up: (all )?at work/.test(said))
}

async function end(): Promise<void> {
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGTERM')
  expect(await ended).toBe(0)
}

describe.skipIf(lack !== null)(`rules, recipes and countries${lack === null ? '' : ` (${lack})`}`, () => {
  beforeAll(async () => {
    space = await TestNamespace.open()
    mkdirSync(at('zones'))
    writeFileSync(at('zones/xx.zone'), '203.0.113.0/24\n')
    writeFileSync(at('zones/xx.v6.zone'), '2001:db8:bad::/48\n')
    writeFileSync(at('rules.v4'), rules)
    configure(whole)
  }, 60_000)

  afterAll(() => {
    if (daemon?.exitCode === null) daemon.kill('SIGKILL')
    space?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are not touched without --enforce: each says what it would do', async () => {
    const before = tables()
    await up()
    expect(said).toContain('would change: 24 rules come, 2 policies change')
    expect(said).toContain('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT')
    expect(said).toMatch(/\+ \d+ -A INPUT .*recipe:knock:3306/)
    expect(said).toContain('would refuse: xx (1 prefixes of IPv4, 1 of IPv6)')
    expect(await asked('status')).toMatchObject({ status: 0 })
    await end()
    expect(tables()).toBe(before)
    expect(space.run('ipset', ['list', '-n'])).toBe('')
    expect(existsSync(at('lib'))).toBe(false)
  })

  it('come into force in one step, each at its place', async () => {
    await up('--enforce')
    expect(input()).toEqual([
      'country-country',
      'ACCEPT',
      'ACCEPT',
      'ACCEPT',
      'knock-3306',
      'REJECT --reject-with icmp-port-unreachable',
    ])
    expect(space.run('ipset', ['list', 'country6'])).toContain('2001:db8:bad::/48')
    expect(await sections()).toMatchObject({
      rules: { state: 'at work', data: { generation: 1, inForce: true } },
      country: { state: 'at work', data: { status: { prefixes: { ipv4: 1, ipv6: 1 } } } },
    })
  })

  it('stay as they are, counters too, when nothing has changed', async () => {
    space.run('ping', ['-c', '1', '127.0.0.1'])
    expect(await asked('reload')).toMatchObject({ status: 0, stdout: 'reloaded\n' })
    expect(space.run('iptables-save', ['-c'])).toMatch(/\[[1-9]\d*:\d+\] -A INPUT -i lo -j ACCEPT/)
    expect((await sections()).rules.data.generation).toBe(1)
  })

  it('are put back where somebody took some away, and stay where somebody added some', async () => {
    space.run('iptables', ['-A', 'INPUT', '-s', '192.0.2.9', '-j', 'DROP'])
    await asked('reload')
    expect(input()).toContain('DROP')
    space.run('iptables', ['-D', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'])
    expect(await asked('status')).toMatchObject({ status: 1 })
    await asked('reload')
    expect(input().filter((target) => target === 'ACCEPT')).toHaveLength(3)
    expect(said).toContain('somebody took rules away; putting them back')
    expect(space.run('iptables-save', ['-c'])).toMatch(/\[[1-9]\d*:\d+\] -A INPUT -i lo -j ACCEPT/)
  })

  it('stay as they are when the file has mistakes', async () => {
    const before = tables()
    configure(whole.replace('tcp/3306', 'tcp/99999').replace('[xx]', '[xxx]'))
    const reloaded = await asked('reload')
    expect(reloaded.status).toBe(1)
    expect(reloaded.stderr).toContain('recipe knock: open: "tcp/99999" is not a port from 1 to 65535')
    expect(reloaded.stderr).toContain('^^^^^^^^^\n')
    expect(reloaded.stderr).toContain('"xxx" is not a code of two letters')
    expect(await asked('status')).toMatchObject({ status: 1 })
    expect(tables()).toBe(before)
  })

  it('do not cut an open SSH session', async () => {
    const session = space.start('python3', ['-c', openSession], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => session.stdout!.once('data', resolve))
    writeFileSync(at('rules.v4'), rules.replace(/-A INPUT -i lo.*\n.*\n.*\n/, ''))
    configure(whole)
    await asked('reload')
    expect(said).toContain('would be cut')
    expect(input()).toContain('ACCEPT')
    expect(await sections()).toMatchObject({ rules: { state: 'wanting' } })
    session.kill()
    writeFileSync(at('rules.v4'), rules)
    await asked('reload')
    expect(await sections()).toMatchObject({ rules: { state: 'at work' } })
  })

  it('go one by one as they leave the file', async () => {
    configure(`rules: { v4: rules.v4 }\nrecipes:\n  - ratelimit: { port: tcp/22, family: both }\n`)
    await asked('reload')
    expect(tables()).not.toContain('knock')
    expect(tables()).not.toContain('country')
    expect(tables().match(/-N ratelimit-22/g)).toHaveLength(2)
    expect(space.run('ipset', ['list', '-n'])).toBe('')
    configure('metrics: 127.0.0.1:9184\n')
    await asked('reload')
    expect(tables()).not.toContain('ratelimit')
    expect(tables()).toContain('-P INPUT DROP')
    configure(whole)
    await asked('reload')
    expect(await asked('status')).toMatchObject({ status: 0 })
  })

  it('are loaded with the bans of the guard in them again at once', async () => {
    writeFileSync(at('log'), '')
    const jail = 'guard: { jails: { one: { filter: sshd, logs: log, actions: "postern-chain[port=22]" } } }\n'
    configure(whole + jail.replace('log,', `${at('log')},`))
    await asked('reload')
    await space.said(['ban', 'one', '192.0.2.77', '--socket', at('run/guard.sock')])
    const isBanned = (): boolean => tables().includes('-A postern-one -s 192.0.2.77/32')
    await until('the ban is in force', isBanned)
    writeFileSync(at('rules.v4'), rules.replace('dport 22', 'dport 2222'))
    await asked('reload')
    expect(tables()).toContain('--dport 2222')
    await until('it is in force again', isBanned)
    writeFileSync(at('rules.v4'), rules)
    configure(whole)
    await asked('reload')
    expect(tables()).not.toContain('postern-one')
  })

  it('are asked about by nobody but root', () => {
    chmodSync(at('run'), 0o777)
    chmodSync(folder, 0o755)
    const ask = (): string => space.run('python3', ['-c', askAsNobody(at('run/up.sock'))])
    expect(ask()).toBe('PermissionError\n')
    chmodSync(at('run/up.sock'), 0o777)
    expect(ask()).toBe('hung up\n')
  })

  it('stay in force when the daemon ends, and are not loaded again at its start', async () => {
    await end()
    const before = tables()
    expect(before).toContain('knock-3306')
    await up('--enforce')
    expect(tables()).toBe(before)
    expect(said).not.toContain('rules come')
    await end()
  })

  it('go with the daemon where on-stop says so', async () => {
    configure(`${whole}on-stop: remove\n`)
    await up('--enforce')
    await end()
    expect(tables()).not.toContain('-A ')
    expect(tables()).not.toContain('DROP')
    expect(space.run('ipset', ['list', '-n'])).toBe('')
  })

  it('are those of before on a machine that starts with mistakes in the file', async () => {
    configure(whole)
    await up('--enforce')
    const before = tables()
    await end()
    // Another namespace is as empty as a kernel that has just started.
    space.close()
    space = await TestNamespace.open()
    configure('rules: [\n')
    const started = await space.said(['up', at('postern.yaml'), ...folders(), '--enforce'])
    expect(started.status).toBe(1)
    expect(started.stdout).toMatch(/the rules of generation \d+, the last that could be used, are in force/)
    expect(tables()).toBe(before)
  })

  it('are saved without what the daemon puts there itself', async () => {
    configure(whole)
    await up('--enforce')
    space.run('iptables', ['-A', 'INPUT', '-s', '192.0.2.9', '-j', 'DROP'])
    const saved = await space.said(['save', '--config', at('postern.yaml'), '--state-dir', at('lib')])
    expect(saved.stdout).toBe(`${at('rules.v4')}\n`)
    expect(await asked('reload')).toMatchObject({ status: 0 })
    expect(said).not.toContain('rule goes')
    configure('rules: { v4: rules.v4 }\n')
    await asked('reload')
    expect(input()).toEqual([
      'ACCEPT',
      'ACCEPT',
      'ACCEPT',
      'REJECT --reject-with icmp-port-unreachable',
      'DROP',
    ])
    await end()
  })

  it('of a country hold by the last good lists when no server answers', async () => {
    const server = space.start('python3', ['-m', 'http.server', '8123', '--directory', at('zones')], {
      stdio: 'ignore',
    })
    configure('country: { countries: [xx], url: "http://127.0.0.1:8123/{cc}.zone", retries: 0 }\n')
    await until('the server answers', () => space.run('sh', ['-c', 'ss -Hltn sport = :8123']) !== '')
    await up('--enforce')
    await until('the list is in force', () => said.includes('refused: xx (1 prefixes'))
    server.kill()
    await end()
    space.run('ipset', ['flush', 'country'])
    await up('--enforce')
    expect(said).toContain('by the last good lists')
    expect(space.run('ipset', ['list', 'country'])).toContain('203.0.113.0/24')
    await end()
  })

  it('are found by postern init as they are', async () => {
    space.run('iptables', ['-A', 'INPUT', '-p', 'tcp', '--dport', '80', '-j', 'ACCEPT'])
    mkdirSync(at('found'))
    expect(await space.said(['init', '--write', at('found/postern.yaml')])).toMatchObject({ status: 0 })
    const before = tables()
    expect((await space.said(['config', 'check', at('found/postern.yaml')])).stdout).toMatch(
      /rules, guard.*: fine/,
    )
    rmSync(at('lib'), { recursive: true })
    const tried = await space.said(['config', 'check', at('found/postern.yaml'), '--json'])
    expect(tried).toMatchObject({ status: 0, stdout: '' })
    expect(tables()).toBe(before)
  })
})

/** A connection to port 22 of this host, as sshd would have it; says so when it stands. */
const openSession = `
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 22)); s.listen()
c = socket.create_connection(('127.0.0.1', 22)); a, _ = s.accept()
print('open', flush=True)
time.sleep(60)
`

/** Under an account without privilege. */
const askAsNobody = (path: string): string => `
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
try:
    s.connect('${path}'); s.send(b'["status"]\\n')
    print('answered' if s.recv(10) else 'hung up')
except PermissionError: print('PermissionError')
except (ConnectionResetError, BrokenPipeError): print('hung up')
`
