/**
 * The headers of AH and ESP. Read first: RFC 4302 section 2, RFC 4303 section 2.
 *
 * Preconditions of all readers: the fixed 12 (AH) or 8 (ESP) bytes are present.
 */
import type { Reader } from './reader.ts'

export const ah = {
  headerBytes: 12,
  nextHeader: (packet: Reader, at: number): number => packet.u8(at),
  /** The raw length field: 32-bit words minus two. */
  length: (packet: Reader, at: number): number => packet.u8(at + 1),
  reserved: (packet: Reader, at: number): number => packet.u16(at + 2),
  spi: (packet: Reader, at: number): number => packet.u32(at + 4),
  sequence: (packet: Reader, at: number): number => packet.u32(at + 8),
} as const

export const esp = {
  headerBytes: 8,
  spi: (packet: Reader, at: number): number => packet.u32(at),
  sequence: (packet: Reader, at: number): number => packet.u32(at + 4),
} as const
