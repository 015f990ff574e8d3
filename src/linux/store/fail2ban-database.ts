/**
 * Takes over what an existing fail2ban remembers: its table `bips` holds the newest ban of each address in each jail
 * (database version 4, of fail2ban 0.10 and newer).
 */
import type { Ban } from '../../guard/ban.ts'
import { isOver } from '../../guard/decide/index.ts'
import { openDatabase, type SqlRow } from './sqlite.ts'
import type { GuardStore } from './store.ts'

export interface TakenOver {
  /** Bans that are in force. */
  readonly bans: number
  /** Bans that are over and count for those who come back. */
  readonly earlier: number
}

/**
 * Reads a fail2ban database into the store, once: null when this was done before. Bans that the store knows stay as they
 * are. `banSecondsOf` gives the ban time of a jail whose bans do not grow, which shortens longer ones as fail2ban does.
 */
export function takeOverFail2ban(
  path: string,
  store: GuardStore,
  nowMs: number,
  banSecondsOf: (jail: string) => number | null,
): TakenOver | null {
  const note = `fail2ban:${path}`
  if (store.note(note) !== null) return null
  const database = openDatabase(path, { readonly: true })
  try {
    // fail2ban writes its JSON as bytes.
    const rows = database
      .prepare('SELECT ip, jail, timeofban, bantime, bancount, CAST(data AS TEXT) AS data FROM bips')
      .all()
    return store.together(() => {
      let bans = 0
      let earlier = 0
      for (const row of rows) {
        const ban = shortened(banOf(row), banSecondsOf(String(row.jail)))
        if (store.earlier(ban.id, ban.jail) !== null) continue
        const over = isOver(ban, nowMs)
        if (over) store.recordOver(ban)
        else store.record(ban)
        over ? earlier++ : bans++
      }
      store.setNote(note, new Date(nowMs).toISOString())
      return { bans, earlier }
    })
  } finally {
    database.close()
  }
}

function shortened(ban: Ban, limit: number | null): Ban {
  if (limit === null || limit < 0) return ban
  return ban.seconds < 0 || limit < ban.seconds ? { ...ban, seconds: limit } : ban
}

function banOf(row: SqlRow): Ban {
  const data = readData(row.data)
  const matches = Array.isArray(data.matches) ? data.matches : []
  return {
    jail: String(row.jail),
    id: String(row.ip),
    startMs: Number(row.timeofban) * 1000,
    seconds: Number(row.bantime) < 0 ? -1 : Number(row.bantime),
    count: Number(row.bancount),
    failures: Number(data.failures ?? 0),
    // A line may be kept in its three parts: before the date, the date, after it.
    matches: matches.map((line) => (Array.isArray(line) ? line.join('') : String(line))),
    groups: {},
  }
}

function readData(text: SqlRow[string] | undefined): { matches?: unknown; failures?: unknown } {
  try {
    const data: unknown = JSON.parse(String(text))
    return typeof data === 'object' && data !== null ? data : {}
  } catch {
    return {}
  }
}
