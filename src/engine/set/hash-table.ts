/**
 * The kernel's hash table of a set, bucket for bucket: its order is the order of listings, and it decides when a set is
 * full or grows. All in flat arrays: a bucket is a block of records, and blocks of one size are used again.
 *
 * Kernel: mtype_add(), mtype_del(), mtype_test(), mtype_resize(), mtype_gc_do(), ip_set_hash_gen.h, Linux 6.18.
 */
import { jhash2 } from '../../net/jhash.ts'
import type { SetImage } from './image.ts'
import { type ElementWords, type HashLayout, maskNetwork, networkLength } from './layout.ts'
import type { ExtensionKinds, Extensions, PacketTest } from './record.ts'
import { Records } from './record.ts'

/** Records by which a bucket grows. */
const blockStep = 2
/** The most a bucket can hold: the default, and where interfaces share networks. */
const defaultBucketSize = 12
const mostTuned = 64
/** log2 of the buckets that share a lock and a count. */
const regionBits = 10
const regionBytes = 24
const bucketBytes = 32

export interface HashOptions {
  readonly hashsize: number
  readonly maxelem: number
  readonly bucketsize: number
  readonly initval: number
  readonly forceadd: boolean
  readonly kinds: ExtensionKinds
  /** Bytes of an element with all that is kept beside it. */
  readonly elementBytes: number
  readonly hz: number
}

/** Whether a stored element is the one that is sought, beyond its words. */
export type SameRest = (stored: number, sought: number) => boolean

/** What an image has beside its arrays. */
interface TableFacts {
  readonly bits: number
  readonly bucketsize: number
  readonly blockBytes: number
  readonly taken: number
  /** Sparse arrays have null in their gaps, in JSON. */
  readonly free: readonly (number[] | null)[]
  readonly lengths: readonly number[]
  readonly records: unknown
}

export type AddAnswer = 'added' | 'EXIST' | 'HASH_FULL' | 'EAGAIN'

export class HashTable {
  readonly layout: HashLayout
  readonly #options: HashOptions
  readonly #sameRest: SameRest
  #bits: number
  bucketsize: number
  // Of each bucket: its block of records, how many there are, and how many of them were used so far.
  #start: Int32Array
  #size: Uint8Array
  #used: Uint8Array
  /** Elements and buckets' bytes of each region. */
  #elements: Int32Array
  #blockBytes = 0
  // Records: words, and whether they are there (1) and turn matches round (2).
  #words: Uint32Array
  #flags: Uint8Array
  readonly records: Records
  #capacity: number
  #taken = 0
  /** Blocks that are free again, by half their size. */
  readonly #free: number[][] = []
  /** Elements of each prefix length, and the lengths that there are, longest first. */
  readonly #lengthCounts = new Int32Array(129)
  readonly #lengths: number[] = []
  /** How often something was or may have been changed. */
  changes = 0

  constructor(layout: HashLayout, options: HashOptions, sameRest: SameRest) {
    this.layout = layout
    this.#options = options
    this.#sameRest = sameRest
    this.#bits = Math.ceil(Math.log2(Math.max(64, options.hashsize)))
    this.bucketsize = options.bucketsize
    this.#capacity = 64
    this.#words = new Uint32Array(this.#capacity * layout.words)
    this.#flags = new Uint8Array(this.#capacity)
    this.records = new Records(options.kinds, options.hz, this.#capacity)
    const buckets = 2 ** this.#bits
    this.#start = new Int32Array(buckets)
    this.#size = new Uint8Array(buckets)
    this.#used = new Uint8Array(buckets)
    this.#elements = new Int32Array(regionsOf(this.#bits))
  }

  get hashsize(): number {
    return 2 ** this.#bits
  }

  /** As the kernel counts it: not the array of buckets. */
  get memoryBytes(): number {
    const regions = regionBytes * (regionsOf(this.#bits) - 1)
    return this.layout.emptyBytes + regions + this.#blockBytes + this.records.commentBytes
  }

  /** What the kernel counts for each step by which a bucket grows: a header each time. It takes off one when all goes. */
  get #stepBytes(): number {
    return bucketBytes + blockStep * this.#options.elementBytes
  }

  /** The longest prefix length that is there; null for none. */
  get longest(): number | null {
    return this.#lengths[0] ?? null
  }

  #hash(words: ElementWords, bits: number): number {
    const hashed = words.length === this.layout.hashed ? words : words.slice(0, this.layout.hashed)
    return jhash2(hashed, this.#options.initval) & (2 ** bits - 1)
  }

  /** Whether the record holds the element; for `isMulti`, also whether it shares its network. */
  #equals(record: number, words: ElementWords): boolean {
    const { hashed, words: count, isMulti } = this.layout
    const at = record * count
    const own = this.#words
    for (let index = 0; index < hashed; index++) if (own[at + index] !== words[index]) return false
    return !isMulti || this.#sameRest(own[at + hashed]!, words[hashed]!)
  }

  /** Whether the record is of the element's address and length, whatever the interface. */
  #sharesNetwork(record: number, words: ElementWords): boolean {
    const { layout } = this
    const at = record * layout.words
    for (let index = 0; index < layout.hashed - 1; index++) {
      if (this.#words[at + index] !== words[index]) return false
    }
    return networkLength(this.#words, at, layout) === networkLength(words, 0, layout)
  }

  // --- Adding

  /** `EAGAIN`: the bucket is full, and the table must grow first. */
  add(
    words: ElementWords,
    extensions: Extensions,
    options: { readonly exist: boolean; readonly nomatch: boolean },
    nowTicks: number,
  ): AddAnswer {
    const { maxelem, forceadd } = this.#options
    this.changes++
    const bucket = this.#hash(words, this.#bits)
    const region = bucket % this.#elements.length
    let isFull = false
    if (this.#elements[region]! >= Math.floor(maxelem / this.#elements.length)) {
      if (this.#options.kinds.defaultTimeout !== null) this.#sweepRegion(region, nowTicks)
      isFull = maxelem <= this.#elements.reduce((sum, each) => sum + each, 0)
    }
    const forces = isFull && forceadd
    const size = this.#size[bucket]!
    if (size === 0) {
      if (isFull) return 'HASH_FULL'
      this.#start[bucket] = this.#allocate(blockStep)
      this.#blockBytes += this.#stepBytes
      this.#size[bucket] = blockStep
      this.#used[bucket] = 1
      this.#put(this.#start[bucket]!, region, words, extensions, options.nomatch, nowTicks)
      return 'added'
    }
    const start = this.#start[bucket]!
    const used = this.#used[bucket]!
    let reused = -1
    let sharing = 0
    for (let record = start; record < start + used; record++) {
      if (this.#flags[record] === 0) {
        if (reused < 0) reused = record
        continue
      }
      if (this.layout.isMulti && this.#sharesNetwork(record, words)) sharing++
      if (this.#equals(record, words)) {
        if (!options.exist && !this.records.isOver(record, nowTicks)) return 'EXIST'
        this.#setFlags(record, options.nomatch)
        this.records.write(record, extensions, nowTicks)
        return 'added'
      }
      if (reused < 0 && this.records.isOver(record, nowTicks)) reused = record
    }
    if (reused >= 0 || forces) {
      const record = reused >= 0 ? reused : start
      if (this.#flags[record] !== 0) this.#forget(record, region)
      this.#put(record, region, words, extensions, options.nomatch, nowTicks)
      return 'added'
    }
    if (isFull) return 'HASH_FULL'
    if (used >= size && !this.#makeRoom(bucket, sharing)) {
      return this.layout.isMulti && this.bucketsize >= mostTuned ? 'HASH_FULL' : 'EAGAIN'
    }
    const record = this.#start[bucket]! + used
    this.#used[bucket] = used + 1
    this.#put(record, region, words, extensions, options.nomatch, nowTicks)
    return 'added'
  }

  /** A larger block; false where the bucket may not have one. */
  #makeRoom(bucket: number, sharing: number): boolean {
    const size = this.#size[bucket]!
    if (this.layout.isMulti) {
      if (this.bucketsize >= mostTuned) return false
      if (this.bucketsize <= sharing) this.bucketsize += blockStep
    }
    if (size >= this.bucketsize) return false
    const from = this.#start[bucket]!
    const to = this.#allocate(size + blockStep)
    for (let at = 0; at < size; at++) this.#move(from + at, to + at)
    this.#release(from, size)
    this.#blockBytes += this.#stepBytes
    this.#start[bucket] = to
    this.#size[bucket] = size + blockStep
    return true
  }

  #put(
    record: number,
    region: number,
    words: ElementWords,
    extensions: Extensions,
    nomatch: boolean,
    nowTicks: number,
  ): void {
    this.#elements[region] = this.#elements[region]! + 1
    this.#words.set(words, record * this.layout.words)
    if (this.layout.net !== null) this.#countLength(networkLength(words, 0, this.layout), 1)
    this.#setFlags(record, nomatch)
    this.records.write(record, extensions, nowTicks)
  }

  #setFlags(record: number, nomatch: boolean): void {
    this.#flags[record] = nomatch ? 3 : 1
  }

  #forget(record: number, region: number): void {
    this.changes++
    const { net, words } = this.layout
    if (net !== null) this.#countLength(networkLength(this.#words, record * words, this.layout), -1)
    this.records.drop(record)
    this.#elements[region] = this.#elements[region]! - 1
    this.#flags[record] = 0
  }

  #countLength(length: number, by: 1 | -1): void {
    const count = this.#lengthCounts[length]! + by
    this.#lengthCounts[length] = count
    if (by === 1 && count === 1) {
      const at = this.#lengths.findIndex((each) => each < length)
      this.#lengths.splice(at < 0 ? this.#lengths.length : at, 0, length)
    } else if (count === 0) {
      this.#lengths.splice(this.#lengths.indexOf(length), 1)
    }
  }

  // --- Deleting

  /** Whether it was there. */
  delete(words: ElementWords, nowTicks: number): boolean {
    const bucket = this.#hash(words, this.#bits)
    const start = this.#start[bucket]!
    const used = this.#used[bucket]!
    for (let record = start; record < start + used; record++) {
      if (this.#flags[record] === 0 || !this.#equals(record, words)) continue
      if (this.records.isOver(record, nowTicks)) return false
      this.#forget(record, bucket % this.#elements.length)
      if (record + 1 === start + used) this.#used[bucket] = used - 1
      this.#tidy(bucket)
      return true
    }
    return false
  }

  /** Gives back what a bucket does not need any more. */
  #tidy(bucket: number): void {
    const [start, size, used] = [this.#start[bucket]!, this.#size[bucket]!, this.#used[bucket]!]
    let holes = 0
    for (let record = start; record < start + used; record++) if (this.#flags[record] === 0) holes++
    if (holes === used) this.#dissolve(bucket)
    else if (holes >= blockStep) this.#compact(bucket, start, size, used)
  }

  #dissolve(bucket: number): void {
    const size = this.#size[bucket]!
    this.#blockBytes -= bucketBytes + size * this.#options.elementBytes
    this.#release(this.#start[bucket]!, size)
    this.#size[bucket] = this.#used[bucket] = 0
  }

  #compact(bucket: number, start: number, size: number, used: number): void {
    const to = this.#allocate(size - blockStep)
    let next = to
    for (let record = start; record < start + used; record++) {
      if (this.#flags[record] !== 0) this.#move(record, next++)
    }
    this.#release(start, size)
    this.#blockBytes -= this.#stepBytes
    this.#start[bucket] = to
    this.#size[bucket] = size - blockStep
    this.#used[bucket] = next - to
  }

  /** Removes what is over. Source: mtype_gc_do(). */
  sweep(nowTicks: number): void {
    for (let region = 0; region < this.#elements.length; region++) this.#sweepRegion(region, nowTicks)
  }

  /** A region to sweep is a row of buckets; a region to count in is every so manyth. */
  #sweepRegion(region: number, nowTicks: number): void {
    const from = this.#bits < regionBits ? 0 : region << regionBits
    const to = this.#bits < regionBits ? 2 ** this.#bits : from + 2 ** regionBits
    for (let bucket = from; bucket < to; bucket++) {
      const size = this.#size[bucket]!
      if (size === 0) continue
      const [start, used] = [this.#start[bucket]!, this.#used[bucket]!]
      let holes = 0
      for (let record = start; record < start + used; record++) {
        if (this.#flags[record] !== 0 && this.records.isOver(record, nowTicks)) this.#forget(record, region)
        if (this.#flags[record] === 0) holes++
      }
      if (holes < blockStep) continue
      if (holes >= size) this.#dissolve(bucket)
      else this.#compact(bucket, start, size, used)
    }
  }

  flush(): void {
    this.changes++
    for (let bucket = 0; bucket < this.#size.length; bucket++) {
      const [start, size, used] = [this.#start[bucket]!, this.#size[bucket]!, this.#used[bucket]!]
      if (size === 0) continue
      for (let record = start; record < start + used; record++) {
        if (this.#flags[record] !== 0) this.records.drop(record)
        this.#flags[record] = 0
      }
      this.#dissolve(bucket)
    }
    this.#blockBytes = 0
    this.#elements.fill(0)
    this.#lengthCounts.fill(0)
    this.#lengths.length = 0
  }

  // --- Testing

  /**
   * `yes`, `no`, or `nomatch` where what was found turns the match round. An element whose network is a host is looked for
   * in networks of every length that there is, longest first.
   */
  test(words: ElementWords, packet: PacketTest | null, nowTicks: number): 'yes' | 'no' | 'nomatch' {
    const { layout } = this
    if (layout.net === null) return this.#testBucket(words, packet, nowTicks).answer
    const hostLength = layout.family === 'ipv4' ? 32 : 128
    if (networkLength(words, 0, layout) !== hostLength) {
      return this.#testBucket(words, packet, nowTicks).answer
    }
    const lengths = this.#lengths
    for (let at = 0; at < lengths.length; at++) {
      maskNetwork(words, layout, lengths[at]!)
      const { answer, isShared } = this.#testBucket(words, packet, nowTicks)
      if (answer !== 'no') return answer
      // A network that is there for another interface hides the shorter ones.
      if (isShared) return 'no'
    }
    return 'no'
  }

  #testBucket(words: ElementWords, packet: PacketTest | null, nowTicks: number): BucketAnswer {
    const bucket = this.#hash(words, this.#bits)
    const used = this.#used[bucket]!
    if (used === 0) return absent
    const start = this.#start[bucket]!
    let isShared = false
    for (let record = start; record < start + used; record++) {
      const flags = this.#flags[record]!
      if (flags === 0) continue
      if (!this.#equals(record, words)) {
        if (this.layout.isMulti && this.#sharesNetwork(record, words)) isShared = true
        continue
      }
      if (this.records.match(record, packet, nowTicks)) return flags === 3 ? turned : present
      isShared = false
    }
    return isShared ? shared : absent
  }

  // --- Growing

  /** Twice as many buckets, or more until all fit. What is over is left behind. */
  grow(nowTicks: number): void {
    const { words } = this.layout
    const old = { start: this.#start, size: this.#size, used: this.#used }
    const element: ElementWords = new Array(words).fill(0)
    for (let bits = this.#bits + 1; ; bits++) {
      // Where each record would go, before any is moved.
      const counts = new Uint8Array(2 ** bits)
      const targets: number[] = []
      const records: number[] = []
      let fits = true
      for (let bucket = 0; fits && bucket < old.size.length; bucket++) {
        const start = old.start[bucket]!
        for (let record = start; record < start + old.used[bucket]!; record++) {
          if (this.#flags[record] === 0 || this.records.isOver(record, nowTicks)) continue
          for (let at = 0; at < words; at++) element[at] = this.#words[record * words + at]!
          const target = this.#hash(element, bits)
          records.push(record)
          targets.push(target)
          counts[target] = counts[target]! + 1
          if (counts[target]! > this.bucketsize) fits = false
        }
      }
      if (fits) {
        this.#rebuild(bits, counts, records, targets)
        return
      }
    }
  }

  #rebuild(bits: number, counts: Uint8Array, records: readonly number[], targets: readonly number[]): void {
    const old = { start: this.#start, size: this.#size, used: this.#used }
    const buckets = 2 ** bits
    const start = new Int32Array(buckets)
    const size = new Uint8Array(buckets)
    const used = new Uint8Array(buckets)
    const elements = new Int32Array(regionsOf(bits))
    this.#blockBytes = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      const count = counts[bucket]!
      if (count === 0) continue
      size[bucket] = Math.ceil(count / blockStep) * blockStep
      start[bucket] = this.#allocate(size[bucket]!)
      this.#blockBytes += (size[bucket]! / blockStep) * this.#stepBytes
    }
    for (let at = 0; at < records.length; at++) {
      const target = targets[at]!
      this.#move(records[at]!, start[target]! + used[target]!)
      used[target] = used[target]! + 1
      elements[target % elements.length] = elements[target % elements.length]! + 1
    }
    for (let bucket = 0; bucket < old.size.length; bucket++) {
      if (old.size[bucket] !== 0) this.#release(old.start[bucket]!, old.size[bucket]!)
    }
    this.#bits = bits
    this.#start = start
    this.#size = size
    this.#used = used
    this.#elements = elements
  }

  // --- Listing

  /** Calls back with each element's words and record, in the kernel's order. */
  *each(nowTicks: number): Iterable<{
    readonly words: Uint32Array
    readonly at: number
    readonly record: number
    readonly nomatch: boolean
  }> {
    for (let bucket = 0; bucket < this.#size.length; bucket++) {
      const start = this.#start[bucket]!
      for (let record = start; record < start + this.#used[bucket]!; record++) {
        const flags = this.#flags[record]!
        if (flags === 0 || this.records.isOver(record, nowTicks)) continue
        yield { words: this.#words, at: record * this.layout.words, record, nomatch: flags === 3 }
      }
    }
  }

  count(nowTicks: number): number {
    if (this.#options.kinds.defaultTimeout === null) {
      return this.#elements.reduce((sum, each) => sum + each, 0)
    }
    let count = 0
    for (const _ of this.each(nowTicks)) count++
    return count
  }

  // --- Images

  image(): SetImage {
    const taken = this.#taken
    const records = this.records.image(taken)
    const facts: TableFacts = {
      bits: this.#bits,
      bucketsize: this.bucketsize,
      blockBytes: this.#blockBytes,
      taken,
      free: this.#free,
      lengths: this.#lengths,
      records: records.facts,
    }
    const words = this.#words.subarray(0, taken * this.layout.words)
    const flags = this.#flags.subarray(0, taken)
    const own = [this.#start, this.#size, this.#used, this.#elements, this.#lengthCounts, words, flags]
    return { facts, arrays: [...own, ...records.arrays] }
  }

  /** Becomes what another table of the same making was; false where the image is of no such table. */
  become({ facts, arrays }: SetImage): boolean {
    const { bits, bucketsize, blockBytes, taken, free, lengths, records } = facts as TableFacts
    const [start, size, used, elements, lengthCounts, words, flags, ...rest] = arrays
    const isWhole =
      start instanceof Int32Array &&
      size instanceof Uint8Array &&
      used instanceof Uint8Array &&
      elements instanceof Int32Array &&
      lengthCounts instanceof Int32Array &&
      words instanceof Uint32Array &&
      flags instanceof Uint8Array
    if (!isWhole) return false
    const buckets = 2 ** bits
    const lengthsFit = [start, size, used].every(({ length }) => length === buckets)
    if (!lengthsFit || words.length !== taken * this.layout.words || flags.length !== taken) return false
    if (!this.records.become({ facts: records, arrays: rest }, taken)) return false
    this.#bits = bits
    this.bucketsize = bucketsize
    this.#blockBytes = blockBytes
    this.#taken = this.#capacity = taken
    this.#free.splice(0, this.#free.length, ...free.map((each) => each ?? []))
    this.#lengths.splice(0, this.#lengths.length, ...lengths)
    this.#start = start
    this.#size = size
    this.#used = used
    this.#elements = elements
    this.#lengthCounts.set(lengthCounts)
    this.#words = words
    this.#flags = flags
    return true
  }

  // --- Blocks of records

  #allocate(size: number): number {
    const block = this.#free[size >> 1]?.pop()
    const start = block ?? this.#taken
    if (block === undefined) {
      this.#taken += size
      if (this.#taken > this.#capacity) this.#enlarge()
    }
    for (let record = start; record < start + size; record++) {
      this.#flags[record] = 0
      this.records.clear(record)
    }
    return start
  }

  #release(start: number, size: number): void {
    this.#free[size >> 1] ??= []
    this.#free[size >> 1]!.push(start)
  }

  #enlarge(): void {
    this.#capacity = Math.max(64, this.#capacity * 2)
    const words = new Uint32Array(this.#capacity * this.layout.words)
    words.set(this.#words)
    this.#words = words
    const flags = new Uint8Array(this.#capacity)
    flags.set(this.#flags)
    this.#flags = flags
    this.records.grow(this.#capacity)
  }

  #move(from: number, to: number): void {
    const { words } = this.layout
    this.#words.copyWithin(to * words, from * words, (from + 1) * words)
    this.#flags[to] = this.#flags[from]!
    this.records.move(from, to)
  }
}

interface BucketAnswer {
  readonly answer: 'yes' | 'no' | 'nomatch'
  /** The network is there, and not for this interface. */
  readonly isShared: boolean
}

const absent: BucketAnswer = { answer: 'no', isShared: false }
const shared: BucketAnswer = { answer: 'no', isShared: true }
const present: BucketAnswer = { answer: 'yes', isShared: false }
const turned: BucketAnswer = { answer: 'nomatch', isShared: false }

const regionsOf = (bits: number): number => (bits < regionBits ? 1 : 2 ** (bits - regionBits))

/** What the kernel makes of a wish for a bucket's size. */
export function bucketSizeOf(wish: number | undefined): number {
  if (wish === undefined || wish > defaultBucketSize) return defaultBucketSize
  if (wish < blockStep) return blockStep
  return wish + (wish % 2)
}
