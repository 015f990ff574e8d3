/** What capture files hold, whatever their format. */
import type { ByteQueue } from './byte-queue.ts'

/** Link types that `linkPayload` understands. Source: https://www.tcpdump.org/linktypes.html. */
export const linkTypes = {
  null: 0,
  ethernet: 1,
  /** DLT_RAW of most systems, written by some programs where 101 belongs. */
  rawBsd: 12,
  raw: 101,
  loop: 108,
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const

export interface CaptureInterface {
  /** Null where the format or the file names none. */
  readonly name: string | null
  readonly description: string | null
  readonly linkType: number
  /** Most bytes kept of a packet; 0 when there is no limit. */
  readonly snapLength: number
}

export type Direction = 'in' | 'out'

export interface CaptureRecord {
  /** Nanoseconds since 1970; 0 where the file gives no time (simple packet blocks). */
  readonly timestampNs: bigint
  readonly interface: CaptureInterface
  /** What was captured: a view of the bytes that were read, where possible. */
  readonly bytes: Uint8Array
  /** Length on the wire; more than `bytes` holds where the capture cut the packet. */
  readonly originalLength: number
  /** Null where the file does not say. */
  readonly direction: Direction | null
  /** Several comments are joined by newlines. */
  readonly comment: string | null
}

/** Where and why reading ended before the end of the file. */
export interface CaptureProblem {
  /** Place in the file, in bytes, of the record or block that could not be read. */
  readonly offset: number
  readonly what: string
}

export type CaptureFormat = 'pcap' | 'pcapng'

/** One format's half of a reader. */
export interface FormatReader {
  readonly format: CaptureFormat
  /** Takes every whole record off the queue. Returns the problem that ends the reading, or null to wait for more. */
  read(queue: ByteQueue, deliver: (record: CaptureRecord) => void): CaptureProblem | null
  /** What the file should still have held, in words; asked when it ends with bytes left over. */
  describeRest(rest: Uint8Array): string
}

/** Makes the bytes of a file: `header()` first, then each record. */
export interface CaptureWriter {
  header(): Uint8Array
  record(record: CaptureRecord): Uint8Array
}

/** Reads integers in one byte order. Offsets are not checked. */
export interface ByteOrder {
  readonly little: boolean
  u16(bytes: Uint8Array, at: number): number
  u32(bytes: Uint8Array, at: number): number
}

export const littleEndian: ByteOrder = {
  little: true,
  u16: (bytes, at) => bytes[at]! | (bytes[at + 1]! << 8),
  u32: (bytes, at) =>
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0,
}

export const bigEndian: ByteOrder = {
  little: false,
  u16: (bytes, at) => (bytes[at]! << 8) | bytes[at + 1]!,
  u32: (bytes, at) =>
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0,
}

export const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`
