/**
 * Changing header fields of a packet in place: the bytes, the checksums over them, and what the `Packet` knows of itself.
 *
 * Checksums are adjusted, not made anew, so that a wrong one stays wrong. Kernel: csum_replace2(), inet_proto_csum_replace2(),
 * net/core/utils.c, Linux 6.18.
 */
import { decodeIp } from './decode.ts'
import { adjustChecksum, concatBytes, setU16, setU32 } from './encode.ts'
import type { Packet } from './packet.ts'

const ipv4 = { tos: 1, totalLength: 2, flags: 6, ttl: 8, checksum: 10 }
const ipv6 = { payloadLength: 4, hopLimit: 7 }
const dontFragmentBit = 0x4000

/** Sets the TTL or hop limit, 0 to 255. */
export function setTtl(packet: Packet, ttl: number): void {
  const { bytes, networkOffset: at } = packet
  if (packet.family === 'ipv6') bytes[at + ipv6.hopLimit] = ttl
  else replaceU16(bytes, at + ipv4.ttl, (ttl << 8) | packet.u8(at + ipv4.ttl + 1), at + ipv4.checksum)
  packet.ttl = ttl
}

/** Sets the whole TOS byte or traffic class, 0 to 255. */
export function setTos(packet: Packet, tos: number): void {
  const { bytes, networkOffset: at } = packet
  if (packet.family === 'ipv6') setU32(bytes, at, ((packet.u32(at) & 0xf00fffff) | (tos << 20)) >>> 0)
  else replaceU16(bytes, at, (packet.u8(at) << 8) | tos, at + ipv4.checksum)
  packet.tos = tos
}

/** Preconditions: an IPv4 packet. */
export function setDontFragment(packet: Packet): void {
  const at = packet.networkOffset
  const flags = packet.u16(at + ipv4.flags) | dontFragmentBit
  replaceU16(packet.bytes, at + ipv4.flags, flags, at + ipv4.checksum)
  packet.dontFragment = true
}

/** Writes a 16-bit word and adjusts the checksum that covers it. Both stand at even distances from the header's start. */
export function replaceU16(bytes: Uint8Array, offset: number, word: number, checksumOffset: number): void {
  const before = (bytes[offset]! << 8) | bytes[offset + 1]!
  setU16(bytes, offset, word)
  const checksum = (bytes[checksumOffset]! << 8) | bytes[checksumOffset + 1]!
  setU16(bytes, checksumOffset, adjustChecksum(checksum, before, word))
}

/**
 * Puts bytes into the packet before `offset`; the length in its header grows, transport checksums stay. What stood behind
 * the end of the packet is gone.
 */
export function insertBytes(packet: Packet, offset: number, inserted: Uint8Array): void {
  const { networkOffset: at, linkOffset, endOffset, family, etherType, vlanTag, vlanCount } = packet
  const bytes = concatBytes(
    packet.bytes.subarray(0, offset),
    inserted,
    packet.bytes.subarray(offset, endOffset),
  )
  if (family === 'ipv4') {
    const length = packet.u16(at + ipv4.totalLength) + inserted.length
    replaceU16(bytes, at + ipv4.totalLength, length & 0xffff, at + ipv4.checksum)
  } else setU16(bytes, at + ipv6.payloadLength, packet.u16(at + ipv6.payloadLength) + inserted.length)
  decodeIp(packet, bytes, at, linkOffset)
  // What a raw socket sent may be longer than its header says.
  packet.endOffset = bytes.length
  Object.assign(packet, { etherType, vlanTag, vlanCount })
}
