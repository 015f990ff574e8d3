/**
 * The table of tuples: every confirmed connection stands in it twice, by its original and its reply tuple, and once more by
 * its source where translation has settled that.
 *
 * Kernel: nf_conntrack_hash, net/netfilter/nf_conntrack_core.c (whose table has a fixed size); nf_nat_bysource,
 * net/netfilter/nf_nat_core.c; Linux 6.18.
 */
import type { Zone } from '../../ext/context.ts'
import { Chains } from './chains.ts'
import { connectionStatus, LooseTuples, type TrackedConnection, type TupleStore } from './connection.ts'
import { isReplyLink, linkOf, noLink, Slab, slotOfLink } from './slab.ts'
import { hashSource, hashTuple, sameSource, type TupleKey, type TupleNode, type TupleWords } from './tuple.ts'
import { zoneIdOf } from './zone.ts'

/** Connections kept as objects, but for those that cannot sleep. */
const mostAwake = 1024
/** As many as one packet can wake, but for floods that fill the table. */
const looksPerPacket = 16
/** More packets than one step makes. */
const packetsOfStep = 256

type Way = 'any' | 'original' | 'reply'

export class TupleTable implements TupleStore {
  /** Of the last answer of `findConnectionIn`. */
  foundReply = false
  readonly #seed: number
  readonly #slab: Slab
  readonly #tuples: Chains
  readonly #sources: Chains
  #sweepSlot = 0
  #packets = 0
  /** Connections that are awake, but for those that cannot sleep; the longest so first. */
  readonly #awake = new Set<TrackedConnection>()

  constructor(seed: number, hz: number) {
    this.#seed = seed | 0
    this.#slab = new Slab(this, hz)
    this.#tuples = new Chains(this.#slab)
    this.#sources = new Chains(this.#slab)
  }

  hash(tuple: TupleWords): number {
    return hashTuple(tuple, this.#seed)
  }

  /**
   * The node of a tuple whose connection still lives at `tick`, of one direction if `way` says so. Ended ones stay until
   * they are swept.
   */
  find(tuple: TupleWords, tick: number, way: Way = 'any'): TupleNode | null {
    return this.#nodeAt(this.#findLink(tuple, tick, way))
  }

  #nodeAt(link: number): TupleNode | null {
    if (link === noLink) return null
    const slot = slotOfLink(link)
    return this.#slab.read(slot, isReplyLink(link) ? 1 : 0, this.#connectionAt(slot))
  }

  #findLink(tuple: TupleWords, tick: number, way: Way): number {
    const slab = this.#slab
    const hash = hashTuple(tuple, this.#seed)
    for (let link = this.#tuples.first(hash); link !== noLink; link = slab.nextOf(link)) {
      if (slab.hashAt(link) !== hash) continue
      const slot = slotOfLink(link)
      const isReply = isReplyLink(link)
      if (way !== 'any' && isReply !== (way === 'reply')) continue
      if (!slab.isTuple(slot, isReply ? 1 : 0, tuple)) continue
      if (slab.timeoutAt(slot) > tick) return link
    }
    return noLink
  }

  /**
   * The connection that a packet with this tuple belongs to, seen from a zone: one that begins like it and is in the
   * zone of originals, or one it answers in the zone of replies. `key` is left in one of them.
   *
   * Source: nf_conntrack_find_get(), nf_ct_key_equal().
   */
  findIn(zone: Zone, key: TupleKey, tick: number): TupleNode | null {
    return this.#nodeAt(this.#findLinkIn(zone, key, tick))
  }

  /** As `findIn`, without a copy of the tuple: `foundReply` says which of its directions it was. */
  findConnectionIn(zone: Zone, key: TupleKey, tick: number): TrackedConnection | null {
    const link = this.#findLinkIn(zone, key, tick)
    if (link === noLink) return null
    this.foundReply = isReplyLink(link)
    return this.#connectionAt(slotOfLink(link))
  }

  /** As if a packet's tuple had been looked up, and this connection been found; false where it would not have been. */
  findAgain(connection: TrackedConnection, tick: number): boolean {
    const { slot } = connection
    if (slot < 0 || connection.timeout <= tick || this.#slab.awakeAt(slot) !== connection) return false
    connection.usedAt = this.#packets
    return true
  }

  #findLinkIn(zone: Zone, key: TupleKey, tick: number): number {
    const first = zoneIdOf(zone, 0)
    const second = zoneIdOf(zone, 1)
    key.setZone(first)
    if (first === second) return this.#findLink(key, tick, 'any')
    const link = this.#findLink(key, tick, 'original')
    if (link !== noLink) return link
    key.setZone(second)
    return this.#findLink(key, tick, 'reply')
  }

  /** One whose original tuple another has (`natClash`) is found by its answers alone. */
  insert(connection: TrackedConnection): void {
    const { originalNode, replyNode } = connection
    const slab = this.#slab
    const slot = slab.take(connection)
    slab.write(slot, 0, originalNode)
    slab.write(slot, 1, replyNode)
    if (!connection.has(connectionStatus.natClash)) {
      this.#tuples.insert(linkOf(slot, 'original'), hashTuple(originalNode, this.#seed))
    }
    this.#tuples.insert(linkOf(slot, 'reply'), hashTuple(replyNode, this.#seed))
    const isSourceSettled =
      connection.has(connectionStatus.sourceNatDone) && !connection.has(connectionStatus.natClash)
    if (isSourceSettled) {
      this.#sources.insert(linkOf(slot, 'source'), hashSource(originalNode, this.#seed))
    }
    connection.slot = slot
    connection.tuples = this
    connection.usedAt = this.#packets
    this.#awake.add(connection)
  }

  /** Preconditions: it is in the table, and no bits of `insert` have changed. */
  remove(connection: TrackedConnection): void {
    const { slot, originalNode, replyNode } = connection
    const isClash = connection.has(connectionStatus.natClash)
    if (!isClash) this.#tuples.remove(linkOf(slot, 'original'))
    this.#tuples.remove(linkOf(slot, 'reply'))
    if (connection.has(connectionStatus.sourceNatDone) && !isClash)
      this.#sources.remove(linkOf(slot, 'source'))
    this.#slab.release(slot)
    this.#awake.delete(connection)
    connection.slot = -1
    connection.tuples = new LooseTuples(originalNode, replyNode)
  }

  nodeOf(connection: TrackedConnection, way: 0 | 1): TupleNode {
    return this.#slab.read(connection.slot, way, connection)
  }

  copyTo({ slot }: TrackedConnection, way: 0 | 1, key: TupleKey): void {
    this.#slab.copyTo(slot, way, key)
  }

  #connectionAt(slot: number): TrackedConnection {
    let connection = this.#slab.awakeAt(slot)
    if (connection === null) {
      connection = this.#slab.wake(slot)
      this.#awake.add(connection)
    }
    connection.usedAt = this.#packets
    return connection
  }

  /**
   * A packet comes: connections that have not been asked for lately go to sleep. An object that somebody still holds may
   * then be a second one of the same connection; hence none does that an earlier packet of the same step may have met.
   */
  turn(): void {
    this.#packets++
    if (this.#awake.size <= mostAwake) return
    let looks = looksPerPacket
    for (const connection of this.#awake) {
      if (looks-- === 0) return
      this.#awake.delete(connection)
      if (this.#packets - connection.usedAt <= packetsOfStep) this.#awake.add(connection)
      else this.#slab.putToSleep(connection.slot)
    }
  }

  /** Every connection, in no order, to be looked at only. The table must not change meanwhile. */
  *connections(): Generator<TrackedConnection> {
    const slab = this.#slab
    for (let slot = 0; slot < slab.size; slot++) {
      if (!slab.isFree(slot)) yield slab.awakeAt(slot) ?? slab.wake(slot, false)
    }
  }

  /**
   * Connections that live at `tick`, whose source is settled, and which begin with that source in that zone, newest first;
   * to be looked at only.
   *
   * Zones of one direction are told apart from those of both, except from zone 0 where originals are in that.
   *
   * Source: hash_by_src(), find_appropriate_src().
   */
  *withSource(tuple: TupleWords, zone: Zone, tick: number): Generator<TrackedConnection> {
    const slab = this.#slab
    const hash = hashSource(tuple, this.#seed)
    for (let link = this.#sources.first(hash); link !== noLink; link = slab.nextOf(link)) {
      if (slab.hashAt(link) !== hash) continue
      const slot = slotOfLink(link)
      if (slab.timeoutAt(slot) <= tick) continue
      const connection = slab.awakeAt(slot) ?? slab.wake(slot, false)
      if (!sameSource(connection.originalNode, tuple)) continue
      if (sourceZoneOf(connection.zone) === sourceZoneOf(zone)) yield connection
    }
  }

  /**
   * Nodes whose hash lies in `reach` buckets from that of `hash`, were the table made of `buckets` of them; the kernel
   * looks for victims there. In the order of the buckets, one array each.
   *
   * Source: early_drop(): reciprocal_scale() of the hash.
   */
  neighbours(hash: number, buckets: number, reach: number): TrackedConnection[][] {
    const slab = this.#slab
    const bucketOf = (value: number): number => Math.floor(((value >>> 0) * buckets) / 2 ** 32)
    const first = bucketOf(hash)
    const found = Array.from({ length: reach }, (): TrackedConnection[] => [])
    const width = 2 ** 32 / buckets
    const seen = new Set<number>()
    for (const link of this.#tuples.between(
      Math.floor(first * width),
      Math.min(reach, buckets) * width + 1,
    )) {
      const offset = (bucketOf(slab.hashAt(link)) - first + buckets) % buckets
      if (offset >= reach || seen.has(link)) continue
      seen.add(link)
      found[offset]!.push(this.#connectionAt(slotOfLink(link)))
    }
    return found
  }

  /**
   * Looks at a few places more, round and round, and gives the connections in them that have ended by `tick`. Callers
   * who ask at every packet keep the table free of old entries without ever pausing.
   */
  sweep(places: number, tick: number): TrackedConnection[] {
    const slab = this.#slab
    const { size } = slab
    let ended: TrackedConnection[] = none
    for (let left = Math.min(places, size); left > 0; ) {
      if (this.#sweepSlot >= size) this.#sweepSlot = 0
      const from = this.#sweepSlot
      const to = Math.min(size, from + left)
      const found = slab.firstEnded(from, to, tick)
      this.#sweepSlot = found < 0 ? to : found + 1
      left -= this.#sweepSlot - from
      if (found < 0) continue
      if (ended === none) ended = []
      ended.push(this.#connectionAt(found))
    }
    return ended
  }
}

const none: TrackedConnection[] = []

/** What tells zones apart by source. */
const sourceZoneOf = (zone: Zone): number =>
  (zone.direction === 'both' ? zone.id : 0) * 0x10000 + zoneIdOf(zone, 0)
