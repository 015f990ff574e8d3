/**
 * The recency lists of one host: what `-m recent` remembers and `/proc/net/xt_recent/` shows.
 *
 * Kernel: net/netfilter/xt_recent.c, Linux 6.18. Lists belong to a network namespace: IPv4 and IPv6 rules of all
 * tables that use one name share one list, so a host owns one `RecentLists` for both families.
 */

import type { RecentList } from '../ext/context.ts'
import type { KernelProfile } from '../lang/profile.ts'
import type { Address } from '../net/address.ts'
import { RecentSlab } from './recent-list.ts'
import { readWrittenAddress } from './recent-write.ts'

/** What became of a write to a list's file. */
export interface RecentWrite {
  /** Bytes taken; 0 when refused. */
  readonly written: number
  readonly error: 'EINVAL' | 'ENOENT' | 'ESPIPE' | null
  /** The kernel's own word on it, or null. (The kernel holds it back when it has said it ten times in 5 s.) */
  readonly log: string | null
}

export class RecentLists {
  readonly #profile: KernelProfile
  readonly #lists = new Map<string, RecentSlab>()

  constructor(profile: KernelProfile) {
    this.#profile = profile
  }

  /**
   * The list of that name, made when no rule named it before; each call counts one reference. The first caller
   * decides the mask. A caller that needs more slots than there are empties the list.
   *
   * Preconditions: `slots` is a power of two.
   */
  acquire(name: string, mask: Address, slots: number): RecentList {
    let list = this.#lists.get(name)
    if (list === undefined) {
      list = new RecentSlab(name, mask, slots, this.#profile)
      this.#lists.set(name, list)
    }
    list.grow(slots)
    list.references++
    return list
  }

  /** Gives up one reference; the last one takes the list with it. */
  release(list: RecentList): void {
    const held = this.#lists.get(list.name)
    if (held !== list) throw new Error(`recent list ${list.name} was released more often than acquired`)
    held.references--
    if (held.references === 0) this.#lists.delete(list.name)
  }

  /** Names of the lists that exist, in the order of their making. */
  names(): string[] {
    return [...this.#lists.keys()]
  }

  /** The lines of `/proc/net/xt_recent/NAME`, in the order in which addresses came; null when there is no such list. */
  read(name: string): string[] | null {
    return this.#lists.get(name)?.lines() ?? null
  }

  /** The addresses a list holds, in the order in which they came; null when there is no such list. */
  addresses(name: string): Address[] | null {
    return this.#lists.get(name)?.addresses() ?? null
  }

  /** Every list with its lines. */
  readAll(): Record<string, string[]> {
    return Object.fromEntries([...this.#lists].map(([name, list]) => [name, list.lines()]))
  }

  /**
   * Writes to `/proc/net/xt_recent/NAME`: `+ADDRESS`, `-ADDRESS` or `/`.
   *
   * One write takes 47 bytes at most and one address; a second one on the same descriptor stands at a file
   * offset above 0, which the kernel refuses.
   */
  write(name: string, text: string | Uint8Array, jiffies: number, fileOffset = 0): RecentWrite {
    const list = this.#lists.get(name)
    if (list === undefined) return refused('ENOENT')
    const bytes = (typeof text === 'string' ? new TextEncoder().encode(text) : text).subarray(0, WRITE_LIMIT)
    if (bytes.length === 0) return { written: 0, error: null, log: null }
    if (fileOffset !== 0) return refused('ESPIPE')
    const sign = String.fromCharCode(bytes[0]!)
    if (sign === '/') {
      list.flush()
      return { written: bytes.length, error: null, log: null }
    }
    if (sign !== '+' && sign !== '-') return refused('EINVAL', 'xt_recent: Need "+ip", "-ip" or "/"')
    const address = readWrittenAddress(bytes.subarray(1))
    if (address === null) return refused('EINVAL')
    const entry = list.lookupExactly(address)
    if (sign === '-') {
      if (entry >= 0) list.remove(entry)
    } else if (entry < 0) list.addExactly(address, jiffies)
    else list.stamp(entry, jiffies)
    return { written: bytes.length, error: null, log: null }
  }
}

/** Bytes of `"+b335:1d35:1e55:dead:c0de:1715:255.255.255.255"`, the longest address there is, with its sign. */
const WRITE_LIMIT = 47

const refused = (error: 'EINVAL' | 'ENOENT' | 'ESPIPE', log: string | null = null): RecentWrite => ({
  written: 0,
  error,
  log,
})
