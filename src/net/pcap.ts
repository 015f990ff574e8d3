/**
 * pcap files: one link type, a header of 24 bytes, then records of a 16-byte header and the packet.
 *
 * Read first: draft-ietf-opsawg-pcap. Both byte orders, microseconds and nanoseconds.
 */

import type { ByteQueue } from './byte-queue.ts'
import {
  type ByteOrder,
  bigEndian,
  type CaptureInterface,
  type CaptureProblem,
  type CaptureRecord,
  type CaptureWriter,
  type FormatReader,
  littleEndian,
} from './capture-record.ts'

const fileHeaderLength = 24
const recordHeaderLength = 16

const magicMicroseconds = 0xa1b2c3d4
const magicNanoseconds = 0xa1b23c4d

/** Most bytes a record may claim. Source: MAXIMUM_SNAPLEN of libpcap 1.10; Wireshark 4.0 has the same limit. */
export const maxRecordLength = 262144

interface Layout {
  readonly order: ByteOrder
  /** Nanoseconds in one unit of the record's second time field. */
  readonly fractionNs: number
}

/** What the first four bytes tell, or null when they are no pcap magic number. */
export function recognizePcap(magic: Uint8Array): Layout | null {
  for (const order of [littleEndian, bigEndian]) {
    const value = order.u32(magic, 0)
    if (value === magicMicroseconds) return { order, fractionNs: 1000 }
    if (value === magicNanoseconds) return { order, fractionNs: 1 }
  }
  return null
}

export class PcapReader implements FormatReader {
  readonly format = 'pcap'
  readonly #order: ByteOrder
  readonly #fractionNs: number
  /** Null until the file header was read. */
  #interface: CaptureInterface | null = null
  /** The second of the record before, which is mostly that of the next. */
  #second = 0
  #secondNs = 0n

  constructor(layout: Layout) {
    this.#order = layout.order
    this.#fractionNs = layout.fractionNs
  }

  read(queue: ByteQueue, deliver: (record: CaptureRecord) => void): CaptureProblem | null {
    if (this.#interface === null) {
      const offset = queue.offset
      const header = queue.take(fileHeaderLength)
      if (header === null) return null
      const major = this.#order.u16(header, 4)
      if (major !== 2) return { offset, what: `pcap version ${major}, where only version 2 is known` }
      this.#interface = this.#readInterface(header)
    }
    return this.#readRecords(this.#interface, queue, deliver)
  }

  #readInterface(header: Uint8Array): CaptureInterface {
    // The upper six bits tell the length of an Ethernet check sequence; the IP length makes it harmless.
    const linkType = this.#order.u32(header, 20) & 0x03ffffff
    return { name: null, description: null, linkType, snapLength: this.#order.u32(header, 16) }
  }

  #readRecords(
    on: CaptureInterface,
    queue: ByteQueue,
    deliver: (record: CaptureRecord) => void,
  ): CaptureProblem | null {
    const { u32 } = this.#order
    for (;;) {
      if (!queue.has(recordHeaderLength)) return null
      const length = u32(queue.bytes, queue.at + 8)
      if (length > maxRecordLength) {
        return { offset: queue.offset, what: `a record claims ${length} bytes, more than ${maxRecordLength}` }
      }
      if (!queue.has(recordHeaderLength + length)) return null
      const { bytes, at } = queue
      queue.skip(recordHeaderLength + length)
      const start = at + recordHeaderLength
      deliver({
        timestampNs: this.#secondsNs(u32(bytes, at)) + BigInt(u32(bytes, at + 4) * this.#fractionNs),
        interface: on,
        bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + start, length),
        originalLength: u32(bytes, at + 12),
        direction: null,
        comment: null,
      })
    }
  }

  #secondsNs(second: number): bigint {
    if (second !== this.#second) {
      this.#second = second
      this.#secondNs = BigInt(second) * 1_000_000_000n
    }
    return this.#secondNs
  }

  describeRest(rest: Uint8Array): string {
    if (this.#interface === null)
      return `the file ends in its header (${rest.length} of ${fileHeaderLength} bytes)`
    if (rest.length < recordHeaderLength) {
      return `the file ends in a record header (${rest.length} of ${recordHeaderLength} bytes)`
    }
    const length = this.#order.u32(rest, 8)
    return `the file ends in a packet (${rest.length - recordHeaderLength} of ${length} bytes)`
  }
}

export interface PcapOptions {
  readonly linkType: number
  /** Default 262144. */
  readonly snapLength?: number
  /** Default true; false writes microseconds, cutting the rest off. */
  readonly nanoseconds?: boolean
  /** Default little endian. */
  readonly bigEndian?: boolean
}

/**
 * Writes pcap. Interface names, directions and comments have no place in it and are lost; times before 1970 and
 * after 2106 become the nearest that fit.
 */
export class PcapWriter implements CaptureWriter {
  readonly #options: Required<PcapOptions>

  constructor(options: PcapOptions) {
    this.#options = { snapLength: maxRecordLength, nanoseconds: true, bigEndian: false, ...options }
  }

  header(): Uint8Array {
    const { linkType, snapLength, nanoseconds } = this.#options
    const little = !this.#options.bigEndian
    const bytes = new Uint8Array(fileHeaderLength)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, nanoseconds ? magicNanoseconds : magicMicroseconds, little)
    view.setUint16(4, 2, little)
    view.setUint16(6, 4, little)
    view.setUint32(16, snapLength, little)
    view.setUint32(20, linkType, little)
    return bytes
  }

  /** Preconditions: the record has the link type of the file. */
  record({ timestampNs, interface: { linkType }, bytes, originalLength }: CaptureRecord): Uint8Array {
    if (linkType !== this.#options.linkType) {
      throw new Error(`link type ${linkType} in a pcap file of link type ${this.#options.linkType}`)
    }
    const little = !this.#options.bigEndian
    const fractionNs = this.#options.nanoseconds ? 1n : 1000n
    const time = timestampNs < 0n ? 0n : timestampNs < latestNs ? timestampNs : latestNs
    const block = new Uint8Array(recordHeaderLength + bytes.length)
    const view = new DataView(block.buffer)
    view.setUint32(0, Number(time / 1_000_000_000n), little)
    view.setUint32(4, Number((time % 1_000_000_000n) / fractionNs), little)
    view.setUint32(8, bytes.length, little)
    view.setUint32(12, originalLength, little)
    block.set(bytes, recordHeaderLength)
    return block
  }
}

const latestNs = 2n ** 32n * 1_000_000_000n - 1n
