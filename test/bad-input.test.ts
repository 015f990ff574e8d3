/**
 * Bad input as a new user meets it, through the program itself: a clear message with its place, the right exit
 * status, no stack trace, and memory and time that stay bounded.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { labLack } from '../src/linux/lab/requirements.ts'
import { builtLack, runBuilt } from './built.ts'
import { repositoryRoot } from './shared.ts'

const example = (name: string) => join(repositoryRoot, 'examples/port-knock', name)
const capture = readFileSync(example('right.pcapng'))
const rules = readFileSync(example('rules.v4'), 'utf8')

let folder = ''
beforeAll(() => {
  expect(builtLack()).toBeNull()
  folder = mkdtempSync(join(tmpdir(), 'postern-bad-input-'))
  mkdirSync(join(folder, 'folder'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The same bytes every time, that look like nothing. */
function noise(length: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

const concat = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts)
const host = 'host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }\n'
const ping = '"eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request"'
const utf16 = Buffer.from(rules, 'utf16le')

const table = (...lines: string[]) => ['*filter', ':INPUT ACCEPT [0:0]', ...lines, 'COMMIT', ''].join('\n')
const aliases = Array.from({ length: 8 }, (_, at) => {
  const items = Array(9).fill(at === 0 ? 'lol' : `*a${at - 1}`)
  return `a${at}: &a${at} [${items.join(', ')}]\n`
})

const files: Readonly<Record<string, string | Uint8Array>> = {
  'rules.v4': rules,
  empty: '',
  'cut.pcapng': capture.subarray(0, 300),
  'cut-short.pcapng': capture.subarray(0, 3),
  'cut-header.pcapng': capture.subarray(0, 20),
  'spoiled.pcapng': concat(capture.subarray(0, 600), noise(3000)),
  'noise.pcap': noise(5000),
  'noise-behind-magic.pcap': concat(Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0), noise(3000)),
  'packed.pcapng.gz': gzipSync(capture),
  'packed.v4.gz': gzipSync(rules),
  program: readFileSync(process.execPath).subarray(0, 100_000),
  'utf16.v4': concat(Uint8Array.of(0xff, 0xfe), utf16),
  'bom.v4': `\ufeff${rules}`,
  'crlf.v4': rules.replaceAll('\n', '\r\n'),
  'bom-crlf.v4': `\ufeff${rules.replaceAll('\n', '\r\n')}`,
  'shopping.txt': 'eggs\nmilk\nbread\n',
  'nowhere.v4': table('-A INPUT -j NOWHERE'),
  'misspelt.v4': table('-A INPUTT -j DROP'),
  'loop.v4': table(':A - [0:0]', ':B - [0:0]', '-A INPUT -j A', '-A A -j B', '-A B -j A'),
  'quote.v4': table('-A INPUT -m comment --comment "never closed -j DROP'),
  'quote.sh': 'iptables -A INPUT -s "1.2.3.4 -j DROP\niptables -A OUTPUT -j ACCEPT\n',
  'commit.v4': '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP',
  'long-line.v4': table(`-A INPUT ${'x'.repeat(3_000_000)} -j DROP`),
  'syntax.yaml': `${host}steps:\n  - { at: 0s, packet: ${ping}\n  - foo\n`,
  'tab.yaml': 'host:\n\tinterfaces: {}\n',
  'keys.yaml': `${host}steps:\n  - { at: 0s, paket: ${ping} }\n`,
  'types.yaml': 'steps: hello\n',
  'past.yaml': `${host}steps:\n  - { at: 5s, packet: ${ping} }\n  - { at: 2s, packet: ${ping} }\n`,
  'device.yaml': `${host}steps:\n  - { packet: "eth7 icmp 1.2.3.4 > 203.0.113.1 echo-request" }\n`,
  'packet.yaml': `${host}steps:\n  - { packet: "eth0 tcp 1.2.3.400:1 > 203.0.113.1:80 syn" }\n`,
  'no-rules.yaml': `${host}rules: nothere.v4\nsteps:\n  - { packet: ${ping} }\n`,
  'folder-rules.yaml': `${host}rules: folder\nsteps:\n  - { packet: ${ping} }\n`,
  'bad-rules.yaml': `${host}rules: nowhere.v4\nsteps:\n  - { packet: ${ping} }\n`,
  'bomb.yaml': `${aliases.join('')}steps: *a7\n`,
  'alias.yaml': 'rules: *nothing\nsteps: []\n',
  'deep.yaml': `steps: ${'['.repeat(20_000)}\n`,
  'nothing.yaml': `${host}steps: []\n`,
  'often.yaml': `${host}steps:\n  - { packet: ${ping}, repeat: 100000000 }\n`,
}

describe('bad files', () => {
  it.each<[argv: string, status: number, message: RegExp]>([
    // Captures.
    ['replay rules.v4 empty', 1, /empty: the file is empty\n {2}try: a capture is what tcpdump/],
    ['replay rules.v4 cut-short.pcapng', 1, /cut-short\.pcapng: the file has only 3 bytes/],
    ['replay rules.v4 cut-header.pcapng', 1, /cut-header\.pcapng: the file ends in its section header/],
    [
      'replay rules.v4 cut.pcapng',
      1,
      /cut\.pcapng: at byte 272: the file ends in .*\n {2}the packet before it counted/,
    ],
    [
      'replay rules.v4 spoiled.pcapng',
      1,
      /spoiled\.pcapng: at byte \d+: .*\n {2}the \d packets before it counted/,
    ],
    ['replay rules.v4 noise.pcap', 1, /noise\.pcap: not a pcap or pcapng file/],
    ['replay rules.v4 noise-behind-magic.pcap', 1, /at byte 24: a record claims \d+ bytes/],
    [
      'replay rules.v4 packed.pcapng.gz',
      1,
      /compressed with gzip.*\n {2}try: gunzip -c FILE \| postern replay/,
    ],
    ['replay rules.v4 rules.v4', 1, /rules\.v4: not a pcap or pcapng file/],
    ['replay rules.v4 nothere', 2, /nothere: no such file/],
    ['replay rules.v4 folder', 2, /folder: is a folder/],
    ['replay cut.pcapng rules.v4', 1, /a capture of packets, not a text of rules/],
    // Rules.
    ['check empty', 0, /empty: no problems, and no rules/],
    ['check folder', 2, /folder: is a folder/],
    [
      'check cut.pcapng',
      1,
      /a capture of packets, not a text of rules\n.* cut\.pcapng\n(.*\n)*.*postern replay/,
    ],
    ['check packed.v4.gz', 1, /compressed data, not a text of rules\n(.*\n)*.*gunzip/],
    ['check program', 1, /a program, not a text of rules/],
    ['check noise.pcap', 1, /binary data, not a text of rules/],
    ['check utf16.v4', 1, /UTF-16 text, not a text of rules\n(.*\n)*.*iconv/],
    ['check bom.v4', 1, /bom\.v4:1:1\n(.*\n)*.*without BOM\n\nbom\.v4: 1 error\n/],
    ['check crlf.v4', 1, /crlf\.v4:1:\d+\n(.*\n)*.*dos2unix.*\n\ncrlf\.v4: 1 error\n/],
    ['check bom-crlf.v4', 1, /bom-crlf\.v4: 2 errors\n/],
    ['check shopping.txt', 1, /this line and the 2 behind it stand in no table\n.*:1:1/],
    ['check nowhere.v4', 1, /no chain or target "NOWHERE"\n.* nowhere\.v4:3:13\n(.*\n)*.*-N NOWHERE/],
    ['check misspelt.v4', 1, /no chain "INPUTT"\n.*:3:4\n(.*\n)*.*try: INPUT\n/],
    ['check loop.v4', 1, /closes a circle\n.*:7:9\n/],
    ['check quote.v4', 1, /the quote is never closed\n.*:3:31\n/],
    ['check quote.sh', 1, /the quote is never closed\n.*:1:22\n/],
    ['check commit.v4', 1, /has no COMMIT\n.*:3:16\n/],
    ['check long-line.v4', 1, /the line has 3000017 characters\D+10239\n.*:3:1\n/],
    ['fmt loop.v4', 1, /closes a circle\n(.*\n)*loop\.v4: 1 error, so nothing was done/],
    // Scenarios.
    ['test empty', 1, /the file is empty\n.* empty\n/],
    ['test cut.pcapng', 1, /a capture of packets, not a scenario/],
    ['test rules.v4', 1, /these are rules, not a scenario\n(.*\n)*.*try: postern check rules\.v4/],
    ['test program', 1, /a program, not a scenario/],
    ['test syntax.yaml', 1, /this is not YAML.*\n.*:4:\d+\n/],
    ['test tab.yaml', 1, /begins with a tab\n.*:2:1\n/],
    ['test keys.yaml', 1, /"paket" has no meaning here\n.*:3:15\n(.*\n)*.*try: packet\n/],
    ['test types.yaml', 1, /"steps" is "hello", and should be a list.*\n.*:1:8\n/],
    ['test past.yaml', 1, /the step is at 2s, and the one above it at 5s\n.*:4:11\n(.*\n)*.*order of time/],
    ['test device.yaml', 1, /no interface "eth7"\n.*:3:\d+\n(.*\n)*.*one of: eth0/],
    ['test packet.yaml', 1, /not an address: "1\.2\.3\.400:1"\n.*:3:25\n/],
    ['test no-rules.yaml', 1, /"nothere\.v4" cannot be read: nothere\.v4: no such file\n.*:2:8\n/],
    ['test folder-rules.yaml', 1, /"folder" cannot be read: folder: is a folder\n.*:2:8\n/],
    ['test bad-rules.yaml', 1, /no chain or target "NOWHERE"\n.* nowhere\.v4:3:13\n/],
    ['test bomb.yaml', 1, /aliases .*unfold to far too much/],
    ['test alias.yaml', 1, /an alias .*has no anchor/],
    ['test deep.yaml', 1, /nests or repeats far too much\n/],
    ['test nothing.yaml', 1, /no steps here, so nothing would be tested\n.*:2:8\n/],
    ['test often.yaml', 1, /"repeat" is 100000000, more than 100000\n.*:3:\d+\n/],
  ])('postern %s: %i', async (argv, status, message) => {
    const ended = await runBuilt(argv.split(' '), { cwd: folder })
    const said = ended.stdout + ended.stderr
    expect(said).toMatch(message)
    expect(ended.status).toBe(status)
    expect(said).not.toMatch(/defect|node:internal|^ +at .*:\d+:\d+\)?$/m)
    expect(said.length).toBeLessThan(20_000)
  })
})

describe('100 MB of garbage as rules', () => {
  const megabyte = 1 << 20

  /** A file of 100 repetitions, never in memory as a whole. */
  function hugeFile(name: string, head: string, piece: Uint8Array): string {
    const path = join(folder, name)
    const file = openSync(path, 'w')
    writeSync(file, head)
    for (let at = 0; at < 100; at++) writeSync(file, piece)
    closeSync(file)
    return path
  }

  const letters = 'abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ .:/#"\'\\*$!0123456789\n'
  const text = () => noise(megabyte).map((byte) => letters.charCodeAt(byte % letters.length))
  const line = '-A INPUT -s 1.2.3.4/32 -p tcp -m tcp --dprot 80 -j DROPP\n'

  it.each<[string, string, () => Uint8Array]>([
    ['lines of letters', '', text],
    ['one line', '*filter\n', () => text().map((byte) => (byte === 10 ? 32 : byte))],
    ['bytes', '', () => noise(megabyte)],
    ['wrong rules', '*filter\n', () => Buffer.from(line.repeat(Math.floor(megabyte / line.length)))],
  ])('%s: bounded time, memory and words', { timeout: 180_000 }, async (name, head, piece) => {
    const path = hugeFile(`${name.replaceAll(' ', '-')}.v4`, head, piece())
    const ended = await runBuilt(['check', path], { measured: true })
    rmSync(path)
    expect(ended.status).toBe(1)
    expect(ended.stdout).toMatch(/^error\[/)
    expect(ended.stdout + ended.stderr).not.toMatch(/defect|heap|^ +at /m)
    expect(ended.stdout.length).toBeLessThan(200_000)
    expect(ended.residentKib).toBeGreaterThan(30_000)
    // The bytes, their text (once more while it is made), and what Node itself takes.
    expect(ended.residentKib).toBeLessThan(600_000)
  })

  it('a file without end is refused', async () => {
    const ended = await runBuilt(['check', '/dev/zero'], { measured: true })
    expect(ended).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/dev/zero: is larger than 256 MiB'),
    })
    expect(ended.residentKib).toBeLessThan(600_000)
  })
})

describe('colours', () => {
  it.each<[Record<string, string | undefined>, boolean]>([
    [{}, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '' }, false],
    [{ FORCE_COLOR: '0' }, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [{ NO_COLOR: '', FORCE_COLOR: '1' }, true],
  ])('%j into a pipe: %s', async (env, colours) => {
    const ended = await runBuilt(['check', 'nowhere.v4'], {
      cwd: folder,
      env: { NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
    })
    expect(ended.stdout.includes('\u001b[')).toBe(colours)
  })
})

describe('ends', () => {
  it('a reader that leaves early ends the program in silence', async () => {
    const line = `"${process.execPath}" bin/postern replay -v examples/port-knock/rules.v4 examples/port-knock/knocks.pcapng | head -1; echo "\${PIPESTATUS[0]}"`
    const child = spawn('bash', ['-c', line], { cwd: repositoryRoot })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (part) => {
      stdout += part
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    await new Promise((resolve) => child.on('close', resolve))
    expect(stdout).toMatch(/^ +0\.000s {2}\w+ .*\n0\n$/)
    expect(stderr).toMatch(/^(assumed: .*\n)*$/)
  })

  const lack = labLack('legacy')
  it('Ctrl-C during a kernel run leaves nothing behind', async (context) => {
    if (lack !== null) context.skip(lack.message)
    const slow = `${host}rules: rules.v4\nsteps:\n  - { at: 0s, packet: ${ping} }\n  - { at: 60s, packet: ${ping} }\n`
    writeFileSync(join(folder, 'slow.yaml'), slow)
    const child = spawn(
      process.execPath,
      [join(repositoryRoot, 'bin/postern'), 'test', '--on', 'kernel', 'slow.yaml'],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let said = ''
    child.stdout.on('data', (part) => {
      said += part
    })
    child.stderr.on('data', (part) => {
      said += part
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', (status) => resolve(status)))
    context.onTestFinished(() => void child.kill('SIGKILL'))
    const made = await eventually(() => namespacesOf(child.pid!).find((one) => one !== ours()) ?? null)
    const helpers = descendantsOf(child.pid!)
    // In the middle of the pause of 60 seconds.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(said).not.toMatch(/defect|^ +at /m)
    await eventually(() => (helpers.some(isAlive) ? null : true))
    expect(processes().filter((pid) => namespacesOf(pid).includes(made))).toEqual([])
    // The switch of the whole machine is put back by the last lab of all; others may be running.
    const [turn, users] = ['/run/postern-lab.turn', '/run/postern-lab.users']
    const switched = spawnSync('flock', [turn, 'flock', '-n', '-x', users, 'cat', logSwitch, users])
    if (switched.status === 0) {
      const [now, wanted = '0'] = switched.stdout.toString().trim().split('\n')
      expect(now).toBe(wanted)
    }
  })
})

const logSwitch = '/proc/sys/net/netfilter/nf_log_all_netns'
const ours = () => readlinkSync('/proc/self/ns/net')

/** Asks again and again, for ten seconds at most. */
async function eventually<T>(ask: () => T | null): Promise<T> {
  for (let round = 0; round < 100; round++) {
    const answer = ask()
    if (answer !== null) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not come about within 10 s')
}

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** What stands in /proc/PID/stat behind the name: state and parent; null when the process is gone. */
function statOf(pid: number): { state: string; parent: number } | null {
  try {
    const [state = '', parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return null
  }
}

/** A zombie waits for whoever started it, and is no process any more. */
const isAlive = (pid: number): boolean => (statOf(pid)?.state ?? 'Z') !== 'Z'

const descendantsOf = (pid: number): number[] =>
  processes()
    .filter((one) => statOf(one)?.parent === pid)
    .flatMap((child) => [child, ...descendantsOf(child)])

/** Network namespaces that a process is in or holds open. */
function namespacesOf(pid: number): string[] {
  try {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`)
    return [`/proc/${pid}/ns/net`, ...open].map(targetOf).filter((target) => target.startsWith('net:'))
  } catch {
    return []
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
