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

export interface TableSettings {
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
 * Unsigned 64-bit numbers, as the kernel keeps them: those of a rate match lie in the same memory as those of a limit, and
 * are listed and read as if they were.
 */
interface Bucket {
  readonly key: BucketKey
  previousJiffies: number
  expiresAtJiffies: number
  /** A rate match: its interval in the low half, in the high half whether the last one was over the limit. */
  credit: bigint
  /** A rate match: what came in this interval. */
  cap: bigint
  /** A rate match: what may come in a second. */
  cost: bigint
  /** Only of a rate match. */
  readonly burst: bigint
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
  readonly #settings: TableSettings
  readonly #hz: number
  readonly #most: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(settings: TableSettings, { hz }: KernelProfile) {
    this.#settings = settings
    this.#hz = hz
    const rows = settings.rows || usualRows
    this.#most = settings.most === 0 ? 8 * rows : Math.max(settings.most, rows)
  }

  /** Takes one packet of `bytes` into account. `rule` may ask in another way than the table was made for. */
  take(
    key: BucketKey,
    rule: Pick<TableSettings, 'unit' | 'isRateMatch'>,
    bytes: number,
    now: number,
  ): Answer {
    const name = JSON.stringify(key)
    let bucket = this.#alive(name, now)
    if (bucket === null) {
      this.#sweep(now)
      if (this.#buckets.size >= this.#most) return 'full'
      bucket = this.#make(key, now)
      this.#buckets.set(name, bucket)
    } else this.#refill(bucket, now)
    bucket.expiresAtJiffies = now + Math.ceil((this.#settings.expireMs * this.#hz) / 1000)

    if (rule.isRateMatch) {
      bucket.cap = wrap(bucket.cap + BigInt(rule.unit === 'bytes' ? bytes : 1))
      return bucket.credit >> 32n === 0n && bucket.cap <= bucket.burst ? 'below' : 'over'
    }
    const cost = rule.unit === 'bytes' ? this.#byteCost(bucket, bytes) : bucket.cost
    if (bucket.credit < cost) return 'over'
    bucket.credit -= cost
    return 'below'
  }

  /** The file in /proc/net/ipt_hashlimit or ip6t_hashlimit. */
  text(family: Family, now: number): string {
    this.#sweep(now)
    const lines = [...this.#buckets.values()].map((bucket) => {
      this.#refill(bucket, now)
      const { key, expiresAtJiffies, credit, cap, cost } = bucket
      const end = (words: readonly number[], port: number) => `${printWords(family, words)}:${port}`
      const seconds = Math.trunc((expiresAtJiffies - now) / this.#hz)
      const ends = `${end(key.source, key.sourcePort)}->${end(key.destination, key.destinationPort)}`
      return `${seconds} ${ends} ${credit} ${cap} ${cost}\n`
    })
    return lines.join('')
  }

  #alive(name: string, now: number): Bucket | null {
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) return null
    if (!this.#isSwept(bucket, now)) return bucket
    this.#buckets.delete(name)
    return null
  }

  #isSwept({ expiresAtJiffies }: Bucket, now: number): boolean {
    const sweepJiffies = Math.max(1, Math.ceil((this.#settings.sweepMs * this.#hz) / 1000))
    return Math.ceil(expiresAtJiffies / sweepJiffies) * sweepJiffies <= now
  }

  #sweep(now: number): void {
    for (const [name, bucket] of this.#buckets) if (this.#isSwept(bucket, now)) this.#buckets.delete(name)
  }

  /** Source: rateinfo_init(). */
  #make(key: BucketKey, now: number): Bucket {
    const { unit, average, burst, isRateMatch, interval } = this.#settings
    const hz = this.#hz
    const blank = { key, previousJiffies: now, expiresAtJiffies: 0, burst: 0n }
    if (isRateMatch) {
      const rate = unit === 'bytes' ? byteRate(average) : average === 0n ? 0n : scale / average
      const most = unit === 'packets' ? burst + rate : burst === 0n ? rate : burst * rate
      return { ...blank, credit: BigInt(interval), cap: 0n, cost: rate, burst: wrap(most) }
    }
    if (unit === 'bytes')
      return {
        ...blank,
        credit: byteCreditsPerJiffy(hz) * BigInt(hz),
        cap: burst,
        cost: byteCredits(average, hz),
      }
    const credit = packetCredits(wrap(average * burst), hz)
    return { ...blank, credit, cap: credit, cost: packetCredits(average, hz) }
  }

  /** Source: rateinfo_recalc(). */
  #refill(bucket: Bucket, now: number): void {
    const { unit, isRateMatch } = this.#settings
    const hz = BigInt(this.#hz)
    const elapsed = BigInt(now - bucket.previousJiffies)
    if (elapsed === 0n) return
    if (isRateMatch) {
      const interval = BigInt.asUintN(32, (bucket.credit & low32) * hz)
      if (elapsed < interval) return
      bucket.previousJiffies = now
      const wasOver = wrap(bucket.cap * interval) > wrap(elapsed * bucket.cost)
      bucket.credit = (bucket.credit & low32) | (wasOver ? 1n << 32n : 0n)
      bucket.cap = 0n
      return
    }
    bucket.previousJiffies = now
    const isBytes = unit === 'bytes'
    const before = bucket.credit
    const gained = elapsed * (isBytes ? byteCreditsPerJiffy(this.#hz) : creditsPerJiffy(this.#hz))
    const cap = isBytes ? byteCreditsPerJiffy(this.#hz) * hz : bucket.cap
    bucket.credit = wrap(before + gained)
    if ((isBytes && before >= bucket.credit) || bucket.credit > cap) bucket.credit = cap
  }

  /** What so many bytes cost; an empty bucket is filled anew as often as its burst allows. Source: hashlimit_byte_cost(). */
  #byteCost(bucket: Bucket, bytes: number): bigint {
    const full = byteCreditsPerJiffy(this.#hz) * BigInt(this.#hz)
    const wanted = (BigInt(bytes >>> 4) + 1n) * bucket.cost
    const cost = wanted > full ? full : wanted
    if (bucket.credit < cost && bucket.cap > 0n) {
      bucket.cap--
      bucket.credit = full
    }
    return cost
  }
}

/** Source: user2rate_bytes(). */
const byteRate = (cost: bigint): bigint => wrap(((cost === 0n ? low32 : low32 / cost) - 1n) << 4n)

const printWords = (family: Family, words: readonly number[]): string => printLongAddress({ family, words })
