import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missingFail2ban } from '../../../test/fail2ban/installed.ts'
import type { Ban } from '../../guard/ban.ts'
import type { FailureCount } from '../../guard/decide/index.ts'
import { takeOverFail2ban } from './fail2ban-database.ts'
import { openDatabase } from './sqlite.ts'
import { GuardStore } from './store.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-store-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const nowMs = 1_760_000_000_000
const banOf = (id: string, more: Partial<Ban> = {}): Ban => ({
  jail: 'sshd',
  id,
  startMs: nowMs,
  seconds: 600,
  count: 1,
  failures: 5,
  matches: ['a line'],
  groups: { user: 'root' },
  ...more,
})

const countOf = (id: string): FailureCount => ({
  id,
  firstSeconds: 1,
  lastSeconds: 2,
  count: 2,
  failures: 2,
  matches: ['a line '.repeat(100)],
  touchedMs: 9,
})
const none = (): never[] => []

describe('the store', () => {
  it('adds up what the bans of an id told, each once', () => {
    const store = new GuardStore(':memory:')
    expect(store.told('192.0.2.1', null)).toBeNull()
    for (let count = 0; count < 4; count++) {
      const ban = banOf('192.0.2.1', { startMs: nowMs + count, matches: ['x', 'y"\\', `${count}`] })
      store.record(ban)
      // a ban that is prolonged is no new one
      store.record({ ...ban, seconds: 9000 })
    }
    store.record(banOf('192.0.2.1', { jail: 'ftp', startMs: nowMs + 9, failures: 1, matches: ['last'] }))
    expect(store.told('192.0.2.1', 'sshd')).toEqual({
      failures: 20,
      matches: ['0', 'x', 'y"\\', '1', 'x', 'y"\\', '2', 'x', 'y"\\', '3'],
    })
    expect(store.told('192.0.2.1', null)).toMatchObject({ failures: 21 })
    expect(store.told('192.0.2.1', null)!.matches.at(-1)).toBe('last')
    store.record(banOf('192.0.2.1', { jail: 'ftp', startMs: nowMs + 10, matches: ['z'.repeat(20_000)] }))
    store.record(banOf('192.0.2.1', { jail: 'ftp', startMs: nowMs + 11 }))
    expect(store.told('192.0.2.1', 'ftp')).toEqual({ failures: 11, matches: ['a line'] })
  })

  it('takes up a database of version 1', () => {
    const path = join(folder, 'old')
    const old = openDatabase(path)
    old.exec(
      "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL); INSERT INTO meta VALUES ('version', '1')",
    )
    old.exec(
      'CREATE TABLE bans (jail TEXT NOT NULL, id TEXT NOT NULL, address TEXT, start_ms INTEGER NOT NULL, seconds REAL NOT ' +
        'NULL, count INTEGER NOT NULL, failures INTEGER NOT NULL, matches TEXT NOT NULL, groups TEXT NOT NULL, in_force ' +
        'INTEGER NOT NULL, PRIMARY KEY (jail, id)) WITHOUT ROWID',
    )
    old.exec(
      `INSERT INTO bans VALUES ('sshd', '192.0.2.1', NULL, ${nowMs}, 600, 1, 5, '["a line"]', '{"user":"root"}', 1)`,
    )
    old.close()
    const store = new GuardStore(path)
    expect(store.bansInForce('sshd')).toEqual([banOf('192.0.2.1')])
    expect(store.told('192.0.2.1', null)).toEqual({ failures: 5, matches: ['a line'] })
    store.close()
    new GuardStore(path).close()
  })

  it('gives back what it was given, after it was closed', () => {
    const path = join(folder, 'db')
    const store = new GuardStore(path)
    store.record(banOf('192.0.2.1', { address: '192.0.2.1' }))
    store.record(banOf('192.0.2.2', { seconds: -1, count: 3 }))
    store.record(banOf('192.0.2.2', { jail: 'ftp', startMs: nowMs + 5 }))
    store.record(banOf('192.0.2.3'))
    store.end('sshd', '192.0.2.3')
    const count = {
      id: 'x',
      firstSeconds: 1,
      lastSeconds: 2,
      count: 2,
      failures: 2,
      matches: [],
      touchedMs: 9,
      times: [1, 2],
    }
    store.saveFailures('sshd', [count, { ...count, id: 'y' }], [], none)
    store.saveFailures('sshd', [], ['y'], none)
    store.savePositions('sshd', { files: [], cursor: 'c' })
    store.allow('', '192.0.2.0/24')
    store.close()
    const again = new GuardStore(path)
    expect(again.bansInForce('sshd')).toEqual([
      banOf('192.0.2.2', { seconds: -1, count: 3 }),
      banOf('192.0.2.1', { address: '192.0.2.1' }),
    ])
    expect(again.earlier('192.0.2.2', null)).toEqual({ count: 4, startMs: nowMs + 5 })
    expect(again.earlier('192.0.2.3', 'sshd')).toEqual({ count: 1, startMs: nowMs })
    expect(again.earlier('192.0.2.9', null)).toBe(null)
    expect(again.failures('sshd')).toEqual([count])
    expect(again.positions('sshd').cursor).toBe('c')
    expect(again.allowed('')).toEqual(['192.0.2.0/24'])
    expect(again.purge(nowMs + 601_000)).toBe(1)
    expect(again.earlier('192.0.2.3', 'sshd')).toBe(null)
    again.close()
  })

  it('gives back counts of failures, however often they changed', () => {
    const path = join(folder, 'db')
    const store = new GuardStore(path)
    const counts = new Map<string, FailureCount>()
    // long enough for all to be written anew several times
    for (let round = 0; round < 400; round++) {
      const ids = Array.from({ length: 20 }, (_, at) => `id${(round * 7 + at * 13) % 50}`)
      const forgotten = ids.slice(17).filter((id) => !ids.slice(0, 17).includes(id))
      const changed = [...new Set(ids.slice(0, 17))].map((id) => ({ ...countOf(id), count: round }))
      for (const id of forgotten) counts.delete(id)
      for (const count of changed) counts.set(count.id, count)
      store.saveFailures('sshd', changed, forgotten, () => counts.values())
    }
    store.saveFailures('ftp', [countOf('id1')], [], none)
    store.close()
    const again = new GuardStore(path)
    const byId = (list: readonly FailureCount[]) => [...list].sort((a, b) => (a.id < b.id ? -1 : 1))
    expect(byId(again.failures('sshd'))).toEqual(byId([...counts.values()]))
    expect(again.failures('ftp')).toEqual([countOf('id1')])
    again.close()
    const rows = openDatabase(path).prepare('SELECT number FROM failure_changes').all()
    expect(rows.length).toBeLessThan(250)
  })

  it('takes up the failures of a database of version 2', () => {
    const path = join(folder, 'old')
    new GuardStore(path).close()
    const old = openDatabase(path)
    old.exec('DROP TABLE failure_changes')
    old.exec(
      'CREATE TABLE failures (jail TEXT NOT NULL, id TEXT NOT NULL, count TEXT NOT NULL, PRIMARY KEY (jail, id))',
    )
    const put = old.prepare('INSERT INTO failures VALUES (?, ?, ?)')
    for (const id of ['x', 'y']) put.run('sshd', id, JSON.stringify(countOf(id)))
    old.exec("UPDATE meta SET value = '2' WHERE key = 'version'")
    old.close()
    const store = new GuardStore(path)
    expect(store.failures('sshd')).toEqual([countOf('x'), countOf('y')])
    store.close()
  })

  it('counts bans of one moment, one after the other', () => {
    const store = new GuardStore(':memory:')
    const told = store.together(() => {
      store.record(banOf('192.0.2.1', { matches: ['1'] }))
      store.record(banOf('192.0.2.1', { startMs: nowMs + 1, count: 2, matches: ['2'] }))
      expect(store.earlier('192.0.2.1', 'sshd')).toEqual({ count: 2, startMs: nowMs + 1 })
      store.record(banOf('192.0.2.1', { jail: 'ftp' }))
      expect(store.earlier('192.0.2.1', null)).toEqual({ count: 3, startMs: nowMs + 1 })
      store.end('ftp', '192.0.2.1')
      return store.told('192.0.2.1', 'sshd')
    })
    expect(told).toEqual({ failures: 10, matches: ['1', '2'] })
    expect(store.bansInForce('ftp')).toEqual([])
    expect(store.bansInForce('sshd').length).toBe(1)
    store.close()
  })

  it('keeps several things together or none', () => {
    const store = new GuardStore(':memory:')
    expect(() =>
      store.together(() => {
        store.record(banOf('192.0.2.1'))
        throw new Error('midway')
      }),
    ).toThrow('midway')
    expect(store.bansInForce('sshd')).toEqual([])
    store.close()
  })

  it('refuses a database of a later version', () => {
    const path = join(folder, 'db')
    new GuardStore(path).close()
    const database = openDatabase(path)
    database.exec("UPDATE meta SET value = '99' WHERE key = 'version'")
    database.close()
    expect(() => new GuardStore(path)).toThrow('version 99')
  })

  it('loses no ban to kill -9', async () => {
    const path = join(folder, 'db')
    new GuardStore(path).close()
    // The writer says each ban after it was kept, and is killed in the middle of its work.
    const script = `
      const Database = require('libsql')
      const db = new Database(${JSON.stringify(path)})
      db.pragma('journal_mode = WAL'); db.pragma('synchronous = NORMAL')
      const put = db.prepare("INSERT INTO bans VALUES ('sshd', ?, NULL, 0, -1, 1, 1, '[]', '{}', 1, 0, '')")
      for (let n = 0; ; n++) { db.exec('BEGIN IMMEDIATE'); put.run('id' + n); db.exec('COMMIT'); require('fs').writeSync(1, n + '\\n') }
    `
    const writer = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    await new Promise<void>((resolve) => {
      writer.stdout.on('data', (bytes: Buffer) => {
        said += bytes
        if (said.split('\n').length > 500) writer.kill('SIGKILL')
      })
      writer.on('close', () => resolve())
    })
    const kept = new Set(new GuardStore(path).bansInForce('sshd').map(({ id }) => id))
    const whole = said.split('\n').slice(0, -1)
    expect(whole.length).toBeGreaterThan(400)
    expect(whole.filter((n) => !kept.has(`id${n}`))).toEqual([])
  })

  it('gives back 20,000 bans in less than a second', () => {
    const path = join(folder, 'db')
    const store = new GuardStore(path)
    store.together(() => {
      for (let n = 0; n < 20_000; n++) store.record(banOf(`10.0.${n >> 8}.${n & 255}`))
    })
    store.close()
    const before = process.cpuUsage()
    const again = new GuardStore(path)
    const bans = again.bansInForce('sshd')
    const { user, system } = process.cpuUsage(before)
    again.close()
    expect(bans.length).toBe(20_000)
    // of this process's own time: the machine may be busy
    expect((user + system) / 1000).toBeLessThan(1000)
  })
})

describe.skipIf(missingFail2ban !== null)(
  `a database of fail2ban (${missingFail2ban ?? 'made by the installed one'})`,
  () => {
    it('is taken over, once', () => {
      const path = join(folder, 'fail2ban.sqlite3')
      const script = join(folder, 'make.py')
      writeFileSync(
        script,
        `
import logging, sys
logging.disable(logging.CRITICAL)
from fail2ban.server.database import Fail2BanDb
from fail2ban.server.ticket import FailTicket
from fail2ban.tests.dummyjail import DummyJail
db = Fail2BanDb(sys.argv[1])
jail = DummyJail('sshd')
db.addJail(jail)
for ip, time, bantime, count in [('192.0.2.1', 100, 600, 1), ('192.0.2.2', 100, -1, 4), ('192.0.2.3', 100, 10, 2), ('2001:db8::7', 100, 9000, 1)]:
    ticket = FailTicket(ip, time, ['a line'])
    ticket.setBanTime(bantime)
    ticket.setBanCount(count)
    db.addBan(jail, ticket)
`,
      )
      execFileSync('/usr/bin/python3', [script, path], { stdio: 'pipe' })
      const store = new GuardStore(':memory:')
      store.record(banOf('192.0.2.1', { count: 9 }))
      expect(takeOverFail2ban(path, store, 200_000, () => 3600)).toEqual({ bans: 2, earlier: 1 })
      expect(takeOverFail2ban(path, store, 200_000, () => 3600)).toBe(null)
      const told = store
        .bansInForce('sshd')
        .map(({ id, startMs, seconds, count, matches }) => [id, startMs, seconds, count, matches])
      expect(told).toEqual([
        ['192.0.2.2', 100_000, 3600, 4, ['a line']],
        ['2001:db8::7', 100_000, 3600, 1, ['a line']],
        ['192.0.2.1', nowMs, 600, 9, ['a line']],
      ])
      expect(store.earlier('192.0.2.3', 'sshd')).toEqual({ count: 2, startMs: 100_000 })
    })
  },
)
