/**
 * The hash table of tuples: every confirmed connection stands in it twice, by its original and its reply tuple.
 *
 * It is cut into segments that grow on their own, so that a million connections never wait for one long rehash.
 * Kernel: nf_conntrack_hash, net/netfilter/nf_conntrack_core.c, Linux 6.18 (whose table has a fixed size).
 */
import type { Zone } from '../../ext/context.ts'
import type { TrackedConnection } from './connection.ts'
import { hashTuple, sameTuple, type TupleKey, type TupleNode, type TupleWords } from './tuple.ts'
import { zoneIdOf } from './zone.ts'

/** The segment is picked by the highest bits of the hash, the chain in it by the bits below. */
const segmentBits = 6
const chainShift = 32 - segmentBits

interface Segment {
  /** Heads of chains; a power of two. */
  chains: (TupleNode | null)[]
  count: number
}

const smallestSegment = 16

export class TupleTable {
  readonly #seed: number
  readonly #segments: Segment[]
  #sweepSegment = 0
  #sweepChain = 0

  constructor(seed: number) {
    this.#seed = seed | 0
    this.#segments = Array.from({ length: 1 << segmentBits }, () => ({
      chains: Array<TupleNode | null>(smallestSegment).fill(null),
      count: 0,
    }))
  }

  hash(tuple: TupleWords): number {
    return hashTuple(tuple, this.#seed)
  }

  /**
   * The node of a tuple whose connection still lives at `tick`, of one direction if `way` says so. Ended ones stay until
   * they are swept.
   */
  find(tuple: TupleWords, tick: number, way: 'any' | 'original' | 'reply' = 'any'): TupleNode | null {
    const hash = hashTuple(tuple, this.#seed)
    const { chains } = this.#segmentOf(hash)
    let node: TupleNode | null = chains[chainOf(hash, chains.length)]!
    while (node !== null) {
      if (node.hash === hash && sameTuple(node, tuple) && node.connection.timeout > tick) {
        if (way === 'any' || node.isReply === (way === 'reply')) return node
      }
      node = node.next
    }
    return null
  }

  /**
   * The connection that a packet with this tuple belongs to, seen from a zone: one that begins like it and is in the
   * zone of originals, or one it answers in the zone of replies. `key` is left in one of them.
   *
   * Source: nf_conntrack_find_get(), nf_ct_key_equal().
   */
  findIn(zone: Zone, key: TupleKey, tick: number): TupleNode | null {
    const [first, second] = [zoneIdOf(zone, 0), zoneIdOf(zone, 1)]
    key.setZone(first)
    if (first === second) return this.find(key, tick)
    const node = this.find(key, tick, 'original')
    if (node !== null) return node
    key.setZone(second)
    return this.find(key, tick, 'reply')
  }

  insert(node: TupleNode): void {
    node.hash = hashTuple(node, this.#seed)
    const segment = this.#segmentOf(node.hash)
    if (segment.count >= 2 * segment.chains.length) grow(segment)
    const { chains } = segment
    const at = chainOf(node.hash, chains.length)
    node.next = chains[at]!
    chains[at] = node
    segment.count++
  }

  /** Preconditions: the node is in the table. */
  remove(node: TupleNode): void {
    const segment = this.#segmentOf(node.hash)
    const { chains } = segment
    const at = chainOf(node.hash, chains.length)
    if (chains[at] === node) {
      chains[at] = node.next
    } else {
      let before = chains[at]!
      while (before.next !== node) before = before.next!
      before.next = node.next
    }
    node.next = null
    segment.count--
  }

  /** Every connection, found by its reply tuple, in no order. The table must not change meanwhile. */
  *connections(): Generator<TrackedConnection> {
    for (const { chains } of this.#segments) {
      for (let node of chains) {
        for (; node !== null; node = node.next) if (node.isReply) yield node.connection
      }
    }
  }

  /**
   * Nodes whose hash lies in `reach` buckets from that of `hash`, were the table made of `buckets` of them; the kernel
   * looks for victims there. In the order of the buckets, one array each.
   *
   * Source: early_drop(): reciprocal_scale() of the hash.
   */
  neighbours(hash: number, buckets: number, reach: number): TupleNode[][] {
    const bucketOf = (value: number): number => Math.floor(((value >>> 0) * buckets) / 2 ** 32)
    const first = bucketOf(hash)
    const found = Array.from({ length: reach }, (): TupleNode[] => [])
    const span = Math.ceil((reach * 2 ** 32) / buckets)
    for (const [index, { chains }] of this.#segments.entries()) {
      const low = index * 2 ** chainShift
      const distance = (low - (hash >>> 0) + 2 ** 32) % 2 ** 32
      if (distance > span && distance < 2 ** 32 - 2 ** chainShift) continue
      for (let node of chains) {
        for (; node !== null; node = node.next) {
          const offset = (bucketOf(node.hash) - first + buckets) % buckets
          if (offset < reach) found[offset]!.push(node)
        }
      }
    }
    return found
  }

  /**
   * Looks at a few chains more, round and round, and gives the connections in them that have ended by `tick`. Callers
   * who ask at every packet keep the table free of old entries without ever pausing.
   */
  sweep(chainCount: number, tick: number): TrackedConnection[] {
    const ended: TrackedConnection[] = []
    for (let left = chainCount; left > 0; left--) {
      const { chains } = this.#segments[this.#sweepSegment]!
      for (let node = chains[this.#sweepChain] ?? null; node !== null; node = node.next) {
        if (node.isReply && node.connection.timeout <= tick) ended.push(node.connection)
      }
      this.#sweepChain++
      if (this.#sweepChain >= chains.length) {
        this.#sweepChain = 0
        this.#sweepSegment = (this.#sweepSegment + 1) & ((1 << segmentBits) - 1)
      }
    }
    return ended
  }

  #segmentOf(hash: number): Segment {
    return this.#segments[hash >>> chainShift]!
  }
}

const chainOf = (hash: number, length: number): number => hash & (length - 1)

function grow(segment: Segment): void {
  const chains = Array<TupleNode | null>(segment.chains.length * 2).fill(null)
  for (let node of segment.chains) {
    while (node !== null) {
      const { next } = node
      const at = chainOf(node.hash, chains.length)
      node.next = chains[at]!
      chains[at] = node
      node = next
    }
  }
  segment.chains = chains
}
