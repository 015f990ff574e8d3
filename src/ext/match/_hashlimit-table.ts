/**
 * The buckets of `-m hashlimit`: one for each combination of addresses and ports that a rule tells apart.
 *
 * Kernel: net/netfilter/xt_hashlimit.c, Linux 6.18. Rules of a family that name one table share it, and the first of
 * them says how it is made. Listed in the order in which buckets began; the kernel's own order is by chance.
 *
 * A bucket that nobody used for long is forgotten by a sweep that the kernel makes every `sweepMs`, give or take what its
 * timers are late; here sweeps come at multiples of that time since the first step.
 */

import type { KernelProfile } from '../../lang/profile.ts'
import { type Family, printLongAddress } from '../../net/address.ts'
import { BucketKeys, keyWords } from './_bucket-keys.ts'

/** In printing order. */
export const keyModes = ['srcip', 'srcport', 'dstip', 'dstport'] as const
export type KeyMode = (typeof keyModes)[number]

export interface TableSettings {
  /** What buckets are told apart by. */
  readonly modes: readonly KeyMode[]
  /** Bits of the addresses that are looked at. */
  readonly sourceBits: number
  readonly destinationBits: number
  readonly unit: 'packets' | 'bytes'
  readonly average: bigint
  /** Packets; in bytes, how often a bucket may be filled anew. 0 for none. */
  readonly burst: bigint
  readonly isRateMatch: boolean
  /** Seconds of one measurement of a rate match. */
  readonly interval: number
  /** Milliseconds without a packet until a bucket may go. */
  readonly expireMs: number
  readonly sweepMs: number
  /** Buckets at most, 0 for as many as the kernel thinks fit. */
  readonly most: number
  /** Rows of the hash table, 0 for as many as the kernel thinks fit. */
  readonly rows: number
}

/** What a rule tells packets apart by; words are 0 where it does not. */
export interface BucketKey {
  readonly source: readonly number[]
  readonly destination: readonly number[]
  readonly sourcePort: number
  readonly destinationPort: number
}

/**
 * Unsigned 64-bit numbers of each bucket, as the kernel keeps them: those of a rate match lie in the same memory as those
 * of a limit, and are listed and read as if they were.
 */
interface Numbers {
  /** A rate match: its interval in the low half, in the high half whether the last one was over the limit. */
  readonly credit: BigUint64Array
  /** A rate match: what came in this interval. */
  readonly cap: BigUint64Array
  /** A rate match: what may come in a second. */
  readonly cost: BigUint64Array
  /** Only of a rate match. */
  readonly burst: BigUint64Array
}

export type Answer = 'below' | 'over' | 'full'

const scale = 1_000_000n
const wrap = (number: bigint): bigint => BigInt.asUintN(64, number)
const low32 = 0xffff_ffffn

/** Rows on a machine with more than 1 GiB of memory. */
const usualRows = 8192

/** The greatest power of two that is not above. */
const powerBelow = (number: bigint): bigint => 1n << BigInt(number.toString(2).length - 1)

/** CREDITS_PER_JIFFY: a day's worth stays below 2^64. */
const creditsPerJiffy = (hz: number): bigint => powerBelow(((1n << 64n) - 1n) / BigInt(hz * 86_400))
/** CREDITS_PER_JIFFY_BYTES: a second's worth stays below 2^32. */
const byteCreditsPerJiffy = (hz: number): bigint => powerBelow(low32 / BigInt(hz))

/** Source: user2credits(). */
export function packetCredits(span: bigint, hz: number): bigint {
  const perSecond = BigInt(hz) * creditsPerJiffy(hz)
  return scale >= perSecond ? span / (scale / perSecond) : wrap(span * (perSecond / scale))
}

/** Source: user2credits_byte(). */
export const byteCredits = (cost: bigint, hz: number): bigint =>
  (BigInt.asUintN(32, cost) * BigInt(hz) * byteCreditsPerJiffy(hz)) >> 32n

export class HashLimitTable {
  /** Of the rule that made it. */
  readonly #settings: TableSettings
  readonly #hz: number
  readonly #most: number
  readonly #expireJiffies: number
  readonly #sweepJiffies: number
  readonly #keys = new BucketKeys()
  /** By the numbers of the keys. */
  #numbers: Numbers = noNumbers
  #previousJiffies = new Float64Array(0)
  #expiresAtJiffies = new Float64Array(0)
  /** Counts buckets up in the order in which they began. */
  #serials = new Float64Array(0)
  #lastSerial = 0

  constructor(settings: TableSettings, { hz }: KernelProfile) {
    this.#settings = settings
    this.#hz = hz
    const rows = settings.rows || usualRows
    this.#most = settings.most === 0 ? 8 * rows : Math.max(settings.most, rows)
    this.#expireJiffies = Math.ceil((settings.expireMs * hz) / 1000)
    this.#sweepJiffies = Math.max(1, Math.ceil((settings.sweepMs * hz) / 1000))
  }

  /** What its buckets are told apart by, whatever a rule that came later may say. Source: hashlimit_init_dst(). */
  get terms(): Pick<TableSettings, 'modes' | 'sourceBits' | 'destinationBits'> {
    return this.#settings
  }

  /** Takes one packet of `bytes` into account. `rule` may ask in another way than the table was made for. */
  take(
    key: BucketKey,
    rule: Pick<TableSettings, 'unit' | 'isRateMatch'>,
    bytes: number,
    now: number,
  ): Answer {
    // All live equally long, so those that are to go are the ones that nobody used for longest.
    this.#sweep(now)
    writeKey(this.#keys.key, key)
    let at = this.#keys.find()
    if (at < 0) {
      if (this.#keys.size >= this.#most) return 'full'
      at = this.#make(now)
    } else {
      this.#keys.use(at)
      this.#refill(at, now)
    }
    this.#expiresAtJiffies[at] = now + this.#expireJiffies

    const { credit, cap, burst, cost: costs } = this.#numbers
    if (rule.isRateMatch) {
      cap[at] = cap[at]! + BigInt(rule.unit === 'bytes' ? bytes : 1)
      return credit[at]! >> 32n === 0n && cap[at]! <= burst[at]! ? 'below' : 'over'
    }
    const cost = rule.unit === 'bytes' ? this.#byteCost(at, bytes) : costs[at]!
    if (credit[at]! < cost) return 'over'
    credit[at] = credit[at]! - cost
    return 'below'
  }

  /** The file in /proc/net/ipt_hashlimit or ip6t_hashlimit. */
  text(family: Family, now: number): string {
    this.#sweep(now)
    const { credit, cap, cost } = this.#numbers
    const inOrder = [...this.#keys].sort((a, b) => this.#serials[a]! - this.#serials[b]!)
    const lines = inOrder.map((at) => {
      this.#refill(at, now)
      const words = [...this.#keys.wordsOf(at)].map((word) => word >>> 0)
      const end = (from: number, port: number) =>
        `${printLongAddress({ family, words: words.slice(from, from + wordsOf(family)) })}:${port}`
      const seconds = Math.trunc((this.#expiresAtJiffies[at]! - now) / this.#hz)
      const ports = words[portsWord]!
      return `${seconds} ${end(0, ports >>> 16)}->${end(4, ports & 0xffff)} ${credit[at]} ${cap[at]} ${cost[at]}\n`
    })
    return lines.join('')
  }

  #isSwept(at: number, now: number): boolean {
    const sweep = this.#sweepJiffies
    return Math.ceil(this.#expiresAtJiffies[at]! / sweep) * sweep <= now
  }

  #sweep(now: number): void {
    const keys = this.#keys
    for (let at = keys.oldest; at >= 0 && this.#isSwept(at, now); at = keys.oldest) keys.remove(at)
  }

  /** A bucket for the key at hand. Source: rateinfo_init(). */
  #make(now: number): number {
    const { unit, average, burst, isRateMatch, interval } = this.#settings
    const hz = this.#hz
    const at = this.#keys.add()
    if (this.#serials.length < this.#keys.capacity) this.#grow(this.#keys.capacity)
    this.#serials[at] = ++this.#lastSerial
    this.#previousJiffies[at] = now
    const put = (credit: bigint, cap: bigint, cost: bigint, most = 0n): void => {
      const numbers = this.#numbers
      numbers.credit[at] = credit
      numbers.cap[at] = cap
      numbers.cost[at] = cost
      numbers.burst[at] = most
    }
    if (isRateMatch) {
      const rate = unit === 'bytes' ? byteRate(average) : average === 0n ? 0n : scale / average
      const most = unit === 'packets' ? burst + rate : burst === 0n ? rate : burst * rate
      put(BigInt(interval), 0n, rate, most)
    } else if (unit === 'bytes') {
      put(byteCreditsPerJiffy(hz) * BigInt(hz), burst, byteCredits(average, hz))
    } else {
      const credit = packetCredits(wrap(average * burst), hz)
      put(credit, credit, packetCredits(average, hz))
    }
    return at
  }

  #grow(capacity: number): void {
    const more = <T extends Float64Array | BigUint64Array>(larger: T, old: T): T => {
      ;(larger as { set(from: T): void }).set(old)
      return larger
    }
    const { credit, cap, cost, burst } = this.#numbers
    this.#numbers = {
      credit: more(new BigUint64Array(capacity), credit),
      cap: more(new BigUint64Array(capacity), cap),
      cost: more(new BigUint64Array(capacity), cost),
      burst: more(new BigUint64Array(capacity), burst),
    }
    this.#previousJiffies = more(new Float64Array(capacity), this.#previousJiffies)
    this.#expiresAtJiffies = more(new Float64Array(capacity), this.#expiresAtJiffies)
    this.#serials = more(new Float64Array(capacity), this.#serials)
  }

  /** Source: rateinfo_recalc(). */
  #refill(at: number, now: number): void {
    const elapsedJiffies = now - this.#previousJiffies[at]!
    if (elapsedJiffies === 0) return
    const { unit, isRateMatch } = this.#settings
    const { credit, cap, cost } = this.#numbers
    const hz = BigInt(this.#hz)
    const elapsed = BigInt(elapsedJiffies)
    if (isRateMatch) {
      const interval = BigInt.asUintN(32, (credit[at]! & low32) * hz)
      if (elapsed < interval) return
      this.#previousJiffies[at] = now
      const wasOver = wrap(cap[at]! * interval) > wrap(elapsed * cost[at]!)
      credit[at] = (credit[at]! & low32) | (wasOver ? 1n << 32n : 0n)
      cap[at] = 0n
      return
    }
    this.#previousJiffies[at] = now
    const isBytes = unit === 'bytes'
    const before = credit[at]!
    const gained = elapsed * (isBytes ? byteCreditsPerJiffy(this.#hz) : creditsPerJiffy(this.#hz))
    const most = isBytes ? byteCreditsPerJiffy(this.#hz) * hz : cap[at]!
    const after = wrap(before + gained)
    credit[at] = (isBytes && before >= after) || after > most ? most : after
  }

  /** What so many bytes cost; an empty bucket is filled anew as often as its burst allows. Source: hashlimit_byte_cost(). */
  #byteCost(at: number, bytes: number): bigint {
    const { credit, cap, cost: costs } = this.#numbers
    const full = byteCreditsPerJiffy(this.#hz) * BigInt(this.#hz)
    const wanted = (BigInt(bytes >>> 4) + 1n) * costs[at]!
    const cost = wanted > full ? full : wanted
    if (credit[at]! < cost && cap[at]! > 0n) {
      cap[at] = cap[at]! - 1n
      credit[at] = full
    }
    return cost
  }
}

const noNumbers: Numbers = {
  credit: new BigUint64Array(0),
  cap: new BigUint64Array(0),
  cost: new BigUint64Array(0),
  burst: new BigUint64Array(0),
}

const portsWord = keyWords - 1
const wordsOf = (family: Family): number => (family === 'ipv4' ? 1 : 4)

function writeKey(words: Int32Array, { source, destination, sourcePort, destinationPort }: BucketKey): void {
  for (let at = 0; at < 4; at++) {
    words[at] = source[at] ?? 0
    words[4 + at] = destination[at] ?? 0
  }
  words[portsWord] = (sourcePort << 16) | destinationPort
}

/** Source: user2rate_bytes(). */
const byteRate = (cost: bigint): bigint => wrap(((cost === 0n ? low32 : low32 / cost) - 1n) << 4n)
