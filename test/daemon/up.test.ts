/** The daemon in a namespace: it bans, reloads what differs, survives mistakes, tells systemd and those who count. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postern as inProcess } from '../../src/cli/_testing/environment.ts'
import { builtLack } from '../built.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const lack =
  (process.getuid?.() === 0 ? null : 'needs root') ??
  missingTools('ip', 'iptables', 'curl', 'python3') ??
  builtLack()

const namespace = `postup${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'postern-up-'))
const at = (name: string): string => join(folder, name)
const children: ChildProcess[] = []
let said = ''

const run = (...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8', stdio: 'pipe' })

function start(variables: Record<string, string>, ...command: string[]): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  })
  children.push(child)
  return child
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 200; wait++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(`in vain for 20 s: ${what}\n${said}`)
}

const up = (...options: string[]): ChildProcess => {
  said = ''
  const child = start(
    { NOTIFY_SOCKET: at('notify'), WATCHDOG_USEC: '400000' },
    join(repositoryRoot, 'bin/postern'),
    ...['up', at('postern.yaml'), '--run', at('run'), '--lib', at('lib'), '--log', 'json', ...options],
  )
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  return child
}

const jail = (name: string, maxretry: number): string =>
  `    ${name}: { filter: sshd, logs: ${at(`${name}.log`)}, maxretry: ${maxretry}, ignoreself: false, actions: "postern-chain[port=22]" }\n`
const configure = (text: string): void => writeFileSync(at('postern.yaml'), text)
const two = (maxretry: number): string =>
  `metrics: 127.0.0.1:9184\nguard:\n  jails:\n${jail('one', 2)}${jail('two', maxretry)}`

function fail(name: string, address: string, times: number): void {
  const stamp = new Date().toISOString().slice(0, 19)
  for (let each = 0; each < times; each++)
    appendFileSync(
      at(`${name}.log`),
      `${stamp}+00:00 host sshd[7]: Failed password for root from ${address} port ${4000 + each} ssh2\n`,
    )
}

const rules = (): string => run('iptables', '-S')
const asked = (...words: string[]): string =>
  run(join(repositoryRoot, 'bin/postern'), ...words, '--socket', at('run/guard.sock'))
const metrics = (): string => run('curl', '-s', 'http://127.0.0.1:9184/metrics')

/** Keeps what systemd is told. */
const systemd = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)
`
let told = ''

describe.skipIf(lack !== null)(`postern up${lack === null ? '' : ` (${lack})`}`, () => {
  let daemon: ChildProcess

  beforeAll(async () => {
    execFileSync('ip', ['netns', 'add', namespace])
    run('ip', 'link', 'set', 'lo', 'up')
    const systemdLike = start({}, 'python3', '-c', systemd, at('notify'))
    systemdLike.stdout!.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    for (const name of ['one', 'two']) writeFileSync(at(`${name}.log`), '')
    configure(two(3))
    daemon = up('--enforce')
    await until('it is ready', () => told.includes('READY=1'))
  }, 60_000)

  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM')
    await pause(500)
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    try {
      execFileSync('ip', ['netns', 'del', namespace], { stdio: 'pipe' })
    } catch {
      // It was not made.
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('bans', async () => {
    fail('one', '192.0.2.1', 2)
    await until('192.0.2.1 is banned', () => rules().includes('192.0.2.1'))
    expect(asked('jail', 'list')).toMatch(/one +\d+ +1 /)
  })

  it('tells systemd, keeps the watchdog quiet, and counts', async () => {
    expect(told).toContain('READY=1 STATUS=all at work')
    const beats = told.match(/WATCHDOG=1/g)?.length ?? 0
    await until('the heart beats on', () => (told.match(/WATCHDOG=1/g)?.length ?? 0) > beats + 2)
    expect(metrics()).toContain('postern_guard_banned{jail="one"} 1\n')
    expect(metrics()).toContain('postern_service_up{section="guard"} 1\n')
  })

  it('reloads what differs and leaves the rest alone', async () => {
    fail('two', '192.0.2.2', 2)
    await pause(500)
    expect(rules()).not.toContain('192.0.2.2')
    configure(two(2))
    daemon.kill('SIGHUP')
    await until('it has read its file anew', () => said.includes('read anew'))
    fail('two', '192.0.2.3', 2)
    await until('the new maxretry holds', () => rules().includes('192.0.2.3'))
    expect(rules()).toContain('192.0.2.1')
    expect(said).not.toMatch(/jail one|\[one\] not started/)
  })

  it('keeps the old configuration when the new one has mistakes', async () => {
    configure(two(2).replace('maxretry: 2', 'maxretry: many'))
    daemon.kill('SIGHUP')
    await until('the mistake is told', () => said.includes('stays in force'))
    expect(said).toContain('\\"maxretry\\" is \\"many\\"')
    fail('one', '192.0.2.4', 2)
    await until('it bans on', () => rules().includes('192.0.2.4'))
  })

  it('goes on without a section that cannot begin, and tries it again', async () => {
    writeFileSync(at('users'), '')
    configure(`${two(2)}authport: { listen: "127.0.0.1:8088", lists: authok, users: ${at('users')} }\n`)
    daemon.kill('SIGHUP')
    await until('the lack is told', () => said.includes('no rule names the recency list authok'))
    fail('one', '192.0.2.5', 2)
    await until('it bans on', () => rules().includes('192.0.2.5'))
    run('iptables', '-A', 'INPUT', '-m', 'recent', '--rcheck', '--name', 'authok', '-j', 'ACCEPT')
    await until('the auth port has begun', () =>
      metrics().includes('postern_service_up{section="authport"} 1'),
    )
    expect(run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:8088/')).toBe('200')
  })

  it('ends a section that is gone', async () => {
    configure(two(2))
    daemon.kill('SIGHUP')
    await until('the auth port has ended', () => {
      try {
        run('curl', '-s', 'http://127.0.0.1:8088/')
        return false
      } catch {
        return true
      }
    })
  })

  it('ends with its bans lifted, and puts them back at its start', async () => {
    const ended = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(told).toContain('STOPPING=1')
    expect(rules()).not.toContain('192.0.2.1')
    told = ''
    daemon = up('--enforce')
    await until('it is ready again', () => told.includes('READY=1'))
    await until('the bans are back', () =>
      ['1', '3', '4', '5'].every((last) => rules().includes(`192.0.2.${last}/32`)),
    )
  })

  it('changes nothing without --enforce', async () => {
    const ended = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await ended
    const before = rules()
    daemon = up()
    await until('it says so', () => said.includes('nothing is changed on this machine'))
    fail('one', '192.0.2.9', 2)
    await until('it says who would be banned', () => said.includes('192.0.2.9'))
    expect(rules()).toBe(before)
  })
})

describe('postern config check and init', () => {
  it.each([
    ['guard: { jails: {} }\n', 0, 'x.yaml: guard: fine\n'],
    ['gard: {}\n', 1, '"gard" has no meaning here'],
    ['guard: [\n', 1, 'this is not YAML'],
    ['guard:\n  jails:\n    sshd: { maxretry: many, logs: /x }\n', 1, '"maxretry" is "many"'],
    ['authport: { listen: "0.0.0.0:80", lists: a }\n', 1, 'passwords would travel unencrypted'],
    ['authport: { listen: "127.0.0.1:80", lists: a }\n', 0, 'x.yaml: authport: fine\n'],
    ['rules: { v4: 7 }\n', 1, '"v4" is 7, and should be a text'],
    ['rules: { v4: nowhere.v4 }\n', 1, 'nowhere.v4\n --> x.yaml:1:14\n'],
    ['rules: { v4: examples/port-knock/rules.v4 }\n', 0, 'x.yaml: rules: fine\n'],
    ['rules: { v4: examples/log-clog/article.sh }\n', 1, 'typographic quotes'],
    ['recipes:\n  - knokc: {}\n', 1, '"knokc" has no meaning here'],
    ['recipes:\n  - ids: {}\n    knock: {}\n', 1, 'an item is one recipe by its name'],
    ['recipes:\n  - ratelimit: { port: tcp/0 }\n', 1, '|                        ^^^^^\n'],
    ['recipes:\n  - ratelimit: { port: 22 }\n  - ratelimit: { port: 22 }\n', 1, 'two recipes ratelimit 22'],
    ['recipes:\n  - ratelimit: { port: 22, family: both }\n', 0, 'x.yaml: recipes: fine\n'],
    ['country: { countries: [xx], refresh: often }\n', 1, 'which is not a time such as 20s'],
    ['country: { countries: [xx], refresh: 1s }\n', 1, 'every 60s at most'],
    ['country: { countries: [xxx] }\n', 1, '"xxx" is not a code of two letters'],
    ['country: {}\n', 1, 'no countries are named'],
    ['country: { countries: [xx], folder: a, csv: b }\n', 1, 'folder and csv exclude each other'],
    ['country: { countries: [xx], mmdb: a, csv: b }\n', 1, 'csv and mmdb exclude each other'],
    ['on-stop: maybe\n', 1, '"on-stop" is "maybe", and should be one of keep, remove'],
    ['metrics: here\n', 1, '"here" is no address with a port'],
    ['fleet: {}\n', 0, 'this version of Postern has no "fleet" yet'],
  ])('%j', async (text, status, said) => {
    const ran = await inProcess(['config', 'check', 'x.yaml'], { files: { 'x.yaml': text } })
    expect(ran.stdout).toContain(said)
    expect(ran.status).toBe(status)
  })

  it('places mistakes in --json', async () => {
    const ran = await inProcess(['config', 'check', 'x.yaml', '--json'], {
      files: { 'x.yaml': 'guard:\n  jail: {}\n' },
    })
    expect(ran.stdout.split('\n').map((line) => line && JSON.parse(line).line)).toContain(2)
  })

  it('init writes a file that config check finds fine, whatever is here', async () => {
    const signs = ['sshd', 'vsftpd', 'proftpd', 'nginx', 'apache2', 'postfix', 'dovecot', 'exim4', 'mariadbd']
    const logs = [
      'auth.log',
      'vsftpd.log',
      'proftpd/proftpd.log',
      'nginx/error.log',
      'apache2/error.log',
      'mail.log',
    ]
    const files: Record<string, string> = {}
    for (const sign of signs) files[`/usr/sbin/${sign}`] = ''
    for (const log of [...logs, 'exim4/mainlog', 'mysql/error.log']) files[`/var/log/${log}`] = ''
    const ran = await inProcess(['init', '--write', 'new.yaml'], { files })
    expect(ran.status).toBe(0)
    const text = new TextDecoder().decode(ran.written.get('new.yaml'))
    expect(text.match(/^ {4}[\w-]+:$/gm)).toHaveLength(signs.length)
    const checked = await inProcess(['config', 'check', 'new.yaml'], { files: { 'new.yaml': text } })
    expect(checked.stdout).toBe('new.yaml: guard: fine\n')
  })

  it('init leaves a file alone that is there', async () => {
    const ran = await inProcess(['init', '--write', 'new.yaml'], { files: { 'new.yaml': '' } })
    expect(ran.status).toBe(2)
    expect(ran.written.size).toBe(0)
  })
})
