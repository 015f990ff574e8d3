/**
 * Hash chains through the links of a slab.
 *
 * They are cut into segments that grow on their own, so that a million connections never wait for one long rehash. A
 * segment, and a chain in it, hold the hashes of one interval: whoever looks for neighbours finds them side by side.
 */
import { noLink, type Slab } from './slab.ts'

/** The segment is picked by the highest bits of the hash, the chain in it by those below. */
const segmentBits = 6
const segmentShift = 32 - segmentBits
const segmentSpan = 2 ** segmentShift
const smallestBits = 4

interface Segment {
  /** Of the number of chains. */
  bits: number
  /** First link of each. */
  heads: Int32Array
  count: number
}

export class Chains {
  readonly #slab: Slab
  readonly #segments: readonly Segment[]

  constructor(slab: Slab) {
    this.#slab = slab
    this.#segments = Array.from({ length: 1 << segmentBits }, () => ({
      bits: smallestBits,
      heads: new Int32Array(1 << smallestBits).fill(noLink),
      count: 0,
    }))
  }

  /** First link of the chain that holds a hash, and perhaps others, newest first; `noLink` where it is empty. */
  first(hash: number): number {
    const { heads, bits } = this.#segmentOf(hash)
    return heads[chainOf(hash, bits)]!
  }

  insert(link: number, hash: number): void {
    const segment = this.#segmentOf(hash)
    if (segment.count >= 2 * segment.heads.length) this.#grow(segment)
    const { heads, bits } = segment
    const at = chainOf(hash, bits)
    this.#slab.setLink(link, hash, heads[at]!)
    heads[at] = link
    segment.count++
  }

  /** Preconditions: the link is in a chain. */
  remove(link: number): void {
    const slab = this.#slab
    const hash = slab.hashAt(link)
    const next = slab.nextOf(link)
    const segment = this.#segmentOf(hash)
    const { heads, bits } = segment
    const at = chainOf(hash, bits)
    if (heads[at] === link) {
      heads[at] = next
    } else {
      let before = heads[at]!
      for (let after = slab.nextOf(before); after !== link; after = slab.nextOf(before)) before = after
      slab.setLink(before, slab.hashAt(before), next)
    }
    segment.count--
  }

  /** Links with a hash in [low, low + span), counted round at 2^32, and a few beside them. */
  *between(low: number, span: number): Generator<number> {
    for (const [index, { heads }] of this.#segments.entries()) {
      const start = index * segmentSpan
      const chainSpan = segmentSpan / heads.length
      for (const turn of [0, 2 ** 32]) {
        const from = Math.max(low - turn, start)
        const to = Math.min(low - turn + span, start + segmentSpan)
        if (from >= to) continue
        const last = Math.min(heads.length - 1, Math.floor((to - 1 - start) / chainSpan))
        for (let chain = Math.floor((from - start) / chainSpan); chain <= last; chain++) {
          for (let link = heads[chain]!; link !== noLink; link = this.#slab.nextOf(link)) yield link
        }
      }
    }
  }

  #segmentOf(hash: number): Segment {
    return this.#segments[hash >>> segmentShift]!
  }

  /** Doubles the chains; links stay in their order. */
  #grow(segment: Segment): void {
    const slab = this.#slab
    const bits = segment.bits + 1
    const heads = new Int32Array(1 << bits).fill(noLink)
    const chain: number[] = []
    for (const head of segment.heads) {
      chain.length = 0
      for (let link = head; link !== noLink; link = slab.nextOf(link)) chain.push(link)
      for (let at = chain.length - 1; at >= 0; at--) {
        const link = chain[at]!
        const hash = slab.hashAt(link)
        const place = chainOf(hash, bits)
        slab.setLink(link, hash, heads[place]!)
        heads[place] = link
      }
    }
    segment.heads = heads
    segment.bits = bits
  }
}

const chainOf = (hash: number, bits: number): number => (hash << segmentBits) >>> (32 - bits)
