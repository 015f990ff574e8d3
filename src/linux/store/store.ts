/** What the guard remembers across restarts: bans, failures, positions in logs, what was allowed by hand. */
import type { Ban } from '../../guard/ban.ts'
import type { BanHistory, EarlierBans, FailureCount } from '../../guard/decide/index.ts'
import type { FilePosition } from '../follow/index.ts'
import { FailureChanges } from './failure-changes.ts'
import { prepareDatabase } from './schema.ts'
import { type Database, openDatabase, type SqlRow, type SqlValue, type Statement } from './sqlite.ts'

/** Where reading stands in a jail's logs. */
export interface JailPositions {
  readonly files: readonly FilePosition[]
  /** The journal's cursor. */
  readonly cursor: string | null
}

/** Characters of earlier matches that are kept of an id. */
const longestEarlier = 16_384
/** Matched lines that are told of all bans of an id together: fail2ban's `dbmaxmatches` where nobody sets it. */
const mostTold = 10

/**
 * Writes bans, given as a JSON array of rows: a call into SQLite costs more than what it does for one.
 *
 * A ban that began anew hands on what the one before told; one that was prolonged does not.
 */
const writeBans = `
INSERT INTO bans (jail, id, address, start_ms, seconds, count, failures, matches, groups, in_force)
SELECT ${Array.from({ length: 10 }, (_, column) => `json_extract(value, '$[${column}]')`).join(', ')}
FROM json_each(?) WHERE true
ON CONFLICT (jail, id) DO UPDATE SET
  earlier_failures = earlier_failures + iif(start_ms = excluded.start_ms, 0, failures),
  earlier_matches = iif(start_ms = excluded.start_ms, earlier_matches,
    substr(earlier_matches || char(10) || matches, -${longestEarlier})),
  address = excluded.address, start_ms = excluded.start_ms, seconds = excluded.seconds, count = excluded.count,
  failures = excluded.failures, matches = excluded.matches, groups = excluded.groups, in_force = excluded.in_force`

/** The store of one guard: only one process may write it. */
export class GuardStore implements BanHistory {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()
  readonly #changes: FailureChanges
  /** Bans that are written together at the end of `together`, each of another jail or id. */
  readonly #waiting = new Map<string, { readonly ban: Ban; readonly inForce: boolean }>()
  #isTogether = false

  /** Opens or makes the file; `:memory:` for one that is forgotten. */
  constructor(path: string) {
    this.#database = openDatabase(path)
    prepareDatabase(this.#database)
    this.#changes = new FailureChanges((text) => this.#sql(text))
  }

  /** Does several things as one: all of them are kept or none. */
  together<Result>(action: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE')
    this.#isTogether = true
    try {
      const result = action()
      this.#flush()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      this.#waiting.clear()
      this.#database.exec('ROLLBACK')
      throw error
    } finally {
      this.#isTogether = false
    }
  }

  earlier(id: string, jail: string | null): EarlierBans | null {
    const waiting = jail === null ? undefined : this.#waiting.get(keyOf(jail, id))
    if (waiting !== undefined) return { count: waiting.ban.count, startMs: Math.round(waiting.ban.startMs) }
    if (jail === null) this.#flush()
    const row =
      jail === null
        ? this.#sql('SELECT sum(count) AS count, max(start_ms) AS start_ms FROM bans WHERE id = ?').get(id)
        : this.#sql('SELECT count, start_ms FROM bans WHERE jail = ? AND id = ?').get(jail, id)
    // A sum over nothing is one row of nulls.
    return row === undefined || row.count === null
      ? null
      : { count: Number(row.count), startMs: Number(row.start_ms) }
  }

  /**
   * What all bans of an id told together, in a jail or (null) in all: how many failures, and the newest of their matches;
   * null where there was none.
   */
  told(
    id: string,
    jail: string | null,
  ): { readonly failures: number; readonly matches: readonly string[] } | null {
    this.#flush()
    const rows =
      jail === null
        ? this.#sql('SELECT * FROM bans WHERE id = ? ORDER BY start_ms').all(id)
        : this.#sql('SELECT * FROM bans WHERE id = ? AND jail = ?').all(id, jail)
    if (rows.length === 0) return null
    return {
      failures: rows.reduce((sum, row) => sum + Number(row.failures) + Number(row.earlier_failures), 0),
      matches: rows
        .flatMap((row) => [...linesOf(String(row.earlier_matches)), ...linesOf(String(row.matches))])
        .slice(-mostTold),
    }
  }

  /** Keeps a ban as in force, in place of an earlier one of its id. */
  record(ban: Ban): void {
    this.#write(ban, true)
  }

  /** Keeps a ban that is over, for its count. */
  recordOver(ban: Ban): void {
    this.#write(ban, false)
  }

  /** A ban is over, or was taken back; it stays for its count. */
  end(jail: string, id: string): void {
    this.#flush()
    this.#sql('UPDATE bans SET in_force = 0 WHERE jail = ? AND id = ?').run(jail, id)
  }

  /** Bans of a jail that are in force as far as the store knows, those that end first in front. */
  bansInForce(jail: string): Ban[] {
    this.#flush()
    return this.#sql('SELECT * FROM bans WHERE jail = ? AND in_force = 1 ORDER BY start_ms + 1000 * seconds')
      .all(jail)
      .map(banOf)
  }

  /** Forgets bans that have been over since before that time. Returns how many. */
  purge(beforeMs: number): number {
    this.#flush()
    const over = 'in_force = 0 AND start_ms + 1000 * max(seconds, 0) < ?'
    const before = this.#sql(`SELECT count(*) AS count FROM bans WHERE ${over}`).get(beforeMs)
    this.#sql(`DELETE FROM bans WHERE ${over}`).run(beforeMs)
    return Number(before?.count ?? 0)
  }

  /**
   * Keeps what became of the counts of a jail. `all` gives every count: now and then they are kept as a whole, and what
   * was kept of changes is let go.
   */
  saveFailures(
    jail: string,
    changed: Iterable<FailureCount>,
    forgotten: Iterable<string>,
    all: () => Iterable<FailureCount>,
  ): void {
    this.#changes.save(jail, [...changed], [...forgotten], all)
  }

  failures(jail: string): FailureCount[] {
    return this.#changes.counts(jail).sort((a, b) => a.touchedMs - b.touchedMs)
  }

  savePositions(jail: string, positions: JailPositions): void {
    this.#sql('INSERT OR REPLACE INTO positions VALUES (?, ?)').run(jail, JSON.stringify(positions))
  }

  positions(jail: string): JailPositions {
    const text = this.#sql('SELECT positions FROM positions WHERE jail = ?').get(jail)?.positions
    return text === undefined ? { files: [], cursor: null } : (JSON.parse(String(text)) as JailPositions)
  }

  /** Entries allowed by hand: of one jail, or of all where `jail` is empty. */
  allowed(jail: string): string[] {
    return this.#sql('SELECT entry FROM allowed WHERE jail = ?')
      .all(jail)
      .map(({ entry }) => String(entry))
  }

  allow(jail: string, entry: string): void {
    this.#sql('INSERT OR IGNORE INTO allowed VALUES (?, ?)').run(jail, entry)
  }

  disallow(jail: string, entry: string): void {
    this.#sql('DELETE FROM allowed WHERE jail = ? AND entry = ?').run(jail, entry)
  }

  /** A word that was noted, such as which databases were taken over; null when there is none. */
  note(key: string): string | null {
    const value = this.#sql('SELECT value FROM meta WHERE key = ?').get(key)?.value
    return value === undefined ? null : String(value)
  }

  setNote(key: string, value: string): void {
    this.#sql('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(key, value)
  }

  close(): void {
    this.#database.close()
  }

  #write(ban: Ban, inForce: boolean): void {
    const key = keyOf(ban.jail, ban.id)
    if (this.#waiting.has(key)) this.#flush()
    this.#waiting.set(key, { ban, inForce })
    if (!this.#isTogether) this.#flush()
  }

  /** Writes the bans that wait. */
  #flush(): void {
    if (this.#waiting.size === 0) return
    const rows = [...this.#waiting.values()].map(({ ban, inForce }) => rowOf(ban, inForce))
    this.#waiting.clear()
    this.#sql(writeBans).run(JSON.stringify(rows))
  }

  #sql(text: string): Statement {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#database.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }
}

const keyOf = (jail: string, id: string): string => `${jail}\n${id}`

const rowOf = (
  { jail, id, address, startMs, seconds, count, failures, matches, groups }: Ban,
  inForce: boolean,
): readonly SqlValue[] => [
  jail,
  id,
  address ?? null,
  Math.round(startMs),
  seconds,
  count,
  failures,
  JSON.stringify(matches),
  JSON.stringify(groups),
  inForce ? 1 : 0,
]

/** Lines of JSON arrays; the first may have been cut at its head. */
const linesOf = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    try {
      return JSON.parse(line) as string[]
    } catch {
      return []
    }
  })

function banOf(row: SqlRow): Ban {
  return {
    jail: String(row.jail),
    id: String(row.id),
    ...(row.address === null ? {} : { address: String(row.address) }),
    startMs: Number(row.start_ms),
    seconds: Number(row.seconds),
    count: Number(row.count),
    failures: Number(row.failures),
    matches: JSON.parse(String(row.matches)),
    groups: JSON.parse(String(row.groups)),
  }
}
