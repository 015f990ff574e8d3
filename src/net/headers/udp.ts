/**
 * The headers of UDP and UDP-Lite, which differ in the meaning of one field. Read first: RFC 768, RFC 3828.
 *
 * Preconditions of all readers: the header's 8 bytes are present.
 */
import type { Reader } from './reader.ts'

export const headerBytes = 8

export const sourcePort = (packet: Reader, at: number): number => packet.u16(at)
export const destinationPort = (packet: Reader, at: number): number => packet.u16(at + 2)
/** UDP: bytes of header and data. UDP-Lite: bytes that the checksum covers, 0 for all. */
export const length = (packet: Reader, at: number): number => packet.u16(at + 4)
/** 0 where there is none (UDP in IPv4). */
export const checksum = (packet: Reader, at: number): number => packet.u16(at + 6)
