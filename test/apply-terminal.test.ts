/**
 * `postern apply` where people sit: at a terminal whose keys decide, and in an SSH session of a real sshd across a cable,
 * which the new rules may cut.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Network } from '../scripts/recording/network.mjs'
import { startSshd } from '../scripts/recording/programs.mjs'
import { builtLack } from './built.ts'
import { TestNamespace } from './namespace.ts'
import { repositoryRoot } from './shared.ts'
import { Terminal } from './terminal.ts'
import { missingTools } from './tools.ts'

const programs = [
  'ip',
  'unshare',
  'nsenter',
  'script',
  'stty',
  'iptables-legacy',
  'sshd',
  'ssh',
  'ssh-keygen',
]
const reason = process.getuid?.() === 0 ? (missingTools(...programs) ?? builtLack()) : 'needs root'
if (reason !== null) it.skip(`apply at a terminal: ${reason}`, () => {})

const filter = (policy: string, ...lines: string[]): string =>
  [
    '*filter',
    `:INPUT ${policy} [0:0]`,
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...lines,
    'COMMIT',
    '',
  ].join('\n')
const old = filter('ACCEPT', '-A INPUT -s 192.0.2.66/32 -j DROP')
const open = filter('DROP', '-A INPUT -i lo -j ACCEPT', '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT')
const closed = filter('DROP', '-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT')

const main = `${process.execPath} ${join(repositoryRoot, 'bin/postern')}`
let folder = ''
const words = (...more: string[]): string =>
  [main, 'apply --backend legacy --no-rehearsal', `--state-dir ${folder}/state`, ...more].join(' ')
const confirmWords = (): string => `${main} confirm --state-dir ${folder}/state`

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-terminal-'))
  for (const [name, text] of Object.entries({ old, open, closed }))
    writeFileSync(join(folder, `${name}.v4`), text)
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(join(folder, 'state'), { recursive: true, force: true }))

/** How the change ended, as soon as it did. */
const outcome = async (): Promise<{ readonly result: string; readonly why: string }> => {
  while (existsSync(join(folder, 'state/pending'))) await pause(20)
  return JSON.parse(readFileSync(join(folder, 'state/last.json'), 'utf8'))
}

describe.skipIf(reason !== null)('apply at a terminal', () => {
  let space: TestNamespace
  beforeAll(async () => {
    space = await TestNamespace.open()
  })
  afterAll(() => space.close())
  beforeEach(() => void space.run('iptables-legacy-restore', [], old))

  const terminal = (command: string, size = {}): Terminal =>
    new Terminal((program, args) => space.start(program, args, { stdio: 'pipe' }), command, size)
  const inForce = (): string =>
    space.run('iptables-legacy-save', ['-t', 'filter']).replace(/^#.*\n|\[\d+:\d+\]/gm, '')
  const stripped = (text: string): string => text.replace(/\[\d+:\d+\]/g, '')

  it.each([
    ['y', 0, 'kept as generation 2: confirmed by a key', open],
    ['n', 1, 'the old rules are in force: by a key', old],
    ['\u0003', 1, 'the old rules are in force: by a key', old],
    // What is neither yes nor no is no answer.
    ['xy', 0, 'kept as generation 2: confirmed by a key', open],
  ])('the key %j: status %i, %s', async (key, status, sentence, rules) => {
    const window = terminal(words('--confirm 20s', `${folder}/open.v4`))
    await window.sees('press y to keep them, n to put the old ones back')
    await window.sees(/←␛\[K\d+ s left /)
    // What was typed before the question is no answer.
    await pause(300)
    for (const each of key) {
      window.type(each)
      await pause(300)
    }
    expect(await window.ended).toBe(status)
    expect(window.shown).toContain(`←␛[K${sentence}\n`)
    expect(inForce()).toBe(stripped(rules))
  })

  it('what is typed while the rules are loaded does not confirm them', async () => {
    const window = terminal(words('--confirm 1s', `${folder}/open.v4`))
    window.type('y\n')
    expect(await window.ended).toBe(1)
    expect(window.shown).toContain('the old rules are in force: not confirmed within 1 s')
    expect(inForce()).toBe(stripped(old))
  })

  it.each([
    ['', 'the command is all that runs there'],
    ['sh -c', 'a shell waits for it'],
  ])('a window that is closed ends in the old rules at once: %s%s', async (shell) => {
    const command = words('--confirm 60s', `${folder}/open.v4`)
    const window = terminal(shell === '' ? command : `${shell} "${command}; true"`)
    await window.sees('s left')
    window.close()
    expect(await outcome()).toMatchObject({ result: 'undone', why: 'interrupted' })
    expect(inForce()).toBe(stripped(old))
  })

  it('--watch shows everything in the same place, and as much as the window holds', async () => {
    const many = filter(
      'ACCEPT',
      ...Array.from({ length: 30 }, (_, at) => `-A INPUT -s 192.0.2.${at}/32 -j DROP`),
    )
    space.run('iptables-legacy-restore', [], many)
    const window = terminal(`NO_COLOR=1 ${main} status --watch --backend legacy`, { rows: 12, columns: 60 })
    // Once more: 11 lines up, and from there.
    await window.sees('␛[11A␛[Jbackend')
    window.type('\u0003')
    expect(await window.ended).toBe(0)
    const [first = ''] = window.shown.split('␛[11A␛[J')
    const lines = first.trimEnd().split('\n')
    expect(lines).toHaveLength(11)
    expect(lines.at(-1)).toBe('… 27 more lines: in a larger window, or without --watch')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60)
  })

  it.each(['recent seen', 'recent', 'counters'])('postern %s --watch, too', async (command) => {
    space.run('iptables-legacy-restore', [], filter('ACCEPT', '-A INPUT -m recent --set --name seen'))
    space.run('sh', ['-c', 'echo +192.0.2.1 > /proc/net/xt_recent/seen'])
    const window = terminal(`${main} ${command} --watch --backend legacy`)
    await window.sees(/␛\[\d+A␛\[J/)
    window.type('\u0003')
    expect(await window.ended).toBe(0)
    const [first, , again = ''] = window.shown.split(/␛\[(\d+)A␛\[J/)
    expect(again.split('\n')).toHaveLength(first!.split('\n').length)
  })
})

/** 203.0.113.1 is the server (`host`), and 203.0.113.7 the administrator's desk. */
const cable = {
  bridges: [],
  forwarding: [],
  cables: [
    {
      ...{ from: 'host', device: 'eth0', mac: '02:00:00:00:00:01', addresses: ['203.0.113.1/24'] },
      far: { machine: 'desk', device: 'eth0', mac: '02:00:00:00:00:07', addresses: ['203.0.113.7/24'] },
    },
  ],
  gateways: {},
}

describe.skipIf(reason !== null)('apply in an SSH session', () => {
  const network = new Network(cable)
  beforeAll(async () => {
    process.once('exit', () => network.destroy())
    network.build()
    await startSshd(network, 'host', folder)
  })
  afterAll(() => network.destroy())
  beforeEach(() => network.run('host', ['iptables-legacy-restore'], { input: old, mustSucceed: true }))

  const ssh = (...more: string[]): string[] => [
    ...['ip', 'netns', 'exec', network.namespace('desk'), 'ssh', '-F', 'none', '-i', join(folder, 'key')],
    ...[
      '-o',
      'BatchMode=yes',
      '-o',
      'LogLevel=ERROR',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'ConnectTimeout=2',
    ],
    ...['-o', 'UserKnownHostsFile=/dev/null', 'root@203.0.113.1', ...more],
  ]
  const start = (program: string, args: readonly string[]): ChildProcess =>
    spawn(program, [...args], { stdio: 'pipe' })
  /** A login with a terminal, which runs the command on the server. */
  const session = (command: string): Terminal => {
    const remote = `XTABLES_LOCKFILE=/proc/self/status ${command}`
    return new Terminal(start, ssh('-tt', `'${remote}'`).join(' '))
  }
  const inForce = async (): Promise<string> =>
    (await network.run('host', ['iptables-legacy-save', '-t', 'filter'])).replace(/^#.*\n| \[\d+:\d+\]/gm, '')
  const stripped = (text: string): string => text.replace(/ \[\d+:\d+\]/g, '')

  it('rules that cut it are refused: nothing was changed', async () => {
    const window = session(words(`${folder}/closed.v4`))
    expect(await window.ended).toBe(1)
    expect(window.shown).toMatch(
      /error: your SSH session 203\.0\.113\.7:\d+ > 203\.0\.113\.1:22 would be cut: what you type: drop by policy\n {2}try: let it in, or --force/,
    )
    expect(await inForce()).toBe(stripped(old))
  })

  it('rules that let it in are loaded, and a key in the session keeps them', async () => {
    const window = session(words('--confirm 20s', `${folder}/open.v4`))
    await window.sees(/your SSH session 203\.0\.113\.7:\d+ > 203\.0\.113\.1:22 stays open/)
    await window.sees('s left')
    await pause(300)
    window.type('y')
    expect(await window.ended).toBe(0)
    expect(await inForce()).toBe(stripped(open))
  })

  it('a second login confirms, and shows by that that one gets in', async () => {
    const window = session(words('--confirm 20s', `${folder}/open.v4`))
    await window.sees('s left')
    const second = session(confirmWords())
    expect(await second.ended).toBe(0)
    expect(second.shown).toContain('kept as generation 2: confirmed')
    expect(await window.ended).toBe(0)
    expect(await inForce()).toBe(stripped(open))
  })

  it('with --force it is cut, nobody gets in, and the old rules come back: the session goes on', async () => {
    const window = session(words('--force', '--confirm 4s', `${folder}/closed.v4`))
    // No more is heard of it: what is in force now is seen on the server.
    while (!(await inForce()).includes('--dport 80')) await pause(50)
    const second = session('true')
    expect(await second.ended).toBe(255)
    expect(await outcome()).toMatchObject({ result: 'undone' })
    expect(await inForce()).toBe(stripped(old))
    expect(await window.ended).toBe(1)
    expect(window.shown).toContain('the old rules are in force: not confirmed within 4 s')
  })

  it.each([
    ['that rules cut', '--force --confirm 2s', 'closed', 'not confirmed within 2 s'],
    ['that rules let in', '--confirm 60s', 'open', 'interrupted'],
  ])('a client %s and that dies ends in the old rules', async (_, options, rules, why) => {
    const window = session(words(options, `${folder}/${rules}.v4`))
    while ((await inForce()) === stripped(old)) await pause(50)
    window.close()
    expect(await outcome()).toMatchObject({ result: 'undone', why })
    expect(await inForce()).toBe(stripped(old))
  })
})
