/**
 * The bitmap types: a bit for each address, network or port of a range.
 *
 * Kernel: net/netfilter/ipset/ip_set_bitmap_gen.h, ip_set_bitmap_ip.c, ip_set_bitmap_ipmac.c, ip_set_bitmap_port.c,
 * Linux 6.18.
 */
import type { CreateAttributes, ElementAttributes, SetError, SetTypeName } from '../../lang/ipset/kernel.ts'
import type { Family } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { maskWord } from './layout.ts'
import { networkRange } from './range.ts'
import {
  type Extensions,
  elementBytes,
  kindsOf,
  type PacketTest,
  Records,
  readExtensions,
  sameKinds,
} from './record.ts'
import type { PacketQuestion, SetOfKind, TestAnswer } from './set.ts'

export type BitmapTypeName = Extract<SetTypeName, `bitmap:${string}`>

/** The most that a bitmap holds. */
const mostElements = 65536

/** Bytes of an empty bitmap without its bits, and of an element; measured on Linux 6.18. */
const sizes: Readonly<Record<BitmapTypeName, { readonly map: number; readonly element: number }>> = {
  'bitmap:ip': { map: 88, element: 0 },
  'bitmap:ip,mac': { map: 80, element: 8 },
  'bitmap:port': { map: 72, element: 0 },
}

interface Range {
  readonly first: number
  readonly last: number
  /** Addresses that one bit stands for. */
  readonly step: number
  readonly elements: number
  readonly netmask: number | undefined
}

/** The set, or what the kernel refuses. */
export function createBitmap(
  type: BitmapTypeName,
  attributes: CreateAttributes,
  hz: number,
): BitmapSet | SetError {
  const range = type === 'bitmap:port' ? portsOf(attributes) : addressesOf(attributes)
  return typeof range === 'string' ? range : new BitmapSet(type, range, attributes, hz)
}

function portsOf({ port = 0, portTo = 0 }: CreateAttributes): Range {
  const [first, last] = port <= portTo ? [port, portTo] : [portTo, port]
  return { first, last, step: 1, elements: last - first + 1, netmask: undefined }
}

/** Source: bitmap_ip_create(). */
function addressesOf({ ip, ipTo, cidr, netmask = 32 }: CreateAttributes): Range | SetError {
  let [first, last] = [ip![0]!, ipTo?.[0] ?? 0]
  if (ipTo !== undefined) {
    if (last < first) [first, last] = [last, first]
  } else {
    if (cidr === undefined || cidr >= 32) return 'INVALID_CIDR'
    ;[first, last] = networkRange(first, cidr)
  }
  if (netmask === 32) {
    const elements = last - first + 1
    if (elements > mostElements) return 'BITMAP_RANGE_SIZE'
    return { first, last, step: 1, elements, netmask: undefined }
  }
  first = (first & maskWord(netmask)) >>> 0
  last = (last | ~maskWord(netmask)) >>> 0
  const length = lengthOfRange(first, last)
  if (length === null || netmask <= length) return 'BITMAP_RANGE'
  const elements = 2 ** (netmask - length)
  if (elements > mostElements) return 'BITMAP_RANGE_SIZE'
  return { first, last, step: 2 ** (32 - netmask), elements, netmask }
}

/** The prefix length of the network that a range is; null where it is none. Source: range_to_mask(). */
function lengthOfRange(first: number, last: number): number | null {
  let mask = 0xfffffffe
  let bits = 32
  while (--bits > 0 && mask !== 0 && (last & mask) >>> 0 !== first) mask = (mask << 1) >>> 0
  return mask === 0 && (first !== 0 || last !== 0xffffffff) ? null : bits
}

export class BitmapSet implements SetOfKind {
  readonly type: BitmapTypeName
  readonly family: Family | null
  readonly dimension: number
  readonly create: CreateAttributes
  readonly #range: Range
  readonly #records: Records
  readonly #bits: Uint8Array
  /** Of `bitmap:ip,mac`: six bytes each, and whether they are known. */
  readonly #ethers: Uint8Array
  readonly #isFilled: Uint8Array
  #count = 0

  constructor(type: BitmapTypeName, range: Range, attributes: CreateAttributes, hz: number) {
    this.type = type
    this.family = type === 'bitmap:port' ? null : 'ipv4'
    this.dimension = type === 'bitmap:ip,mac' ? 2 : 1
    this.#range = range
    const { first, last, elements, netmask } = range
    const { timeout, counters, comment, skbinfo } = attributes
    this.create = {
      ...(type === 'bitmap:port' ? { port: first, portTo: last } : { ip: [first], ipTo: [last] }),
      ...(netmask !== undefined && { netmask }),
      ...(timeout !== undefined && { timeout }),
      ...(counters && { counters }),
      ...(comment && { comment }),
      ...(skbinfo && { skbinfo }),
    }
    this.#records = new Records(kindsOf(attributes), hz, elements)
    this.#bits = new Uint8Array(elements)
    const macs = type === 'bitmap:ip,mac' ? elements : 0
    this.#ethers = new Uint8Array(macs * 6)
    this.#isFilled = new Uint8Array(macs)
  }

  memoryBytes(): number {
    const { map, element } = sizes[this.type]
    const { elements } = this.#range
    const each = elementBytes(this.#records.kinds, element, element === 0 ? 1 : 8)
    return map + Math.ceil(elements / 64) * 8 + elements * each + this.#records.commentBytes
  }

  count(): number {
    return this.#count
  }

  isLike(other: SetOfKind): boolean {
    if (!(other instanceof BitmapSet) || other.type !== this.type) return false
    const [a, b] = [this.#range, other.#range]
    return (
      a.first === b.first &&
      a.last === b.last &&
      a.step === b.step &&
      sameKinds(this.#records.kinds, other.#records.kinds)
    )
  }

  flush(): void {
    for (let id = 0; id < this.#bits.length; id++) if (this.#bits[id] === 1) this.#records.drop(id)
    this.#bits.fill(0)
    this.#count = 0
  }

  /** Elements without a link address have no time yet. */
  sweep(nowTicks: number): void {
    for (let id = 0; id < this.#bits.length; id++) {
      if (this.#bits[id] !== 1 || !this.#hasTime(id) || !this.#records.isOver(id, nowTicks)) continue
      this.#bits[id] = 0
      this.#records.drop(id)
      this.#count--
    }
  }

  #hasTime(id: number): boolean {
    return this.type !== 'bitmap:ip,mac' || this.#isFilled[id] === 1
  }

  *members(nowTicks: number, exact: boolean): Iterable<ElementAttributes> {
    const { first, step } = this.#range
    for (let id = 0; id < this.#bits.length; id++) {
      const hasBegun = this.#hasTime(id)
      if (this.#bits[id] !== 1 || (hasBegun && this.#records.isOver(id, nowTicks))) continue
      const element: ElementAttributes =
        this.type === 'bitmap:port' ? { port: first + id } : { ip: [first + id * step] }
      if (this.type === 'bitmap:ip,mac' && hasBegun) element.ether = this.#ethers.slice(id * 6, id * 6 + 6)
      this.#records.list(id, element, nowTicks, exact, hasBegun)
      yield element
    }
  }

  // --- Commands

  change(kind: 'add' | 'del', element: ElementAttributes, exist: boolean, nowTicks: number): SetError | null {
    // The first port is looked at before what is to be kept beside it, addresses after that.
    if (this.type === 'bitmap:port' && !this.#holds(element.port!)) return 'BITMAP_RANGE'
    const extensions = readExtensions(this.#records.kinds, element)
    if (typeof extensions === 'string') return extensions
    const span = this.#spanOf(element)
    if (typeof span === 'string') return span
    for (let value = span[0]; value <= span[1]; value += this.#range.step) {
      const id = this.#idOf(value)
      const isDone =
        kind === 'add'
          ? this.#add(id, element.ether ?? null, extensions, exist, nowTicks)
          : this.#delete(id, nowTicks)
      if (!isDone && !exist) return 'EXIST'
    }
    return null
  }

  #holds(value: number): boolean {
    return this.#range.first <= value && value <= this.#range.last
  }

  #idOf(value: number): number {
    const { first, step } = this.#range
    return Math.floor((value - first) / step)
  }

  #spanOf(element: ElementAttributes): readonly [number, number] | SetError {
    const { first, last } = this.#range
    const from = element.ip?.[0] ?? element.port ?? 0
    if (from < first || last < from) return 'BITMAP_RANGE'
    const to = element.ipTo?.[0] ?? element.portTo
    let span: readonly [number, number] = [from, from]
    if (to !== undefined) {
      span = from <= to ? [from, to] : [to, from]
    } else if (element.cidr !== undefined) {
      if (element.cidr === 0) return 'INVALID_CIDR'
      span = networkRange(from, element.cidr)
    }
    return span[0] < first || last < span[1] ? 'BITMAP_RANGE' : span
  }

  /** Whether it was added. Source: mtype_add(), bitmap_ipmac_do_add(). */
  #add(
    id: number,
    ether: Uint8Array | null,
    extensions: Extensions,
    exist: boolean,
    nowTicks: number,
  ): boolean {
    const isMac = this.type === 'bitmap:ip,mac'
    let stored: number | null = null
    if (this.#bits[id] === 1) {
      const fills = isMac && this.#isFilled[id] === 0 && ether !== null
      if (fills) {
        stored = this.#records.kinds.defaultTimeout === null ? null : this.#records.storedTime(id)
        this.#setEther(id, ether)
        this.#count--
      } else {
        if (isMac && this.#isFilled[id] === 1 && ether !== null && exist) this.#setEther(id, ether)
        const isOver = this.#isOver(id, nowTicks)
        if (!isOver && !exist) return false
        this.#records.drop(id)
        this.#count--
      }
    } else if (isMac) {
      if (ether !== null) this.#setEther(id, ether)
      else this.#isFilled[id] = 0
    }
    this.#records.write(id, extensions, nowTicks)
    const { defaultTimeout } = this.#records.kinds
    if (defaultTimeout !== null && isMac) {
      const { timeout } = extensions
      if (stored !== null) {
        this.#records.startTime(id, timeout === defaultTimeout ? stored : timeout, nowTicks)
      } else if (ether === null) {
        // Where the link address is known, what is stored is taken for a moment, and that one was long ago.
        const isKnown = this.#isFilled[id] === 1 && timeout !== 0
        this.#records.storeTime(id, isKnown ? -1 : timeout)
      }
    }
    this.#bits[id] = 1
    this.#count++
    return true
  }

  /** A time that has not begun is taken for one of long ago: it is a small number. */
  #isOver(id: number, nowTicks: number): boolean {
    if (this.#hasTime(id)) return this.#records.isOver(id, nowTicks)
    return this.#records.kinds.defaultTimeout !== null && this.#records.storedTime(id) !== 0
  }

  #setEther(id: number, ether: Uint8Array): void {
    this.#ethers.set(ether, id * 6)
    this.#isFilled[id] = 1
  }

  #delete(id: number, nowTicks: number): boolean {
    if (this.#bits[id] !== 1) return false
    this.#bits[id] = 0
    this.#records.drop(id)
    this.#count--
    return !this.#isOver(id, nowTicks)
  }

  test(element: ElementAttributes, nowTicks: number): boolean {
    const { first, last } = this.#range
    const value = element.ip?.[0] ?? element.port ?? 0
    if (value < first || last < value) return false
    return this.#test(this.#idOf(value), element.ether ?? null, null, nowTicks) !== 'no'
  }

  #test(id: number, ether: Uint8Array | null, packet: PacketTest | null, nowTicks: number): TestAnswer {
    if (this.#bits[id] !== 1) return 'no'
    if (this.type === 'bitmap:ip,mac') {
      if (ether === null || this.#isFilled[id] === 0) return 'complete'
      if (ether.some((byte, at) => byte !== this.#ethers[id * 6 + at])) return 'no'
    }
    return this.#records.match(id, packet, nowTicks) ? 'yes' : 'no'
  }

  // --- Packets

  testPacket(question: PacketQuestion, packet: PacketTest, nowTicks: number): TestAnswer {
    const found = this.#ofPacket(question)
    return found === null ? 'no' : this.#test(found.id, found.ether, packet, nowTicks)
  }

  changeByPacket(
    kind: 'add' | 'del',
    question: PacketQuestion,
    extensions: Extensions,
    exist: boolean,
    nowTicks: number,
  ): boolean {
    const found = this.#ofPacket(question)
    if (found === null) return false
    return kind === 'add'
      ? this.#add(found.id, found.ether, extensions, exist, nowTicks)
      : this.#delete(found.id, nowTicks)
  }

  #ofPacket(question: PacketQuestion): { readonly id: number; readonly ether: Uint8Array | null } | null {
    const [isSource = true, isSecondSource = true] = question.isSource
    let value: number
    if (this.type === 'bitmap:port') {
      const found = question.port(isSource)
      if (found === null || (found.proto !== ipProtocol.tcp && found.proto !== ipProtocol.udp)) return null
      value = found.port
    } else {
      value = question.address(isSource)[0]!
    }
    const { first, last } = this.#range
    if (value < first || last < value) return null
    if (this.type !== 'bitmap:ip,mac') return { id: this.#idOf(value), ether: null }
    const ether = question.ether(isSecondSource)
    return ether === null || ether.every((byte) => byte === 0) ? null : { id: this.#idOf(value), ether }
  }
}
