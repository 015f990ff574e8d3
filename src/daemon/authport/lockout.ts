/**
 * Who may not try any more: addresses (IPv6 by their /64) and accounts with too many failures within a window. Time is
 * a parameter; memory is bounded, the longest unheard of forgotten first.
 */
import { canonicalAddress, networkOf } from '../../guard/decide/index.ts'

export interface LockoutSettings {
  /** Failures of one address, at least 1. */
  readonly addressFailures: number
  /** Failures for one account, from wherever. */
  readonly accountFailures: number
  readonly withinMs: number
  readonly lastsMs: number
}

interface Record {
  /** Moments of failures, oldest first, at most as many as lock out. */
  failuresMs: number[]
  lockedUntilMs: number
}

/** One try to log in. */
export interface Attempt {
  /** What this try locks out, unless it is forgiven. */
  readonly locked: readonly ('address' | 'account')[]
  /** It was no failure. */
  forgive(): void
}

const maxRecords = 50_000

export class Lockout {
  readonly #settings: LockoutSettings
  readonly #maxRecords: number
  /** In the order in which they were last heard of. */
  readonly #records = new Map<string, Record>()

  constructor(settings: LockoutSettings, max = maxRecords) {
    this.#settings = settings
    this.#maxRecords = max
  }

  /** Until when this address or account may not try, in milliseconds; null when it may. */
  lockedUntilMs(address: string, account: string, nowMs: number): number | null {
    const until = Math.max(
      this.#records.get(addressKey(address))?.lockedUntilMs ?? 0,
      this.#records.get(accountKey(account))?.lockedUntilMs ?? 0,
    )
    return until > nowMs ? until : null
  }

  /**
   * A try counts as a failure until it is forgiven: else many at once would all begin before the first has failed.
   */
  begin(address: string, account: string, nowMs: number): Attempt {
    const { addressFailures, accountFailures } = this.#settings
    const locked: ('address' | 'account')[] = []
    if (this.#count(addressKey(address), addressFailures, nowMs)) locked.push('address')
    if (this.#count(accountKey(account), accountFailures, nowMs)) locked.push('account')
    return {
      locked,
      forgive: () => {
        this.#records.delete(addressKey(address))
        // Other failures for the account may be somebody else's.
        const record = this.#records.get(accountKey(account))
        if (record === undefined) return
        if (locked.includes('account')) record.lockedUntilMs = 0
        else record.failuresMs = record.failuresMs.filter((ms) => ms !== nowMs)
      },
    }
  }

  #count(key: string, limit: number, nowMs: number): boolean {
    const { withinMs, lastsMs } = this.#settings
    const record = this.#records.get(key) ?? { failuresMs: [], lockedUntilMs: 0 }
    record.failuresMs = [...record.failuresMs.filter((ms) => ms > nowMs - withinMs), nowMs]
    const locks = record.failuresMs.length >= limit
    if (locks) {
      record.failuresMs = []
      record.lockedUntilMs = nowMs + lastsMs
    }
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size > this.#maxRecords) this.#records.delete(this.#records.keys().next().value!)
    return locks
  }
}

/** An IPv6 host has all of its /64 to try from. */
const addressKey = (address: string): string =>
  `address ${networkOf(canonicalAddress(address) ?? address, { ipv4PrefixLength: 32, ipv6PrefixLength: 64 })}`

/** Names are cut: they come from outside, and memory is kept by them. */
const accountKey = (account: string): string => `account ${account.slice(0, 64)}`
