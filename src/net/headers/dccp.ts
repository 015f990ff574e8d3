/**
 * The generic DCCP header. Read first: RFC 4340 section 5.1.
 *
 * Preconditions of all readers: the first 12 bytes are present.
 */
import type { Reader } from './reader.ts'

/** With short sequence numbers; 16 with long ones. */
export const headerBytes = 12

export const sourcePort = (packet: Reader, at: number): number => packet.u16(at)
export const destinationPort = (packet: Reader, at: number): number => packet.u16(at + 2)
/** Offset of the data in bytes: generic header, what the type adds, and options. */
export const headerLength = (packet: Reader, at: number): number => packet.u8(at + 4) * 4
/** Words of data that the checksum covers, plus one; 0 for all. */
export const checksumCoverage = (packet: Reader, at: number): number => packet.u8(at + 5) & 15
export const checksum = (packet: Reader, at: number): number => packet.u16(at + 6)
export const type = (packet: Reader, at: number): number => (packet.u8(at + 8) >>> 1) & 15
/** Whether the header has 48-bit sequence numbers. */
export const isLong = (packet: Reader, at: number): boolean => (packet.u8(at + 8) & 1) !== 0
/** 48 bits or 24. Preconditions: 16 bytes are present where `isLong`. */
export const sequence = (packet: Reader, at: number): number =>
  isLong(packet, at)
    ? packet.u16(at + 10) * 2 ** 32 + packet.u32(at + 12)
    : packet.u8(at + 9) * 65536 + packet.u16(at + 10)

/** Packet types by number, spelt as iptables does. */
export const typeNames = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
] as const

/** Bytes that a type adds behind the long generic header, before the options. RFC 4340 sections 5.2 to 5.8. */
export const typeBytes: readonly number[] = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8]
