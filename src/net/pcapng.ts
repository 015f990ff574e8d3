/**
 * pcapng files, read: sections of blocks, each `type, length, body, length` in the section's byte order.
 *
 * Read first: draft-ietf-opsawg-pcapng sections 3 and 4. Packets come from enhanced, simple and obsolete packet
 * blocks; interface descriptions are kept; names, statistics, secrets, custom and unknown blocks are skipped.
 * A block that contradicts itself ends the reading, since nothing tells where the next one would begin.
 */

import type { ByteQueue } from './byte-queue.ts'
import {
  type ByteOrder,
  bigEndian,
  type CaptureInterface,
  type CaptureProblem,
  type CaptureRecord,
  type Direction,
  type FormatReader,
  hex32,
  littleEndian,
} from './capture-record.ts'

export const blockTypes = {
  /** Reads the same in both byte orders. */
  section: 0x0a0d0d0a,
  interface: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const

export const byteOrderMagic = 0x1a2b3c4d

export const options = {
  end: 0,
  comment: 1,
  sectionApplication: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  interfaceTimeResolution: 9,
  interfaceTimeOffset: 14,
  packetFlags: 2,
} as const

/** Most bytes of a block. Source: INITIAL_MAX_BLOCKSIZE of libpcap 1.10, sf-pcapng.c. */
export const maxBlockLength = 16 * 1024 * 1024

/** Most interfaces of a section: far more than any machine has, little enough for memory. */
const maxInterfaces = 65536

const sectionHeaderLength = 28
const blockFrameLength = 12

/** Least length of the blocks that are read; all others need only their frame. */
const leastLength: Readonly<Record<number, number>> = {
  [blockTypes.section]: sectionHeaderLength,
  [blockTypes.interface]: 20,
  [blockTypes.obsoletePacket]: 32,
  [blockTypes.simplePacket]: 16,
  [blockTypes.enhancedPacket]: 32,
}

const blockNames: Readonly<Record<number, string>> = {
  [blockTypes.section]: 'section header',
  [blockTypes.interface]: 'interface description',
  [blockTypes.obsoletePacket]: 'obsolete packet',
  [blockTypes.simplePacket]: 'simple packet',
  [blockTypes.enhancedPacket]: 'enhanced packet',
}

const nameBlock = (type: number): string => `${blockNames[type] ?? hex32(type)} block`

interface SectionInterface {
  readonly shown: CaptureInterface
  /** Ticks of this interface's clock to nanoseconds since 1970. */
  readonly toNs: (high: number, low: number) => bigint
}

/** A block that contradicts itself; never leaves this file. */
class Contradiction extends Error {}

export class PcapngReader implements FormatReader {
  readonly format = 'pcapng'
  #order: ByteOrder = littleEndian
  /** Of the present section, by number. */
  #interfaces: SectionInterface[] = []
  /** Of the options of the packet at hand. */
  #flags = 0
  #comment: string | null = null

  read(queue: ByteQueue, deliver: (record: CaptureRecord) => void): CaptureProblem | null {
    for (;;) {
      const offset = queue.offset
      try {
        const length = this.#findBlock(queue)
        if (length < 0) return null
        const { bytes, at } = queue
        queue.skip(length)
        const record = this.#readBlock(bytes, at, length)
        if (record !== null) deliver(record)
      } catch (error) {
        if (error instanceof Contradiction) return { offset, what: error.message }
        throw error
      }
    }
  }

  /** Length of the next whole block, which then stands in one piece in the queue; -1 while it is incomplete. */
  #findBlock(queue: ByteQueue): number {
    if (!queue.has(blockFrameLength)) return -1
    const { bytes: head, at } = queue
    const isSection = littleEndian.u32(head, at) === blockTypes.section
    const type = isSection ? blockTypes.section : this.#order.u32(head, at)
    if (isSection) this.#order = sectionOrder(head, at)
    const length = this.#order.u32(head, at + 4)
    const least = leastLength[type] ?? blockFrameLength
    if (length < least) throw new Contradiction(`${nameBlock(type)} of ${length} bytes, less than ${least}`)
    if (length % 4 !== 0) throw new Contradiction(`${nameBlock(type)} of ${length} bytes, no multiple of 4`)
    if (length > maxBlockLength) {
      throw new Contradiction(`${nameBlock(type)} of ${length} bytes, more than ${maxBlockLength}`)
    }
    if (!queue.has(length)) return -1
    const trailer = this.#order.u32(queue.bytes, queue.at + length - 4)
    if (trailer !== length) {
      throw new Contradiction(`${nameBlock(type)} gives its length as ${length} and at its end as ${trailer}`)
    }
    return length
  }

  #readBlock(bytes: Uint8Array, at: number, length: number): CaptureRecord | null {
    const type = this.#order.u32(bytes, at)
    if (type === blockTypes.enhancedPacket)
      return this.#readPacket(bytes, at, length, this.#order.u32(bytes, at + 8))
    if (type === blockTypes.obsoletePacket)
      return this.#readPacket(bytes, at, length, this.#order.u16(bytes, at + 8))
    const block = bytes.subarray(at, at + length)
    switch (type) {
      case blockTypes.section:
        this.#beginSection(block)
        return null
      case blockTypes.interface:
        if (this.#interfaces.length === maxInterfaces) {
          throw new Contradiction(`a section describes more than ${maxInterfaces} interfaces`)
        }
        this.#interfaces.push(readInterface(block, this.#order))
        return null
      case blockTypes.simplePacket:
        return this.#readSimplePacket(block)
      default:
        return null
    }
  }

  #beginSection(block: Uint8Array): void {
    const major = this.#order.u16(block, 12)
    if (major !== 1) throw new Contradiction(`pcapng version ${major}, where only version 1 is known`)
    this.#interfaces = []
  }

  /** Enhanced and obsolete packet blocks are alike behind the interface number; their flags have the same bits. */
  #readPacket(bytes: Uint8Array, at: number, blockLength: number, interfaceNumber: number): CaptureRecord {
    const { u32 } = this.#order
    const { shown, toNs } = this.#interface(interfaceNumber)
    const length = u32(bytes, at + 20)
    const start = at + 28
    const end = at + blockLength - 4
    if (start + length > end)
      throw new Contradiction(`a packet of ${length} bytes in a block of ${blockLength}`)
    this.#flags = 0
    this.#comment = null
    const firstOption = start + roundUp4(length)
    if (firstOption < end) this.#readPacketOptions(bytes, firstOption, end)
    return {
      timestampNs: toNs(u32(bytes, at + 12), u32(bytes, at + 16)),
      interface: shown,
      bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + start, length),
      originalLength: u32(bytes, at + 24),
      direction: directions[this.#flags & 3] ?? null,
      comment: this.#comment,
    }
  }

  #readPacketOptions(bytes: Uint8Array, start: number, end: number): void {
    const { u16, u32 } = this.#order
    // Mostly there are flags alone, and no other.
    const isPlain =
      start + 12 === end &&
      u16(bytes, start) === options.packetFlags &&
      u16(bytes, start + 2) === 4 &&
      u32(bytes, start + 8) === 0
    if (isPlain) {
      this.#flags = u32(bytes, start + 4)
      return
    }
    eachOption(bytes, start, end, this.#order, (code, value) => {
      if (code === options.comment) {
        const text = decodeText(value)
        this.#comment = this.#comment === null ? text : `${this.#comment}\n${text}`
      } else if (code === options.packetFlags && value.length === 4) this.#flags = u32(value, 0)
    })
  }

  #readSimplePacket(block: Uint8Array): CaptureRecord {
    const { shown } = this.#interface(0)
    const originalLength = this.#order.u32(block, 8)
    const kept = shown.snapLength === 0 ? originalLength : Math.min(originalLength, shown.snapLength)
    if (roundUp4(kept) > block.length - 16) {
      throw new Contradiction(`a packet of ${kept} bytes in a block of ${block.length}`)
    }
    return {
      timestampNs: 0n,
      interface: shown,
      bytes: block.subarray(12, 12 + kept),
      originalLength,
      direction: null,
      comment: null,
    }
  }

  #interface(number: number): SectionInterface {
    const found = this.#interfaces[number]
    if (found === undefined) {
      throw new Contradiction(`a packet of interface ${number}, of ${this.#interfaces.length} described`)
    }
    return found
  }

  describeRest(rest: Uint8Array): string {
    if (rest.length < blockFrameLength) return `the file ends in a block header (${rest.length} bytes of it)`
    const type = this.#order.u32(rest, 0)
    return `the file ends in its ${nameBlock(type)} (${rest.length} of ${this.#order.u32(rest, 4)} bytes)`
  }
}

/** Bits 0 and 1 of the packet flags. */
const directions: readonly (Direction | null)[] = [null, 'in', 'out', null]

function sectionOrder(head: Uint8Array, at: number): ByteOrder {
  for (const order of [littleEndian, bigEndian]) if (order.u32(head, at + 8) === byteOrderMagic) return order
  throw new Contradiction(`a section header with the byte order mark ${hex32(bigEndian.u32(head, at + 8))}`)
}

function readInterface(block: Uint8Array, order: ByteOrder): SectionInterface {
  let name: string | null = null
  let description: string | null = null
  let resolution = 6
  let offsetSeconds = 0n
  eachOption(block, 16, block.length - 4, order, (code, value) => {
    if (code === options.interfaceName) name = decodeText(value)
    else if (code === options.interfaceDescription) description = decodeText(value)
    else if (code === options.interfaceTimeResolution && value.length === 1) resolution = value[0]!
    else if (code === options.interfaceTimeOffset && value.length === 8) {
      offsetSeconds = new DataView(value.buffer, value.byteOffset, 8).getBigInt64(0, order.little)
    }
  })
  const shown = { name, description, linkType: order.u16(block, 8), snapLength: order.u32(block, 12) }
  return { shown, toNs: clock(resolution, offsetSeconds * 1_000_000_000n) }
}

/** `if_tsresol`: a power of 10, or of 2 where the highest bit is set. Finer times than nanoseconds are cut off. */
function clock(resolution: number, offsetNs: bigint): SectionInterface['toNs'] {
  const exponent = BigInt(resolution & 0x7f)
  const ticksPerSecond = resolution & 0x80 ? 1n << exponent : 10n ** exponent
  const ticks = (high: number, low: number) => (BigInt(high) << 32n) | BigInt(low)
  if (1_000_000_000n % ticksPerSecond !== 0n) {
    return (high, low) => (ticks(high, low) * 1_000_000_000n) / ticksPerSecond + offsetNs
  }
  const tickNs = 1_000_000_000n / ticksPerSecond
  // From one packet to the next it is not far: numbers reach, where the arithmetic of large ones costs more than a packet.
  let [baseHigh, baseLow, baseNs] = [-1, 0, 0n]
  const tick = Number(tickNs)
  return (high, low) => {
    if (high !== baseHigh || low < baseLow || (low - baseLow) * tick > nearNs) {
      ;[baseHigh, baseLow, baseNs] = [high, low, ticks(high, low) * tickNs + offsetNs]
      return baseNs
    }
    return baseNs + BigInt((low - baseLow) * tick)
  }
}

/** More than an hour, and less than numbers hold. */
const nearNs = 2 ** 42

/** Visits the options from `start` to `end`; a missing end mark is fine, a cut option is not. */
function eachOption(
  block: Uint8Array,
  start: number,
  end: number,
  order: ByteOrder,
  visit: (code: number, value: Uint8Array) => void,
): void {
  for (let at = start; at + 4 <= end; ) {
    const code = order.u16(block, at)
    if (code === options.end) return
    const length = order.u16(block, at + 2)
    if (at + 4 + length > end)
      throw new Contradiction(`an option of ${length} bytes runs over the end of its block`)
    visit(code, block.subarray(at + 4, at + 4 + length))
    at += 4 + roundUp4(length)
  }
}

const utf8 = new TextDecoder('utf-8')

/** Some programs end texts with a zero byte, which does not belong to them. */
const decodeText = (bytes: Uint8Array): string => {
  const zero = bytes.indexOf(0)
  return utf8.decode(zero < 0 ? bytes : bytes.subarray(0, zero))
}

export const roundUp4 = (length: number): number => Math.ceil(length / 4) * 4
