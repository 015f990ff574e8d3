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

  read(queue: ByteQueue, deliver: (record: CaptureRecord) => void): CaptureProblem | null {
    for (;;) {
      const offset = queue.offset
      try {
        const block = this.#nextBlock(queue)
        if (block === null) return null
        const record = this.#readBlock(block)
        if (record !== null) deliver(record)
      } catch (error) {
        if (error instanceof Contradiction) return { offset, what: error.message }
        throw error
      }
    }
  }

  /** The next whole block, taken off; null while it is incomplete. */
  #nextBlock(queue: ByteQueue): Uint8Array | null {
    const head = queue.peek(blockFrameLength)
    if (head === null) return null
    const type =
      littleEndian.u32(head, 0) === blockTypes.section ? blockTypes.section : this.#order.u32(head, 0)
    if (type === blockTypes.section) this.#order = sectionOrder(head)
    const length = this.#order.u32(head, 4)
    const least = leastLength[type] ?? blockFrameLength
    if (length < least) throw new Contradiction(`${nameBlock(type)} of ${length} bytes, less than ${least}`)
    if (length % 4 !== 0) throw new Contradiction(`${nameBlock(type)} of ${length} bytes, no multiple of 4`)
    if (length > maxBlockLength) {
      throw new Contradiction(`${nameBlock(type)} of ${length} bytes, more than ${maxBlockLength}`)
    }
    const block = queue.take(length)
    if (block === null) return null
    const trailer = this.#order.u32(block, length - 4)
    if (trailer !== length) {
      throw new Contradiction(`${nameBlock(type)} gives its length as ${length} and at its end as ${trailer}`)
    }
    return block
  }

  #readBlock(block: Uint8Array): CaptureRecord | null {
    switch (this.#order.u32(block, 0)) {
      case blockTypes.section:
        this.#beginSection(block)
        return null
      case blockTypes.interface:
        if (this.#interfaces.length === maxInterfaces) {
          throw new Contradiction(`a section describes more than ${maxInterfaces} interfaces`)
        }
        this.#interfaces.push(readInterface(block, this.#order))
        return null
      case blockTypes.enhancedPacket:
        return this.#readPacket(block, this.#order.u32(block, 8))
      case blockTypes.obsoletePacket:
        return this.#readPacket(block, this.#order.u16(block, 8))
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
  #readPacket(block: Uint8Array, interfaceNumber: number): CaptureRecord {
    const { u32 } = this.#order
    const { shown, toNs } = this.#interface(interfaceNumber)
    const length = u32(block, 20)
    const end = 28 + length
    if (end > block.length - 4)
      throw new Contradiction(`a packet of ${length} bytes in a block of ${block.length}`)
    let flags = 0
    const comments: string[] = []
    eachOption(block, 28 + roundUp4(length), this.#order, (code, value) => {
      if (code === options.comment) comments.push(decodeText(value))
      else if (code === options.packetFlags && value.length === 4) flags = u32(value, 0)
    })
    return {
      timestampNs: toNs(u32(block, 12), u32(block, 16)),
      interface: shown,
      bytes: block.subarray(28, end),
      originalLength: u32(block, 24),
      direction: directions[flags & 3] ?? null,
      comment: comments.length === 0 ? null : comments.join('\n'),
    }
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

function sectionOrder(head: Uint8Array): ByteOrder {
  for (const order of [littleEndian, bigEndian]) if (order.u32(head, 8) === byteOrderMagic) return order
  throw new Contradiction(`a section header with the byte order mark ${hex32(bigEndian.u32(head, 8))}`)
}

function readInterface(block: Uint8Array, order: ByteOrder): SectionInterface {
  let name: string | null = null
  let description: string | null = null
  let resolution = 6
  let offsetSeconds = 0n
  eachOption(block, 16, order, (code, value) => {
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
  return (high, low) => ticks(high, low) * tickNs + offsetNs
}

/** Visits the options between `start` and the block's end; a missing end mark is fine, a cut option is not. */
function eachOption(
  block: Uint8Array,
  start: number,
  order: ByteOrder,
  visit: (code: number, value: Uint8Array) => void,
): void {
  const end = block.length - 4
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
