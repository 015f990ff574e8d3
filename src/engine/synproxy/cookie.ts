/**
 * SYN cookies: a sequence number that says by itself that it was chosen here, for these two ends, a short while ago.
 *
 * A cookie is the sum of one hash over the ends, the client's sequence number, the minute in the upper eight bits, and in
 * the lower 24 a hash over ends and minute with the index of a segment size on top. Who answers within two minutes gives
 * all of that back, and nothing had to be kept.
 * Kernel: secure_tcp_syn_cookie(), check_tcp_syn_cookie(), net/ipv4/syncookies.c, and net/ipv6/syncookies.c, Linux 6.18.
 * Its hash is SipHash with secrets of the machine; here a seed takes their place, so cookies differ from a kernel's and
 * mean the same.
 */
import type { Family } from '../../net/address.ts'

/** The segment sizes that a cookie can tell, smallest first. Source: msstab[] of each family. */
const segmentSizes: Readonly<Record<Family, readonly number[]>> = {
  ipv4: [536, 1300, 1440, 1460],
  ipv6: [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60],
}

/** Minutes for which a cookie is good, the one it was made in included. Source: MAX_SYNCOOKIE_AGE. */
const goodMinutes = 2
const minuteNs = 60_000_000_000n

const dataBits = 24
const dataMask = (1 << dataBits) - 1

/** Who speaks to whom: the words of both addresses, and both ports in one word, as the client writes them. */
export type EndWords = readonly number[]

export class SynCookies {
  readonly #seed: number
  readonly #sizes: readonly number[]

  constructor(seed: number, family: Family) {
    this.#seed = seed
    this.#sizes = segmentSizes[family]
  }

  /** The sequence number that answers a client's SYN. `segmentSize`: what it announced, 0 where it did not. */
  make(ends: EndWords, sequence: number, segmentSize: number, nowNs: bigint): number {
    const sizes = this.#sizes
    let index = sizes.length - 1
    while (index > 0 && segmentSize < sizes[index]!) index--
    const minute = minuteOf(nowNs)
    const data = (this.#hash(ends, minute, 1) + index) & dataMask
    return (this.#hash(ends, 0, 0) + sequence + (minute << dataBits) + data) >>> 0
  }

  /** The segment size that a cookie tells; null where it is none of ours, or too old. */
  check(cookie: number, ends: EndWords, sequence: number, nowNs: bigint): number | null {
    const rest = (cookie - this.#hash(ends, 0, 0) - sequence) >>> 0
    const minute = minuteOf(nowNs)
    const age = (minute - (rest >>> dataBits)) & 0xff
    if (age >= goodMinutes) return null
    const index = (rest - this.#hash(ends, (minute - age) >>> 0, 1)) & dataMask
    return this.#sizes[index] ?? null
  }

  /** 32 bits that depend on everything given (murmur3's mixing). */
  #hash(ends: EndWords, minute: number, secret: 0 | 1): number {
    let hash = (this.#seed + secret) | 0
    for (const word of [...ends, minute]) {
      const mixed = Math.imul(word, 0xcc9e2d51)
      hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }
}

/** A kernel counts minutes since it began; here since the first step. */
const minuteOf = (nowNs: bigint): number => Number(nowNs / minuteNs) >>> 0
