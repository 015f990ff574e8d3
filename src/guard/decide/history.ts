/** What is known of earlier bans: how often, when last. */
import type { Ban } from '../ban.ts'

export interface EarlierBans {
  /** How many times the id was banned; over all jails it is their sum. */
  readonly count: number
  /** The start of the newest ban, in milliseconds since 1970. */
  readonly startMs: number
}

/** Earlier bans by jail and id: in memory for dry runs and tests, in the store for the guard. */
export interface BanHistory {
  /** Of one jail, or of all together (`jail` null); null when there was none. */
  earlier(id: string, jail: string | null): EarlierBans | null
  record(ban: Ban): void
}

/** A history that lives as long as it is held. */
export class MemoryHistory implements BanHistory {
  /** By id, then by jail. */
  readonly #bans = new Map<string, Map<string, EarlierBans>>()

  earlier(id: string, jail: string | null): EarlierBans | null {
    const jails = this.#bans.get(id)
    if (jail !== null) return jails?.get(jail) ?? null
    if (jails === undefined) return null
    const all = [...jails.values()]
    return {
      count: all.reduce((sum, { count }) => sum + count, 0),
      startMs: Math.max(...all.map(({ startMs }) => startMs)),
    }
  }

  record({ id, jail, startMs }: Ban): void {
    const jails = this.#bans.get(id) ?? new Map<string, EarlierBans>()
    jails.set(jail, { count: (jails.get(jail)?.count ?? 0) + 1, startMs })
    this.#bans.set(id, jails)
  }
}
