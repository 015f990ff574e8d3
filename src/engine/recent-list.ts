/**
 * One recency list (`struct recent_table`), in arrays of integers: an entry is a number, and a million of them are nothing
 * to the garbage collector.
 *
 * An entry has a place in each of three orders: the chain of its hash, the order of use (the least recently used goes first
 * when the list is full), and the order of arrival, in which the list is shown. Its stamps are a ring of `slots` jiffies.
 * Kernel: net/netfilter/xt_recent.c, Linux 6.18.
 */
import type { RecentList } from '../ext/context.ts'
import type { KernelProfile } from '../lang/profile.ts'
import { type Address, addressOf, type Family, printLongAddress } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { Links } from './links.ts'

const none = -1
const firstCapacity = 128
/** Stamps that one array holds, so that a long ring does not ask for memory it never fills. */
const stampsPerChunk = 1 << 16

export class RecentSlab implements RecentList {
  readonly name: string
  /** Rules that name the list. */
  references = 0
  /** Sixteen bytes as four words; an IPv4 address uses the first. */
  readonly #mask: Int32Array
  readonly #profile: KernelProfile
  #slots: number

  #capacity = 0
  #count = 0
  /** Entries given out at least once; free ones among them are chained by `#hashNext`. */
  #used = 0
  #free = none
  /** Words of an address: 1 until an IPv6 address comes, then 4. */
  #width = 1
  #keys = new Int32Array(0)
  /** 4 or 6; 0 for a free entry. */
  #versions = new Uint8Array(0)
  #ttls = new Uint8Array(0)
  /** Slot behind the newest stamp, before wrapping: 1 to the ring size, or 0 where the counter itself wrapped. */
  #indexes = new Uint16Array(0)
  /** Stamps that count. */
  #counts = new Uint16Array(0)
  #stamps: Float64Array[] = []
  #heads = new Int32Array(0)
  #hashNext = new Int32Array(0)
  readonly #use = new Links()
  readonly #arrival = new Links()
  /** The address at hand. */
  readonly #key = new Int32Array(4)

  constructor(name: string, mask: Address, slots: number, profile: KernelProfile) {
    this.name = name
    this.#mask = Int32Array.from(mask.family === 'ipv4' ? [mask.words[0]!, 0, 0, 0] : mask.words)
    this.#slots = slots
    this.#profile = profile
  }

  get slots(): number {
    return this.#slots
  }

  /** Addresses it holds. */
  get size(): number {
    return this.#count
  }

  // --- What rules do

  find(packet: Packet, offset: number, ttl: number): number {
    const version = packet.family === 'ipv4' ? 4 : 6
    for (let at = 0; at < wordsOf(version); at++)
      this.#key[at] = packet.u32(offset + 4 * at) & this.#mask[at]!
    return this.#fitting(version, ttl)
  }

  lookup(address: Address, ttl: number): number {
    return this.#fitting(this.#readMasked(address), ttl)
  }

  add(address: Address, ttl: number, jiffies: number): number {
    return this.#insert(this.#readMasked(address), ttl, jiffies)
  }

  stamp(entry: number, jiffies: number): void {
    // The counter is as wide as the largest hit count: where the ring has one slot more than that, it wraps to 0
    // and the last slot is written but never counted.
    const slot = this.#indexes[entry]! & (this.#slots - 1)
    this.#setStamp(entry, slot, jiffies)
    const index = (slot + 1) & this.#profile.recentMaxHitcount
    this.#indexes[entry] = index
    if (this.#counts[entry]! < index) this.#counts[entry] = index
    this.#use.moveToEnd(entry)
  }

  remove(entry: number): void {
    const version = this.#readKey(entry)
    this.#unchain(entry, this.#hash(version))
    this.#use.remove(entry)
    this.#arrival.remove(entry)
    this.#versions[entry] = 0
    this.#hashNext[entry] = this.#free
    this.#free = entry
    this.#count--
  }

  reap(beforeJiffies: number, spared: number): void {
    const head = this.#use.first
    if (head === none || head === spared) return
    // With a wrapped counter the kernel looks one word before the ring, into the entry's own header, which reads
    // as a moment before all others.
    if (this.#indexes[head] === 0 || this.newestOf(head) < beforeJiffies) this.remove(head)
  }

  ttlOf(entry: number): number {
    return this.#ttls[entry]!
  }

  setTtl(entry: number, ttl: number): void {
    this.#ttls[entry] = ttl
  }

  newestOf(entry: number): number {
    return this.#stampAt(entry, (this.#indexes[entry]! || this.#slots) - 1)
  }

  countStamps(entry: number, sinceJiffies: number | null): number {
    const stamps = this.#counts[entry]!
    if (sinceJiffies === null) return stamps
    let count = 0
    for (let slot = 0; slot < stamps; slot++) if (sinceJiffies <= this.#stampAt(entry, slot)) count++
    return count
  }

  hasStamps(entry: number, sinceJiffies: number | null, wanted: number): boolean {
    const stamps = this.#counts[entry]!
    if (sinceJiffies === null || stamps < wanted) return wanted <= stamps
    const chunk = this.#stamps[entry >>> this.#chunkShift]!
    const from = this.#placeInChunk(entry)
    let left = wanted
    for (let at = from; at < from + stamps; at++) if (sinceJiffies <= chunk[at]! && --left === 0) return true
    return false
  }

  // --- What is done from outside

  flush(): void {
    this.#capacity = this.#count = this.#used = 0
    this.#free = none
    this.#width = 1
    this.#stamps = []
    this.#use.clear()
    this.#arrival.clear()
    this.#grow()
  }

  /** Makes room for more stamps. The kernel forgets all entries when it does that, and never goes back. */
  grow(slots: number): void {
    if (slots <= this.#slots) return
    this.#slots = slots
    this.flush()
  }

  /** The address as it stands: what is written from outside is not masked, so it may never meet a packet. */
  lookupExactly(address: Address): number {
    return this.#chained(this.#read(address))
  }

  addExactly(address: Address, jiffies: number): void {
    this.#insert(this.#read(address), 0, jiffies)
  }

  lines(): string[] {
    return [...this.#arrival].map((entry) => this.#print(entry))
  }

  addresses(): Address[] {
    return [...this.#arrival].map((entry) => this.#addressOf(entry))
  }

  #print(entry: number): string {
    const stamps = Array.from({ length: this.#counts[entry]! }, (_, slot) => this.#stampAt(entry, slot))
    const address = printLongAddress(this.#addressOf(entry))
    const index = this.#indexes[entry]!
    return `src=${address} ttl: ${this.ttlOf(entry)} last_seen: ${this.newestOf(entry)} oldest_pkt: ${index} ${stamps.join(', ')}`
  }

  #addressOf(entry: number): Address {
    const version = this.#versions[entry]!
    const from = entry * this.#width
    return addressOf(familyOf(version), [...this.#keys.subarray(from, from + wordsOf(version))])
  }

  // --- Entries

  /** The entry of the address at hand, if it fits the TTL: 0, here or there, fits any. */
  #fitting(version: number, ttl: number): number {
    const entry = this.#chained(version)
    if (entry === none) return none
    const itsTtl = this.#ttls[entry]!
    return ttl === 0 || itsTtl === 0 || itsTtl === ttl ? entry : none
  }

  #chained(version: number): number {
    if (this.#count === 0) return none
    for (let entry = this.#heads[this.#hash(version)]!; entry !== none; entry = this.#hashNext[entry]!) {
      if (this.#versions[entry] === version && this.#hasKey(entry, wordsOf(version))) return entry
    }
    return none
  }

  #insert(version: number, ttl: number, jiffies: number): number {
    if (this.#profile.recentListTotal <= this.#count) {
      const key = this.#key.slice()
      if (this.#use.first !== none) this.remove(this.#use.first)
      this.#key.set(key)
    }
    if (version === 6 && this.#width === 1) this.#widen()
    const entry = this.#take()
    this.#keys.set(this.#key.subarray(0, wordsOf(version)), entry * this.#width)
    this.#versions[entry] = version
    this.#ttls[entry] = ttl
    this.#indexes[entry] = 1
    this.#counts[entry] = 1
    this.#setStamp(entry, 0, jiffies)
    this.#chain(entry, this.#hash(version))
    this.#use.append(entry)
    this.#arrival.append(entry)
    this.#count++
    return entry
  }

  #take(): number {
    if (this.#free !== none) {
      const entry = this.#free
      this.#free = this.#hashNext[entry]!
      return entry
    }
    if (this.#used === this.#capacity) this.#grow()
    return this.#used++
  }

  // --- Addresses

  #readMasked(address: Address): number {
    const version = this.#read(address)
    for (let at = 0; at < wordsOf(version); at++) this.#key[at]! &= this.#mask[at]!
    return version
  }

  #read({ family, words }: Address): number {
    for (let at = 0; at < words.length; at++) this.#key[at] = words[at]! | 0
    return family === 'ipv4' ? 4 : 6
  }

  #readKey(entry: number): number {
    const version = this.#versions[entry]!
    for (let at = 0; at < wordsOf(version); at++) this.#key[at] = this.#keys[entry * this.#width + at]!
    return version
  }

  #hasKey(entry: number, words: number): boolean {
    const from = entry * this.#width
    for (let at = 0; at < words; at++) if (this.#keys[from + at] !== this.#key[at]) return false
    return true
  }

  /** Of the address at hand: the place of its chain. */
  #hash(version: number): number {
    let hash = version
    for (let at = 0; at < wordsOf(version); at++)
      hash = Math.imul(hash ^ this.#key[at]!, 0x9e3779b1) ^ (hash >>> 15)
    hash ^= hash >>> 16
    return Math.imul(hash, 0x85ebca6b) >>> this.#hashShift
  }

  /** All bits but those that tell the chains apart. */
  get #hashShift(): number {
    return Math.clz32(this.#heads.length) + 1
  }

  #chain(entry: number, place: number): void {
    this.#hashNext[entry] = this.#heads[place]!
    this.#heads[place] = entry
  }

  #unchain(entry: number, place: number): void {
    if (this.#heads[place] === entry) {
      this.#heads[place] = this.#hashNext[entry]!
      return
    }
    let before = this.#heads[place]!
    while (this.#hashNext[before] !== entry) before = this.#hashNext[before]!
    this.#hashNext[before] = this.#hashNext[entry]!
  }

  // --- Stamps

  /** An entry's chunk is named by its upper bits, which begin here. */
  get #chunkShift(): number {
    return 31 - Math.clz32(Math.max(1, stampsPerChunk / this.#slots))
  }

  #placeInChunk(entry: number): number {
    const first = (entry >>> this.#chunkShift) << this.#chunkShift
    return (entry - first) * this.#slots
  }

  #stampAt(entry: number, slot: number): number {
    return this.#stamps[entry >>> this.#chunkShift]![this.#placeInChunk(entry) + slot]!
  }

  #setStamp(entry: number, slot: number, jiffies: number): void {
    const chunk = entry >>> this.#chunkShift
    this.#stamps[chunk] ??= new Float64Array(Math.max(stampsPerChunk, this.#slots))
    this.#stamps[chunk][this.#placeInChunk(entry) + slot] = jiffies
  }

  // --- Room

  #grow(): void {
    const { recentListTotal } = this.#profile
    const capacity = Math.max(firstCapacity, 2 * this.#capacity)
    this.#capacity = Math.min(capacity, Math.max(1, recentListTotal))
    this.#keys = resized(this.#keys, new Int32Array(this.#capacity * this.#width), this.#used * this.#width)
    this.#versions = resized(this.#versions, new Uint8Array(this.#capacity), this.#used)
    this.#ttls = resized(this.#ttls, new Uint8Array(this.#capacity), this.#used)
    this.#indexes = resized(this.#indexes, new Uint16Array(this.#capacity), this.#used)
    this.#counts = resized(this.#counts, new Uint16Array(this.#capacity), this.#used)
    this.#hashNext = new Int32Array(this.#capacity)
    this.#use.resize(this.#capacity)
    this.#arrival.resize(this.#capacity)
    this.#rehash()
  }

  /** Preconditions: no entry is free. */
  #rehash(): void {
    const key = this.#key.slice()
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, this.#capacity)))).fill(none)
    for (let entry = 0; entry < this.#used; entry++) this.#chain(entry, this.#hash(this.#readKey(entry)))
    this.#key.set(key)
  }

  #widen(): void {
    const narrow = this.#keys
    this.#width = 4
    this.#keys = new Int32Array(this.#capacity * 4)
    for (let entry = 0; entry < this.#used; entry++) this.#keys[4 * entry] = narrow[entry]!
  }
}

const wordsOf = (version: number): number => (version === 4 ? 1 : 4)
const familyOf = (version: number): Family => (version === 4 ? 'ipv4' : 'ipv6')

function resized<Room extends Int32Array | Uint8Array | Uint16Array>(
  old: Room,
  room: Room,
  used: number,
): Room {
  room.set(old.subarray(0, used))
  return room
}
