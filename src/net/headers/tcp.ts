/**
 * The TCP header. Offsets (`at`) say where the header begins.
 *
 * Read first: RFC 9293 section 3.1; RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
 *
 * Preconditions of all readers: the header's 20 bytes are present (`packet.transportLength`).
 */
import type { Reader } from './reader.ts'

export const headerBytes = 20

export const sourcePort = (packet: Reader, at: number): number => packet.u16(at)
export const destinationPort = (packet: Reader, at: number): number => packet.u16(at + 2)
export const sequence = (packet: Reader, at: number): number => packet.u32(at + 4)
export const acknowledgement = (packet: Reader, at: number): number => packet.u32(at + 8)
/** Header with options, in bytes: 0 to 60, where less than 20 is absurd. */
export const headerLength = (packet: Reader, at: number): number => (packet.u8(at + 12) >>> 4) * 4
/** The four bits between data offset and flags; the last is AccECN's AE. */
export const reserved = (packet: Reader, at: number): number => packet.u8(at + 12) & 15
export const flags = (packet: Reader, at: number): number => packet.u8(at + 13)
export const window = (packet: Reader, at: number): number => packet.u16(at + 14)
export const checksum = (packet: Reader, at: number): number => packet.u16(at + 16)
export const urgentPointer = (packet: Reader, at: number): number => packet.u16(at + 18)

/** Bits of the flags byte. */
export const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const
export type FlagName = keyof typeof flag

export const optionKind = {
  /** Nothing follows. */
  end: 0,
  /** One byte of padding. */
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  md5: 19,
  fastOpen: 34,
} as const

/**
 * Offset of the first option of a kind, or -1. Walks as xt_tcpudp's tcp_find_option() does: an end-of-list byte does not
 * stop it, and a length of 0 counts as 1.
 *
 * Preconditions: `end` is where the options end, and lies within the packet.
 */
export function findOption(packet: Reader, at: number, end: number, kind: number): number {
  for (let option = at + headerBytes; option < end; ) {
    const found = packet.u8(option)
    if (found === kind) return option
    option += found < 2 ? 1 : packet.u8(option + 1) || 1
  }
  return -1
}

/**
 * The offset behind the option at `option`, by the standard: -1 where the list ends there or the option is malformed
 * (no length, a length below 2, or one that leads beyond `end`).
 */
export function nextOption(packet: Reader, option: number, end: number): number {
  const kind = packet.u8(option)
  if (end <= option || kind === optionKind.end) return -1
  if (kind === optionKind.nop) return option + 1
  const length = option + 1 < end ? packet.u8(option + 1) : 0
  return length < 2 || end < option + length ? -1 : option + length
}
