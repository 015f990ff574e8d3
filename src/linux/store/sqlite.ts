/**
 * SQLite by whatever this machine has: Node's own since 22.13, else the optional package `libsql`, which comes ready for
 * use and needs no compiler. Both are asked for the little that both do alike.
 */
import { createRequire } from 'node:module'
import { UnavailableError } from '../unavailable.ts'

export type SqlValue = string | number | null

/** What a column may hold. */
export type SqlRow = Readonly<Record<string, SqlValue>>

export interface Statement {
  run(...values: SqlValue[]): void
  /** The first row, or undefined. */
  get(...values: SqlValue[]): SqlRow | undefined
  all(...values: SqlValue[]): readonly SqlRow[]
}

export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface DatabaseOptions {
  readonly readonly?: boolean
}

/** Opens a database, creating it unless `readonly`. Throws `UnavailableError` where there is no SQLite. */
export function openDatabase(path: string, { readonly = false }: DatabaseOptions = {}): Database {
  const builtIn = loadBuiltIn()
  if (builtIn !== null) return new builtIn.DatabaseSync(path, { readOnly: readonly })
  const Libsql = loadLibsql()
  return Libsql === null ? refuse() : new Libsql(path, { readonly })
}

function refuse(): never {
  throw new UnavailableError(
    'the guard keeps its bans in SQLite, and this Node has none',
    'npm install libsql   (or Node 22.13 and newer)',
  )
}

interface BuiltInSqlite {
  readonly DatabaseSync: new (path: string, options: { readOnly: boolean }) => Database
}

function loadBuiltIn(): BuiltInSqlite | null {
  // Older types of Node know neither; older versions of it have no such module.
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown }
  return (getBuiltinModule?.('node:sqlite') as BuiltInSqlite | undefined) ?? null
}

function loadLibsql(): (new (path: string, options: DatabaseOptions) => Database) | null {
  try {
    return createRequire(import.meta.url)('libsql')
  } catch {
    return null
  }
}
