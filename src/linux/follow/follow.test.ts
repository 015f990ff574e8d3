/** Logs as they come: parts of lines, bytes that are no text, globs, copies, where to begin, the journal. */
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { beginAt } from './begin.ts'
import { openFile } from './content.ts'
import { FileFollower } from './file-follower.ts'
import { expandGlob, wildcard } from './glob.ts'
import { followJournal, journalLine } from './journal.ts'
import { decoderOf, longestLine } from './lines.ts'
import { LogFollower } from './log-follower.ts'
import type { FilePosition } from './position.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-follow-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)
const decode = decoderOf('auto')!

function lines(reader: { poll(nowMs: number): { lines: readonly string[] } | null }, nowMs = 0): string[] {
  const all: string[] = []
  for (let batch = reader.poll(nowMs); batch !== null; batch = reader.poll(nowMs)) all.push(...batch.lines)
  return all
}

const follow = (name: string, more: Partial<ConstructorParameters<typeof FileFollower>[1]> = {}) =>
  new FileFollower(at(name), { decode, positions: [], from: 'head', ...more })

describe('lines', () => {
  it('are given when they are whole, whatever they are made of', () => {
    writeFileSync(at('log'), 'one\r\ntw')
    const reader = follow('log')
    expect(lines(reader)).toEqual(['one'])
    appendFileSync(at('log'), Buffer.from([0x6f, 0x0a, 0xff, 0xc3, 0x0a, 0x0a, 0xe2]))
    expect(lines(reader)).toEqual(['two', '\ufffd\ufffd', ''])
    appendFileSync(at('log'), Buffer.from([0x82, 0xac, 0x0a]))
    expect(lines(reader)).toEqual(['€'])
  })
  it('are cut when they are too long, and begin again after their end', () => {
    writeFileSync(at('log'), `${'x'.repeat(3 * longestLine)}`)
    const reader = follow('log')
    const [cut] = lines(reader)
    expect(cut).toBe('x'.repeat(longestLine))
    const later = follow('log', { positions: JSON.parse(JSON.stringify(reader.positions())) })
    appendFileSync(at('log'), 'more of it\nnext\n')
    expect(lines(reader)).toEqual(['next'])
    expect(lines(later)).toEqual(['next'])
  })
  it('can be of other encodings', () => {
    writeFileSync(at('log'), Buffer.from([0xe9, 0x0a]))
    expect(lines(follow('log', { decode: decoderOf('latin-1')! }))).toEqual(['é'])
    expect(lines(follow('log', { decode: decoderOf('koi8-r')! }))).toEqual(['И'])
    expect(decoderOf('no-such-thing')).toBe(null)
  })
  it('of a daemon that keeps its place in a truncated file have no NULs before them', () => {
    writeFileSync(at('log'), 'before\n')
    const reader = follow('log')
    lines(reader)
    truncateSync(at('log'))
    writeFileSync(at('log'), `${'\0'.repeat(7)}after\n`)
    expect(lines(reader)).toEqual(['after'])
  })
  it('can be passed over to begin at the end', () => {
    writeFileSync(at('log'), 'old\nol')
    const reader = follow('log', { from: 'tail' })
    expect(lines(reader)).toEqual([])
    appendFileSync(at('log'), 'd\nnew\n')
    expect(lines(reader)).toEqual(['old', 'new'])
  })
})

describe('a file', () => {
  it('that is written anew with the same beginning goes on where it was', () => {
    writeFileSync(at('log'), 'one\ntwo\n')
    const reader = follow('log')
    lines(reader)
    writeFileSync(at('log.new'), 'one\ntwo\nthree\n')
    renameSync(at('log.new'), at('log'))
    expect(lines(reader)).toEqual(['three'])
  })
  it('of another text is read whole, also where it is longer', () => {
    writeFileSync(at('log'), 'one\ntwo\n')
    const reader = follow('log')
    lines(reader)
    writeFileSync(at('log'), 'three\nfour\nfive\n')
    expect(lines(reader)).toEqual(['three', 'four', 'five'])
  })
  it('that a link now leads to is read, and the rest of the other', () => {
    writeFileSync(at('a'), 'a1\n')
    writeFileSync(at('b'), 'b1\n')
    symlinkSync('a', at('log'))
    const reader = follow('log')
    lines(reader)
    appendFileSync(at('a'), 'a2\n')
    unlinkSync(at('log'))
    symlinkSync('b', at('log'))
    expect(lines(reader)).toEqual(['a2', 'b1'])
  })
  it('beside a log with a name of its own is not part of it', () => {
    writeFileSync(at('log'), 'one\n')
    const reader = follow('log')
    lines(reader)
    writeFileSync(at('log.suspicious'), 'stranger\n')
    renameSync(at('log'), at('log.1'))
    writeFileSync(at('log'), 'two\n')
    expect(lines(reader)).toEqual(['two'])
  })
  it('may come later, or be a folder for a while', () => {
    mkdirSync(at('log'))
    const reader = follow('log')
    expect(lines(reader)).toEqual([])
    rmSync(at('log'), { recursive: true })
    writeFileSync(at('log'), 'here\n')
    expect(lines(reader)).toEqual(['here'])
  })
})

describe('globs', () => {
  it('name files as Python does', () => {
    for (const name of ['a.log', 'b.log', '.c.log', 'd.txt']) writeFileSync(at(name), '')
    mkdirSync(at('x'))
    writeFileSync(at('x/e.log'), '')
    const names = (pattern: string) => expandGlob(at(pattern)).map((path) => path.slice(folder.length + 1))
    expect(names('*.log')).toEqual(['a.log', 'b.log'])
    expect(names('[!a].log')).toEqual(['b.log'])
    expect(names('?/*')).toEqual(['x/e.log'])
    expect(names('.*.log')).toEqual(['.c.log'])
    expect(names('absent')).toEqual(['absent'])
    expect(wildcard('a+(b)[]x]').test('a+(b)]')).toBe(true)
  })
  it('take in new files from their beginning, and no file twice', () => {
    writeFileSync(at('a.log'), 'old\n')
    const reader = new LogFollower({ patterns: [{ glob: at('*log*'), from: 'tail' }], decode, positions: [] })
    expect(lines(reader)).toEqual([])
    writeFileSync(at('b.log'), 'new\n')
    appendFileSync(at('a.log'), 'more\n')
    symlinkSync('a.log', at('z.log'))
    expect(lines(reader, 2000).sort()).toEqual(['more', 'new'])
    copyFileSync(at('b.log'), at('b.log.1'))
    truncateSync(at('b.log'))
    renameSync(at('a.log'), at('a.log.1'))
    writeFileSync(at('a.log'), 'next\n')
    expect(lines(reader, 9000)).toEqual(['next'])
  })
  it('go on where they stood, also when they were away for one run', () => {
    const reader = (...globs: string[]): LogFollower => {
      const patterns = globs.map((name) => ({ glob: at(name), from: 'head' as const }))
      return new LogFollower({ patterns, decode, positions })
    }
    let positions: FilePosition[] = []
    const read = (...globs: string[]): string[] => {
      const follower = reader(...globs)
      const found = lines(follower, 0)
      positions = JSON.parse(JSON.stringify(follower.positions()))
      follower.close()
      return found
    }
    writeFileSync(at('a.log'), 'one\n')
    writeFileSync(at('b.log'), 'two\n')
    expect(read('a.log', 'b.log')).toEqual(['one', 'two'])
    expect(read('b.log')).toEqual([])
    appendFileSync(at('a.log'), 'three\n')
    expect(read('a.log', 'b.log')).toEqual(['three'])
  })
})

it('the first line that is new enough is found in a large log', () => {
  const line = (second: number): string => `${second} ${'x'.repeat(60)}\n`
  writeFileSync(at('log'), Array.from({ length: 20_000 }, (_, second) => line(second)).join(''))
  const content = openFile(at('log'))!
  let asked = 0
  const offset = beginAt(content, 15_000_000, (text) => {
    asked++
    return Number(text.split(' ')[0]) * 1000
  })
  content.close()
  const first = lines(follow('log', { from: () => offset }))[0]!
  expect(Number(first.split(' ')[0])).toBeLessThanOrEqual(15_000)
  expect(Number(first.split(' ')[0])).toBeGreaterThan(12_000)
  expect(asked).toBeLessThan(30)
})

it('a process that writes and rotates is followed while it does so', async () => {
  const reader = new LogFollower({ patterns: [{ glob: at('log'), from: 'head' }], decode, positions: [] })
  writeFileSync(at('log'), '')
  const all: string[] = []
  const take = (): void => void all.push(...lines(reader, Date.now()))
  take()
  const stop = reader.watch(take)
  const writer = spawn(
    'sh',
    [
      '-c',
      `i=0; while [ $i -lt 600 ]; do echo "line $i" >> log; i=$((i+1)); case $i in *00) mv log log.$i; : > log;; esac; done`,
    ],
    { cwd: folder },
  )
  await new Promise((resolve) => writer.on('close', resolve))
  for (let wait = 0; all.length < 600 && wait < 100; wait++) await pause(50)
  stop()
  reader.close()
  expect(all.sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))).toEqual(
    Array.from({ length: 600 }, (_, number) => `line ${number}`),
  )
})

describe('the journal', () => {
  it('gives lines as fail2ban puts them together', () => {
    const entry = { __CURSOR: 'c', __REALTIME_TIMESTAMP: '1760000000500000', _HOSTNAME: 'host', _PID: '7' }
    const text = (more: object) => journalLine({ ...entry, ...more })?.text
    expect(journalLine({ ...entry, SYSLOG_IDENTIFIER: 'sshd', MESSAGE: 'Failed' })).toEqual({
      text: 'host sshd[7]: Failed',
      timeMs: 1760000000500,
      cursor: 'c',
    })
    expect(text({ _COMM: 'x', MESSAGE: [72, 255, 105] })).toBe('host x[7]: H\ufffdi')
    expect(text({ _COMM: 'x', MESSAGE: null })).toBe('host x[7]: ')
    expect(text({ _COMM: 'x', MESSAGE: 'a\nb' })).toBe('host x[7]: a\\nb')
    expect(
      text({ _PID: '', SYSLOG_IDENTIFIER: 'kernel', _SOURCE_MONOTONIC_TIMESTAMP: '1500000', MESSAGE: 'm' }),
    ).toBe('host kernel: [    1.500000] m')
    expect(journalLine({ MESSAGE: 'no cursor' })).toBe(null)
  })

  it('goes on after the cursor, also when journalctl ends', async () => {
    writeFileSync(
      at('journalctl'),
      `#!/bin/sh
printf '%s ' "$@" >> ${at('asked')}; echo >> ${at('asked')}
n=$(wc -l < ${at('asked')})
printf '{"__CURSOR":"c%s","__REALTIME_TIMESTAMP":"1760000000000000","_COMM":"x","MESSAGE":"m%s"}\\n' $n $n
echo 'not json'
exit 1
`,
    )
    chmodSync(at('journalctl'), 0o755)
    const told: string[] = []
    const trouble: string[] = []
    const journal = followJournal({
      program: at('journalctl'),
      matches: ['_SYSTEMD_UNIT=ssh.service --rotate _COMM=sshd', '_COMM=x'],
      cursor: null,
      sinceMs: 5000,
      onBatch: ({ lines, cursor }) => void told.push(`${lines[0]!.text} ${cursor}`),
      onTrouble: (message) => void trouble.push(message),
    })
    for (let wait = 0; told.length < 2 && wait < 100; wait++) await pause(50)
    journal.stop()
    expect(told).toEqual(['x: m1 c1', 'x: m2 c2'])
    expect(trouble[0]).toBe('journalctl ended with status 1')
    const asked = readFileSync(at('asked'), 'utf8').split('\n')
    expect(asked[0]).toContain('--since=@5 _SYSTEMD_UNIT=ssh.service _COMM=sshd + _COMM=x')
    expect(asked[1]).toContain('--after-cursor=c1')
  })
})
