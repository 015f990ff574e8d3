/** The tables of the guard's database. */
import type { Database } from './sqlite.ts'

/** Goes up when the tables change; a database of a later version is refused. */
export const schemaVersion = 3

const tables = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- The newest ban of each id in each jail; those that are over stay for their count.
CREATE TABLE IF NOT EXISTS bans (
  jail TEXT NOT NULL,
  id TEXT NOT NULL,
  address TEXT,
  start_ms INTEGER NOT NULL,
  seconds REAL NOT NULL,
  count INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  matches TEXT NOT NULL,
  groups TEXT NOT NULL,
  in_force INTEGER NOT NULL,
  -- What the bans before the newest one told: how many failures, and their matches, a JSON array a line.
  earlier_failures INTEGER NOT NULL DEFAULT 0,
  earlier_matches TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (jail, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bans_id ON bans (id);
-- What became of the counts of failures, a row for each time that they were kept, in order: {"changed", "forgotten"}.
CREATE TABLE IF NOT EXISTS failure_changes (
  jail TEXT NOT NULL,
  number INTEGER NOT NULL,
  changes TEXT NOT NULL,
  PRIMARY KEY (jail, number)
);
CREATE TABLE IF NOT EXISTS positions (jail TEXT PRIMARY KEY, positions TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS allowed (jail TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (jail, entry)) WITHOUT ROWID;
`

/**
 * Makes the tables. Write-ahead logging: a process that is killed at any moment loses nothing that was committed; a
 * machine that loses power may lose the last moments, whose lines are then read again.
 */
export function prepareDatabase(database: Database): void {
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec('PRAGMA busy_timeout = 5000')
  // pages of 4 KiB that the log may hold before they are put into their places: 16 MB
  database.exec('PRAGMA wal_autocheckpoint = 4000')
  database.exec(tables)
  const version = database.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.value
  if (version === undefined)
    database.prepare("INSERT INTO meta VALUES ('version', ?)").run(`${schemaVersion}`)
  else if (Number(version) > schemaVersion)
    throw new Error(`the database is of version ${version}; this Postern knows ${schemaVersion}`)
  else if (Number(version) < schemaVersion) {
    database.exec('BEGIN IMMEDIATE')
    for (const step of steps.slice(Number(version) - 1)) for (const sql of step) database.exec(sql)
    database.prepare("UPDATE meta SET value = ? WHERE key = 'version'").run(`${schemaVersion}`)
    database.exec('COMMIT')
  }
}

/** What a database of each version lacks to be one of the next. */
const steps: readonly (readonly string[])[] = [
  [
    'ALTER TABLE bans ADD COLUMN earlier_failures INTEGER NOT NULL DEFAULT 0',
    "ALTER TABLE bans ADD COLUMN earlier_matches TEXT NOT NULL DEFAULT ''",
  ],
  [
    'CREATE TABLE IF NOT EXISTS failures (jail TEXT NOT NULL, id TEXT NOT NULL, count TEXT NOT NULL)',
    `INSERT INTO failure_changes SELECT jail, 0,
       json_object('changed', json_group_array(json(count)), 'forgotten', json_array()) FROM failures GROUP BY jail`,
    'DROP TABLE failures',
  ],
]
