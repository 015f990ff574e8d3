/**
 * The GRE header. Read first: RFC 2784, RFC 2890 (key, sequence), RFC 2637 (version 1, of PPTP).
 *
 * Preconditions of all readers: the first 4 bytes are present (8 for `key`).
 */
import type { Reader } from './reader.ts'

export const headerBytes = 4

export const version = (packet: Reader, at: number): number => packet.u8(at + 1) & 7
/** EtherType of what is carried. */
export const protocol = (packet: Reader, at: number): number => packet.u16(at + 2)
export const hasChecksum = (packet: Reader, at: number): boolean => (packet.u8(at) & 0x80) !== 0
export const hasKey = (packet: Reader, at: number): boolean => (packet.u8(at) & 0x20) !== 0
export const hasSequence = (packet: Reader, at: number): boolean => (packet.u8(at) & 0x10) !== 0
/** The key of version 0, behind the checksum word where there is one. Preconditions: `hasKey`. */
export const key = (packet: Reader, at: number): number => packet.u32(at + (hasChecksum(packet, at) ? 8 : 4))
/** PPTP's call id, in version 1. */
export const callId = (packet: Reader, at: number): number => packet.u16(at + 6)
