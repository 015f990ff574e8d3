/**
 * Capture files of either format, read as a stream and written.
 *
 * No input makes a reader throw or allocate more than it was given: bad bytes end it with a `problem`, and all
 * records before them are delivered.
 */
import { ByteQueue } from './byte-queue.ts'
import type {
  CaptureFormat,
  CaptureProblem,
  CaptureRecord,
  CaptureWriter,
  FormatReader,
} from './capture-record.ts'
import { littleEndian } from './capture-record.ts'
import { PcapReader, recognizePcap } from './pcap.ts'
import { blockTypes, PcapngReader } from './pcapng.ts'
import { concatenate } from './pcapng-writer.ts'

export class CaptureReader {
  readonly #queue = new ByteQueue()
  #reader: FormatReader | null = null
  #problem: CaptureProblem | null = null

  /** Null until the first four bytes were seen. */
  get format(): CaptureFormat | null {
    return this.#reader?.format ?? null
  }

  /** What ended the reading early; null while all is well. */
  get problem(): CaptureProblem | null {
    return this.#problem
  }

  /**
   * Takes the next chunk and returns the records that became whole. The chunk must not change afterwards, since
   * records are views of it. Behind a problem everything is ignored.
   */
  push(chunk: Uint8Array): CaptureRecord[] {
    const records: CaptureRecord[] = []
    this.read(chunk, (record) => void records.push(record))
    return records
  }

  /**
   * As `push`, one record after the other: what is let go of at once costs a fraction of what is kept for the others of its
   * chunk.
   */
  read(chunk: Uint8Array, deliver: (record: CaptureRecord) => void): void {
    if (this.#problem !== null) return
    this.#queue.push(chunk)
    this.#reader ??= this.#recognize()
    if (this.#reader !== null && this.#problem === null) {
      this.#problem = this.#reader.read(this.#queue, deliver)
    }
  }

  /** Says that no more chunks come. Sets `problem` when the file ends in the middle of something. */
  end(): void {
    if (this.#problem !== null) return
    const { offset, length } = this.#queue
    if (this.#reader === null) {
      const what = length === 0 ? 'the file is empty' : `the file has only ${length} bytes`
      this.#problem = { offset, what }
    } else if (length > 0) {
      const rest = this.#queue.peek(length)!
      this.#problem = { offset, what: this.#reader.describeRest(rest) }
    }
  }

  #recognize(): FormatReader | null {
    const magic = this.#queue.peek(4)
    if (magic === null) return null
    if (littleEndian.u32(magic, 0) === blockTypes.section) return new PcapngReader()
    const layout = recognizePcap(magic)
    if (layout !== null) return new PcapReader(layout)
    this.#problem = { offset: 0, what: describeStranger(magic) }
    return null
  }
}

/** Other files that people take for captures, by their first bytes. */
const strangers: readonly (readonly [string, string])[] = [
  ['1f8b', 'compressed with gzip: unpack it first'],
  ['28b52ffd', 'compressed with zstd: unpack it first'],
  ['fd377a58', 'compressed with xz: unpack it first'],
  ['04224d18', 'compressed with lz4: unpack it first'],
  ['736e6f6f', 'a snoop capture: convert it with editcap'],
  ['34cdb2a1', 'a modified pcap file: convert it with editcap'],
  ['a1b2cd34', 'a modified pcap file: convert it with editcap'],
]

function describeStranger(magic: Uint8Array): string {
  const hex = Array.from(magic, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const known = strangers.find(([start]) => hex.startsWith(start))
  return `not a pcap or pcapng file (${known?.[1] ?? `it begins with ${hex}`})`
}

export interface Capture {
  readonly format: CaptureFormat | null
  readonly records: readonly CaptureRecord[]
  readonly problem: CaptureProblem | null
}

/** A whole capture that is in memory already. */
export function readCapture(bytes: Uint8Array): Capture {
  const reader = new CaptureReader()
  const records = reader.push(bytes)
  reader.end()
  return { format: reader.format, records, problem: reader.problem }
}

/** A whole capture file of these records. */
export function writeCapture(writer: CaptureWriter, records: Iterable<CaptureRecord>): Uint8Array {
  const parts = [writer.header()]
  for (const record of records) parts.push(writer.record(record))
  return concatenate(parts)
}

export * from './capture-record.ts'
export { PcapWriter } from './pcap.ts'
export { PcapngWriter } from './pcapng-writer.ts'
