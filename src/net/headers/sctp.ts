/**
 * The SCTP common header and its chunks. Read first: RFC 9260 sections 3.1 and 3.2.
 *
 * Preconditions of all readers: the common header's 12 bytes, or the chunk's 4, are present.
 */
import type { Reader } from './reader.ts'

export const headerBytes = 12
export const chunkHeaderBytes = 4

export const sourcePort = (packet: Reader, at: number): number => packet.u16(at)
export const destinationPort = (packet: Reader, at: number): number => packet.u16(at + 2)
export const verificationTag = (packet: Reader, at: number): number => packet.u32(at + 4)
export const checksum = (packet: Reader, at: number): number => packet.u32(at + 8)

export const chunkType = (packet: Reader, chunk: number): number => packet.u8(chunk)
export const chunkFlags = (packet: Reader, chunk: number): number => packet.u8(chunk + 1)
/** Bytes of the chunk with its header, without padding; less than 4 is malformed. */
export const chunkLength = (packet: Reader, chunk: number): number => packet.u16(chunk + 2)

/** Offset of the chunk behind this one (chunks are padded to 4 bytes), or -1 behind the last or a malformed one. */
export function nextChunk(packet: Reader, chunk: number, end: number): number {
  const length = chunkLength(packet, chunk)
  const next = chunk + ((length + 3) & ~3)
  return length < chunkHeaderBytes || end < next + chunkHeaderBytes ? -1 : next
}

/** Chunk types, spelt as iptables does. */
export const chunkTypes = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  ERROR: 9,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  ECN_ECNE: 12,
  ECN_CWR: 13,
  SHUTDOWN_COMPLETE: 14,
  ASCONF: 193,
  ASCONF_ACK: 128,
  FORWARD_TSN: 192,
} as const
