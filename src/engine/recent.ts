/**
 * The recency lists of one host: what `-m recent` remembers and `/proc/net/xt_recent/` shows.
 *
 * Kernel: net/netfilter/xt_recent.c, Linux 6.18. Lists belong to a network namespace: IPv4 and IPv6 rules of all
 * tables that use one name share one list, so a host owns one `RecentLists` for both families.
 */

import type { RecentEntry, RecentList } from '../ext/context.ts'
import type { KernelProfile } from '../lang/profile.ts'
import type { Address } from '../net/address.ts'
import { addressOf, maskAddress, printLongAddress } from '../net/address.ts'
import { readWrittenAddress } from './recent-write.ts'

/** What became of a write to a list's file. */
export interface RecentWrite {
  /** Bytes taken; 0 when refused. */
  readonly written: number
  readonly error: 'EINVAL' | 'ENOENT' | 'ESPIPE' | null
  /** The kernel's own word on it, or null. (The kernel holds it back when it has said it ten times in 5 s.) */
  readonly log: string | null
}

class Entry implements RecentEntry {
  readonly address: Address
  ttl: number
  readonly stamps: number[]
  stampCount = 1
  /** Slot behind the newest stamp, before wrapping: 1 to the ring size, or 0 where the counter itself wrapped. */
  index = 1

  constructor(address: Address, ttl: number, jiffies: number) {
    this.address = address
    this.ttl = ttl
    this.stamps = [jiffies]
  }

  get newest(): number {
    return this.stamps[(this.index === 0 ? this.stamps.length : this.index) - 1]!
  }
}

class List implements RecentList {
  readonly name: string
  /** Sixteen bytes as four words; an IPv4 address uses the first. */
  readonly mask: readonly number[]
  readonly #profile: KernelProfile
  slots: number
  /** Rules that name the list. */
  references = 0
  /** Insertion order is the LRU order: least recently used first. */
  readonly #entries = new Map<number | string, Entry>()
  /** Entries in the order of their arrival, which is the order in which they are shown. */
  readonly #arrivals = new Set<Entry>()

  constructor(name: string, mask: Address, slots: number, profile: KernelProfile) {
    this.name = name
    this.mask = mask.family === 'ipv4' ? [mask.words[0]!, 0, 0, 0] : mask.words
    this.slots = slots
    this.#profile = profile
  }

  lookup(address: Address, ttl: number): Entry | null {
    const entry = this.#entries.get(keyOf(maskWords(address, this.mask)))
    if (entry === undefined) return null
    return ttl === 0 || entry.ttl === 0 || entry.ttl === ttl ? entry : null
  }

  add(address: Address, ttl: number, jiffies: number): Entry {
    return this.#insert(maskWords(address, this.mask), ttl, jiffies)
  }

  stamp(entry: Entry, jiffies: number): void {
    // The counter is as wide as the largest hit count: where the ring has one slot more than that, it wraps to 0
    // and the last slot is written but never counted.
    const slot = entry.index & (this.slots - 1)
    entry.stamps[slot] = jiffies
    entry.index = (slot + 1) & this.#profile.recentMaxHitcount
    if (entry.stampCount < entry.index) entry.stampCount = entry.index
    const key = keyOf(entry.address)
    this.#entries.delete(key)
    this.#entries.set(key, entry)
  }

  remove(entry: Entry): void {
    this.#entries.delete(keyOf(entry.address))
    this.#arrivals.delete(entry)
  }

  reap(beforeJiffies: number, spared: Entry | null): void {
    const [head] = this.#entries.values()
    if (head === undefined || head === spared) return
    // With a wrapped counter the kernel looks one word before the ring, into the entry's own header, which reads
    // as a moment before all others.
    if (head.index === 0 || head.newest < beforeJiffies) this.remove(head)
  }

  flush(): void {
    this.#entries.clear()
    this.#arrivals.clear()
  }

  /** Makes room for more stamps. The kernel forgets all entries when it does that, and never goes back. */
  grow(slots: number): void {
    if (slots <= this.slots) return
    this.flush()
    this.slots = slots
  }

  /** The address as it stands: what is written from outside is not masked, so it may never meet a packet. */
  lookupExactly(address: Address): Entry | null {
    return this.#entries.get(keyOf(address)) ?? null
  }

  addExactly(address: Address, jiffies: number): void {
    this.#insert(address, 0, jiffies)
  }

  #insert(address: Address, ttl: number, jiffies: number): Entry {
    if (this.#profile.recentListTotal <= this.#entries.size) {
      const [leastRecentlyUsed] = this.#entries.values()
      if (leastRecentlyUsed !== undefined) this.remove(leastRecentlyUsed)
    }
    const entry = new Entry(address, ttl, jiffies)
    this.#entries.set(keyOf(address), entry)
    this.#arrivals.add(entry)
    return entry
  }

  lines(): string[] {
    return [...this.#arrivals].map(printEntry)
  }

  addresses(): Address[] {
    return [...this.#arrivals].map((entry) => entry.address)
  }
}

function maskWords(address: Address, mask: readonly number[]): Address {
  return maskAddress(address, addressOf(address.family, mask))
}

function keyOf({ words }: Address): number | string {
  return words.length === 1 ? words[0]! : words.join()
}

function printEntry({ address, ttl, newest, index, stamps, stampCount }: Entry): string {
  const counted = stamps.slice(0, stampCount).join(', ')
  return `src=${printLongAddress(address)} ttl: ${ttl} last_seen: ${newest} oldest_pkt: ${index} ${counted}`
}

export class RecentLists {
  readonly #profile: KernelProfile
  readonly #lists = new Map<string, List>()

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
      list = new List(name, mask, slots, this.#profile)
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
      if (entry !== null) list.remove(entry)
    } else if (entry === null) list.addExactly(address, jiffies)
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
