/**
 * The real fail2ban server and the guard follow the same logs with the same configuration, while these are written and
 * rotated: both ban the same addresses from the same second on, and lift the bans at the same time.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { postern } from '../../src/cli/_testing/environment.ts'
import { builtLack } from '../built.ts'
import { missingFail2ban } from '../fail2ban/installed.ts'
import { repositoryRoot } from '../shared.ts'

const lack = (process.getuid?.() === 0 ? null : 'needs root') ?? missingFail2ban ?? builtLack()

const folder = mkdtempSync(join(tmpdir(), 'postern-beside-'))
const at = (name: string): string => join(folder, name)
const children: ChildProcess[] = []

const jails: Readonly<Record<string, string>> = {
  plain: 'maxretry = 3\nfindtime = 600\nbantime = 6',
  rate: 'maxretry = 3\nfindtime = 4\nbantime = 5',
  growing: 'maxretry = 2\nfindtime = 600\nbantime = 3\nbantime.increment = true',
}

/** At these seconds the address fails in the jail. */
const story: readonly (readonly [jail: string, address: string, seconds: readonly number[]])[] = [
  ['plain', '192.0.2.1', [1, 2, 3, 12, 13, 14]],
  ['plain', '192.0.2.2', [1, 2]],
  ['plain', '2001:db8::1', [2, 2, 2, 4]],
  ['plain', '192.0.2.200', [1, 1, 1, 2, 2, 2]],
  // Seven seconds in all: no window of four holds three of them, their rate bans all the same.
  ['rate', '192.0.2.3', [1, 4, 7, 8]],
  ['rate', '192.0.2.4', [2, 3, 4]],
  ['rate', '2001:db8::2', [1, 3]],
  // Banned before: one failure is enough, and the ban lasts twice as long.
  ['growing', '192.0.2.5', [1, 2, 8]],
  ['growing', '192.0.2.6', [12]],
]
const lastSecond = 22

/** What both are asked in the end, and answer letter by letter. */
const questions = [
  'ping',
  'status',
  'status plain',
  'status rate',
  'status growing',
  'set plain banip 198.51.100.1 198.51.100.2',
  'set plain banip 198.51.100.1',
  'get plain banned',
  'get plain banip',
  'banned 198.51.100.1',
  'set plain unbanip 198.51.100.1',
  'set plain unbanip 198.51.100.99',
  'get plain maxretry',
  'get plain findtime',
  'get plain bantime',
  'get plain logpath',
  'get plain ignoreip',
  'set plain addignoreip 198.51.100.7',
  'set plain delignoreip 198.51.100.7',
  'unban 198.51.100.2',
  'set plain banip 198.51.100.1',
  'get plain banned 198.51.100.1',
  'get plain banned 198.51.100.1 198.51.100.99',
  'set plain unbanip --report-absent 198.51.100.99',
  'unban --all',
  'unban',
  'echo hello world',
  'version',
  '-V',
  '--str2sec 1d12h',
  'get loglevel',
  'set loglevel nonsense',
  'set loglevel NOTICE',
  'status plain short',
  'status nojail',
  'get nojail bantime',
  'get plain',
  'get plain nothing',
  'set plain nothing x',
  'get plain logencoding',
  'get plain journalmatch',
  'get plain ignoreself',
  'get plain ignorecache',
  'get plain ignoreregex',
  'get plain prefregex',
  'get plain datepattern',
  'get plain usedns',
  'get plain maxmatches',
  'get plain maxlines',
  'get plain actions',
  'get plain action record actionban',
  'get plain action record timeout',
  'get plain action record nothing',
  'get plain action nothing timeout',
  'set plain action record timeout 12',
  'set plain bantime 1h',
  'set plain findtime 2m',
  'set plain maxretry 7',
  'set plain maxretry many',
  'set plain maxmatches 9',
  'set plain ignoreself true',
  'set plain usedns warn',
  'set plain ignorecache key="<ip>",max-count=10',
  'set plain ignorecommand /bin/false <ip>',
  `set plain addlogpath ${at('nothing.log')}`,
  `set plain addlogpath ${at('rate.log')} tail`,
  `set plain dellogpath ${at('plain.log')}`,
  'set plain addignoreregex ^nothing',
  'set plain delignoreregex 0',
  'set plain attempt 198.51.100.50 one two',
  'status plain',
  'set plain attempt 198.51.100.50 1 2 3 4 5',
  'status plain',
  'flushlogs',
  'reload plain',
  'get plain maxretry',
  'reload --unban plain',
  'status plain',
  'restart plain',
  'start plain',
  'stop rate',
  'stop rate',
  'status',
  'nonsense',
]

function writeConfiguration(): void {
  for (const part of ['etc', 'etc/filter.d', 'etc/action.d']) mkdirSync(at(part))
  writeFileSync(
    at('etc/fail2ban.conf'),
    `[Definition]\nloglevel = INFO\nlogtarget = ${at('f2b.log')}\nsyslogsocket = auto\nsocket = ${at('f2b.sock')}\npidfile = ${at('f2b.pid')}\ndbfile = ${at('f2b.sqlite3')}\ndbpurgeage = 1d\n`,
  )
  writeFileSync(
    at('etc/filter.d/failed.conf'),
    '[Definition]\nfailregex = ^ \\S+ \\S+: failed <F-USER>\\S+</F-USER> from <HOST>$\n',
  )
  writeFileSync(
    at('etc/action.d/record.conf'),
    '[Definition]\nactionban = echo "<name> <ip> ban <time>" >> $RECORD\nactionunban = echo "<name> <ip> unban $(date +%%s)" >> $RECORD\n',
  )
  const sections = Object.entries(jails).map(
    ([name, text]) =>
      `[${name}]\nenabled = true\nfilter = failed\naction = record[name=${name}]\nlogpath = ${at(`${name}.log`)}\n${text}\n`,
  )
  writeFileSync(
    at('etc/jail.conf'),
    `[DEFAULT]\nbackend = polling\nusedns = no\nignoreself = false\nignoreip = 192.0.2.200\n\n${sections.join('\n')}`,
  )
  for (const name of Object.keys(jails)) writeFileSync(at(`${name}.log`), '')
}

function start(record: string, command: readonly string[]): void {
  const env = { ...process.env, RECORD: at(record), TZ: 'UTC' }
  children.push(spawn(command[0]!, command.slice(1), { env, stdio: 'ignore' }))
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 400; wait++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(`in vain: ${what}`)
}
const says = (log: string, ...texts: string[]): boolean =>
  existsSync(at(log)) && texts.every((text) => readFileSync(at(log), 'utf8').includes(text))

/** Writes the story as it happens, and rotates: once by renaming, once by copying. Returns the second it began. */
async function tell(): Promise<number> {
  await pause(1000 - (Date.now() % 1000) + 100)
  const began = Math.floor(Date.now() / 1000)
  for (let second = 0; second <= lastSecond; second++) {
    await pause(Math.max(0, (began + second) * 1000 + 100 - Date.now()))
    const stamp = new Date((began + second) * 1000).toISOString().slice(0, 19).replace('T', ' ')
    for (const [jail, address, seconds] of story)
      for (const when of seconds)
        if (when === second)
          appendFileSync(at(`${jail}.log`), `${stamp} host app[1]: failed root from ${address}\n`)
    // Nothing was written for two seconds: fail2ban loses what it has not read.
    if (second === 6) {
      renameSync(at('plain.log'), at('plain.log.1'))
      writeFileSync(at('plain.log'), '')
    }
    if (second === 5) {
      copyFileSync(at('growing.log'), at('growing.log.1'))
      truncateSync(at('growing.log'))
    }
  }
  return began
}

/** Events of a record by jail and address, with seconds since the story began. */
function events(record: string, began: number): { bans: string[]; unbans: Map<string, number[]> } {
  const rows = readFileSync(at(record), 'utf8').trimEnd().split('\n')
  const unbans = new Map<string, number[]>()
  const bans: string[] = []
  for (const row of rows) {
    const [jail, address, kind, time] = row.split(' ')
    const second = Number(time) - began
    const whom = `${jail} ${address}`
    if (kind === 'ban') bans.push(`${whom} from ${second}s`)
    else unbans.set(whom, [...(unbans.get(whom) ?? []), second])
  }
  return { bans: bans.sort(), unbans }
}

describe.skipIf(lack !== null)(`beside the fail2ban server (${lack ?? 'in one run'})`, () => {
  afterAll(async () => {
    for (const child of children) {
      child.kill()
      if (child.exitCode === null)
        await Promise.race([new Promise((resolve) => child.on('close', resolve)), pause(5000)])
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('the guard bans the same addresses from the same second on, and lifts the bans when fail2ban does', async () => {
    writeConfiguration()
    start('theirs', [
      '/usr/bin/python3',
      '/usr/bin/fail2ban-server',
      '-f',
      '-c',
      at('etc'),
      '-s',
      at('f2b.sock'),
      '-p',
      at('f2b.pid'),
      'start',
    ])
    start('ours', [
      join(repositoryRoot, 'bin/postern'),
      'guard',
      'run',
      '--etc',
      at('etc'),
      '--store',
      at('db'),
      '--socket',
      at('sock'),
      '--log',
      at('guard.log'),
    ])
    const started = Object.keys(jails).map((name) => `Jail '${name}' started`)
    await until('both started', () => says('f2b.log', ...started) && says('guard.log', ...started))
    const began = await tell()
    const [theirs, ours] = [events('theirs', began), events('ours', began)]
    expect(theirs.bans).toEqual([
      'growing 192.0.2.5 from 2s',
      'growing 192.0.2.5 from 8s',
      'plain 192.0.2.1 from 14s',
      'plain 192.0.2.1 from 3s',
      'plain 2001:db8::1 from 2s',
      'rate 192.0.2.3 from 8s',
      'rate 192.0.2.4 from 4s',
    ])
    expect(ours.bans).toEqual(theirs.bans)
    expect(theirs.unbans.size).toBe(5)
    expect([...ours.unbans.keys()].sort()).toEqual([...theirs.unbans.keys()].sort())
    for (const [whom, seconds] of theirs.unbans) {
      const mine = ours.unbans.get(whom)!
      expect(mine.length).toBe(seconds.length)
      // Both are late by a part of a second, more on a busy machine; never early.
      for (const [index, second] of seconds.entries())
        expect(Math.abs(mine[index]! - second), whom).toBeLessThanOrEqual(1)
    }
  })

  it('and answers its client’s questions letter by letter', async () => {
    const differences: { question: string; ours: string; theirs: string }[] = []
    for (const question of questions) {
      const options = (socket: string) => ['-s', at(socket), '-c', at('etc'), ...question.split(' ')]
      const ours = async (): Promise<string> => {
        const { stdout, status } = await postern(['fail2ban-client', ...options('sock')])
        return listed(question, `${stdout}${status}`)
      }
      const theirs = (): string => {
        const { stdout, status } = spawnSync('/usr/bin/fail2ban-client', options('f2b.sock'), {
          encoding: 'utf8',
        })
        return listed(question, `${stdout}${status}`)
      }
      let [mine, wanted] = [await ours(), theirs()]
      // Failures that are too old are forgotten every five seconds, by each at seconds of its own.
      for (let tries = 0; tries < 6 && question.startsWith('status ') && mine !== wanted; tries++) {
        await pause(2_000)
        ;[mine, wanted] = [await ours(), theirs()]
      }
      if (mine !== wanted) differences.push({ question, ours: mine, theirs: wanted })
    }
    expect(differences).toEqual([])
  })
})

/** fail2ban's lists are in no order that one could name. */
function listed(question: string, text: string): string {
  if (/^get plain ban(ip|ned)$/.test(question))
    return text
      .split(/[\s,[\]]+/)
      .sort()
      .join(' ')
  if (question.includes('ignoreip'))
    return text
      .replace(/^[|`]- /gm, '- ')
      .split('\n')
      .sort()
      .join('\n')
  return text.replace(/(list:\t)(.*)/g, (_all, head, list) => head + list.split(', ').sort().join(', '))
}
