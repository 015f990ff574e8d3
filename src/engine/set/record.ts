/**
 * What sets keep beside each element when they are made so: counters, a time, marks, a comment. Columns of flat arrays, by
 * the number of the element's record.
 *
 * Kernel: ip_set_extensions, net/netfilter/ipset/ip_set_core.c, Linux 6.18. A record that is used again keeps the counters
 * of the element that was there, unless the new one brings its own: so does the kernel.
 */
import type { CreateAttributes, ElementAttributes, SetError } from '../../lang/ipset/kernel.ts'
import type { SetImage } from './image.ts'

/** What an element that is added brings along. Counters that are absent are left as they are. */
export interface Extensions {
  /** Seconds; 0 for ever. */
  timeout: number
  packets: bigint | undefined
  bytes: bigint | undefined
  comment: string | undefined
  skbmark: number
  skbmarkmask: number
  skbprio: number
  skbqueue: number
}

/** What a packet brings to a test. */
export interface PacketTest {
  readonly bytes: number
  /** Whether the counters of what it meets stay as they are. */
  readonly keepsCounters: boolean
  /** Whether the counters suffice; null where nobody asks. */
  readonly counters: ((packets: bigint, bytes: bigint) => boolean) | null
  /** Told what the element says about marks. */
  skbinfo: SkbInfo | null
}

export interface SkbInfo {
  readonly mark: number
  readonly markMask: number
  readonly priority: number
  readonly queue: number
}

/** Which of them a set has; `defaultTimeout` is null where its elements have no time. */
export interface ExtensionKinds {
  readonly defaultTimeout: number | null
  readonly counters: boolean
  readonly comment: boolean
  readonly skbinfo: boolean
}

export const kindsOf = ({ timeout, counters, comment, skbinfo }: CreateAttributes): ExtensionKinds => ({
  defaultTimeout: timeout ?? null,
  counters: counters ?? false,
  comment: comment ?? false,
  skbinfo: skbinfo ?? false,
})

/** Sets may be swapped whose elements differ in what is kept, but `create -exist` takes only its like. */
export const sameKinds = (a: ExtensionKinds, b: ExtensionKinds): boolean =>
  a.defaultTimeout === b.defaultTimeout &&
  a.counters === b.counters &&
  a.comment === b.comment &&
  a.skbinfo === b.skbinfo

/** Source: ip_set_get_extensions(). */
export function readExtensions(kinds: ExtensionKinds, element: ElementAttributes): Extensions | SetError {
  if (element.timeout !== undefined && kinds.defaultTimeout === null) return 'TIMEOUT'
  if ((element.bytes !== undefined || element.packets !== undefined) && !kinds.counters) return 'COUNTER'
  if (element.comment !== undefined && !kinds.comment) return 'COMMENT'
  const { skbmark, skbmarkmask = 0, skbprio, skbqueue } = element
  const hasInfo = skbmark !== undefined || skbprio !== undefined || skbqueue !== undefined
  if (hasInfo && !kinds.skbinfo) return 'SKBINFO'
  return {
    timeout: element.timeout ?? kinds.defaultTimeout ?? 0,
    packets: element.packets,
    bytes: element.bytes,
    comment: element.comment,
    skbmark: skbmark ?? 0,
    skbmarkmask,
    skbprio: skbprio ?? 0,
    skbqueue: skbqueue ?? 0,
  }
}

/**
 * Bytes of an element in the kernel. `bytes` and `alignment` are those of the element alone.
 * Source: ip_set_elem_len().
 */
export function elementBytes(kinds: ExtensionKinds, bytes: number, alignment: number): number {
  const lengths = [
    kinds.counters ? 16 : 0,
    kinds.defaultTimeout === null ? 0 : 8,
    kinds.skbinfo ? 16 : 0,
    kinds.comment ? 8 : 0,
  ].filter((length) => length > 0)
  // Marks and queues are aligned to four bytes, the others to eight.
  let length = bytes
  let widest = alignment
  for (const [at, each] of lengths.entries()) {
    const isInfo = kinds.skbinfo && at === Number(kinds.counters) + Number(kinds.defaultTimeout !== null)
    const own = isInfo ? 4 : 8
    widest = Math.max(widest, own)
    length = alignTo(length, own) + each
  }
  return alignTo(length, widest)
}

const alignTo = (value: number, to: number): number => Math.ceil(value / to) * to

interface RecordFacts {
  readonly comments: readonly (string | null)[]
  readonly commentBytes: number
}

/** A comment's own header, before the text and its closing zero. */
const commentHeaderBytes = 16
const bytesOfText = new TextEncoder()

export class Records {
  readonly kinds: ExtensionKinds
  readonly hz: number
  /** Ticks at which elements are over; 0 for never. */
  #expires: Float64Array
  #packets: BigUint64Array
  #bytes: BigUint64Array
  #skbinfo: Uint32Array
  readonly #comments: (string | undefined)[] = []
  /** Bytes that comments take in the kernel. */
  commentBytes = 0

  constructor(kinds: ExtensionKinds, hz: number, capacity: number) {
    this.kinds = kinds
    this.hz = hz
    this.#expires = new Float64Array(kinds.defaultTimeout === null ? 0 : capacity)
    this.#packets = new BigUint64Array(kinds.counters ? capacity : 0)
    this.#bytes = new BigUint64Array(kinds.counters ? capacity : 0)
    this.#skbinfo = new Uint32Array(kinds.skbinfo ? capacity * 4 : 0)
  }

  grow(capacity: number): void {
    const { kinds } = this
    if (kinds.defaultTimeout !== null) this.#expires = grown(this.#expires, new Float64Array(capacity))
    if (kinds.counters) {
      this.#packets = grown(this.#packets, new BigUint64Array(capacity))
      this.#bytes = grown(this.#bytes, new BigUint64Array(capacity))
    }
    if (kinds.skbinfo) this.#skbinfo = grown(this.#skbinfo, new Uint32Array(capacity * 4))
  }

  /** The first records, of whose comments those that are absent are null. */
  image(count: number): SetImage {
    const { kinds } = this
    const arrays = [
      this.#expires.subarray(0, count),
      this.#packets.subarray(0, count),
      this.#bytes.subarray(0, count),
      this.#skbinfo.subarray(0, count * 4),
    ]
    const facts: RecordFacts = {
      comments: kinds.comment ? Array.from({ length: count }, (_, at) => this.#comments[at] ?? null) : [],
      commentBytes: this.commentBytes,
    }
    return { facts, arrays }
  }

  /** Becomes what others of the same kinds were; false where they were of others. */
  become({ facts, arrays }: SetImage, count: number): boolean {
    const { kinds } = this
    const [expires, packets, bytes, skbinfo] = arrays
    const fits =
      expires instanceof Float64Array &&
      packets instanceof BigUint64Array &&
      bytes instanceof BigUint64Array &&
      skbinfo instanceof Uint32Array &&
      expires.length === (kinds.defaultTimeout === null ? 0 : count) &&
      packets.length === (kinds.counters ? count : 0) &&
      bytes.length === packets.length &&
      skbinfo.length === (kinds.skbinfo ? count * 4 : 0)
    if (!fits) return false
    const { comments, commentBytes } = facts as RecordFacts
    this.#expires = expires
    this.#packets = packets
    this.#bytes = bytes
    this.#skbinfo = skbinfo
    this.#comments.length = 0
    for (const text of comments) this.#comments.push(text ?? undefined)
    this.commentBytes = commentBytes
    return true
  }

  /** As fresh memory is. */
  clear(record: number): void {
    const { kinds } = this
    if (kinds.defaultTimeout !== null) this.#expires[record] = 0
    if (kinds.counters) this.#packets[record] = this.#bytes[record] = 0n
    if (kinds.skbinfo) this.#skbinfo.fill(0, record * 4, record * 4 + 4)
    if (kinds.comment) this.#comments[record] = undefined
  }

  move(from: number, to: number): void {
    const { kinds } = this
    if (kinds.defaultTimeout !== null) this.#expires[to] = this.#expires[from]!
    if (kinds.counters) {
      this.#packets[to] = this.#packets[from]!
      this.#bytes[to] = this.#bytes[from]!
    }
    if (kinds.skbinfo) this.#skbinfo.copyWithin(to * 4, from * 4, from * 4 + 4)
    if (kinds.comment) this.#comments[to] = this.#comments[from]
  }

  /** Gives the element what it brings. Source: the end of mtype_add(). */
  write(record: number, extensions: Extensions, nowTicks: number): void {
    const { kinds } = this
    if (kinds.counters) {
      if (extensions.bytes !== undefined) this.#bytes[record] = extensions.bytes
      if (extensions.packets !== undefined) this.#packets[record] = extensions.packets
    }
    if (kinds.comment) this.#setComment(record, extensions.comment)
    if (kinds.skbinfo) {
      const at = record * 4
      this.#skbinfo[at] = extensions.skbmark
      this.#skbinfo[at + 1] = extensions.skbmarkmask
      this.#skbinfo[at + 2] = extensions.skbprio
      this.#skbinfo[at + 3] = extensions.skbqueue
    }
    if (kinds.defaultTimeout !== null) this.startTime(record, extensions.timeout, nowTicks)
  }

  startTime(record: number, seconds: number, nowTicks: number): void {
    this.#expires[record] = seconds === 0 ? 0 : nowTicks + seconds * this.hz || -1
  }

  /** A time that has not begun, in seconds; see `bitmap:ip,mac`. */
  storeTime(record: number, seconds: number): void {
    this.#expires[record] = seconds
  }

  storedTime(record: number): number {
    return this.#expires[record]!
  }

  #setComment(record: number, text: string | undefined): void {
    this.drop(record)
    if (text === undefined || text === '') return
    this.#comments[record] = text
    this.commentBytes += commentHeaderBytes + bytesOfText.encode(text).length + 1
  }

  /** What goes with an element that goes. */
  drop(record: number): void {
    if (!this.kinds.comment) return
    const text = this.#comments[record]
    if (text === undefined) return
    this.commentBytes -= commentHeaderBytes + bytesOfText.encode(text).length + 1
    this.#comments[record] = undefined
  }

  isOver(record: number, nowTicks: number): boolean {
    if (this.kinds.defaultTimeout === null) return false
    const expires = this.#expires[record]!
    return expires !== 0 && expires < nowTicks
  }

  /** Whether the element counts for this packet; counts it. Source: ip_set_match_extensions(). */
  match(record: number, test: PacketTest | null, nowTicks: number): boolean {
    const { kinds } = this
    if (this.isOver(record, nowTicks)) return false
    if (test === null) return true
    if (kinds.counters) {
      if (!test.keepsCounters) {
        this.#bytes[record] = this.#bytes[record]! + BigInt(test.bytes)
        this.#packets[record] = this.#packets[record]! + 1n
      }
      if (test.counters !== null && !test.counters(this.#packets[record]!, this.#bytes[record]!)) return false
    }
    if (kinds.skbinfo) {
      const [mark = 0, markMask = 0, priority = 0, queue = 0] = this.#skbinfo.subarray(
        record * 4,
        record * 4 + 4,
      )
      test.skbinfo = { mark, markMask, priority, queue }
    }
    return true
  }

  /**
   * Adds what is kept to a listed element. `exact` seconds have fractions and are not rounded up to one.
   * Source: ip_set_put_extensions().
   */
  list(record: number, into: ElementAttributes, nowTicks: number, exact: boolean, hasBegun = true): void {
    const { kinds } = this
    if (kinds.defaultTimeout !== null) {
      const expires = this.#expires[record]!
      into.timeout = !hasBegun ? expires : expires === 0 ? 0 : secondsLeft(expires - nowTicks, this.hz, exact)
    }
    if (kinds.counters) {
      into.packets = this.#packets[record]!
      into.bytes = this.#bytes[record]!
    }
    const comment = kinds.comment ? this.#comments[record] : undefined
    if (comment !== undefined) into.comment = comment
    if (kinds.skbinfo) {
      const at = record * 4
      into.skbmark = this.#skbinfo[at]!
      into.skbmarkmask = this.#skbinfo[at + 1]!
      into.skbprio = this.#skbinfo[at + 2]!
      into.skbqueue = this.#skbinfo[at + 3]!
    }
  }
}

/** Zero would mean for ever. */
const secondsLeft = (ticks: number, hz: number, exact: boolean): number =>
  exact ? ticks / hz || 1 / hz : Math.floor(ticks / hz) || 1

function grown<T extends Float64Array | BigUint64Array | Uint32Array>(old: T, fresh: T): T {
  fresh.set(old as never)
  return fresh
}
