/**
 * The checksums of the Internet protocols.
 *
 * Read first: RFC 1071 (the ones' complement sum), RFC 8200 section 8.1 (the IPv6 pseudo header), RFC 3828 (UDP-Lite
 * coverage), RFC 4340 section 9 (DCCP coverage), RFC 9260 appendix A (CRC32c of SCTP).
 */
import type { Packet } from './packet.ts'
import { ipProtocol } from './protocol.ts'

/**
 * The ones' complement sum of big-endian 16-bit words in [start, end), folded to 16 bits. An odd last byte is the
 * high half of a word. `initial` is a sum to go on from (folded or not).
 *
 * Preconditions: 0 <= start <= end <= bytes.length.
 */
export function onesComplementSum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let [high, low] = [0, 0]
  let at = start
  // Four words at a time, high and low bytes apart: half the work of a word at a time.
  for (; at + 8 <= end; at += 8) {
    high += bytes[at]! + bytes[at + 2]! + bytes[at + 4]! + bytes[at + 6]!
    low += bytes[at + 1]! + bytes[at + 3]! + bytes[at + 5]! + bytes[at + 7]!
  }
  for (; at + 2 <= end; at += 2) {
    high += bytes[at]!
    low += bytes[at + 1]!
  }
  if (at < end) high += bytes[at]!
  let sum = initial + high * 256 + low
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return sum
}

/** The checksum field for the bytes in [start, end): the complement of their sum. 0 when they include a right one. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  return ~onesComplementSum(bytes, start, end, initial) & 0xffff
}

/**
 * The sum of the pseudo header that TCP, UDP, UDP-Lite, DCCP and ICMPv6 put before their own bytes: both addresses,
 * the protocol and the transport length.
 *
 * Preconditions: packet.family is not null.
 */
export function pseudoHeaderSum(packet: Packet, protocol: number, length: number): number {
  const start = packet.sourceOffset
  const end = start + (packet.family === 'ipv4' ? 8 : 32)
  return onesComplementSum(packet.bytes, start, end, protocol + (length >>> 16) + (length & 0xffff))
}

/**
 * Whether the transport checksum is right, by the protocol's own rules; true for a UDP checksum of zero in IPv4,
 * which means none. Null where there is nothing to check: fragments, cut packets, other protocols, broken lengths.
 */
export function transportChecksumOk(packet: Packet): boolean | null {
  const { family, protocol, transportOffset: start, transportLength: length } = packet
  if (family === null || packet.isFragment || packet.missingBytes > 0 || start < 0) return null
  switch (protocol) {
    case ipProtocol.tcp:
      return length < 20 ? null : coveredSumOk(packet, length, length)
    case ipProtocol.udp: {
      const udpLength = length < 8 ? 0 : packet.u16(start + 4)
      if (udpLength < 8 || udpLength > length) return null
      if (packet.u16(start + 6) === 0) return family === 'ipv4'
      return coveredSumOk(packet, udpLength, udpLength)
    }
    case ipProtocol.udplite: {
      if (length < 8) return null
      const coverage = packet.u16(start + 4) || length
      if (coverage < 8 || coverage > length) return null
      return packet.u16(start + 6) !== 0 && coveredSumOk(packet, coverage, length)
    }
    case ipProtocol.dccp: {
      const headerBytes = length < 12 ? 0 : packet.u8(start + 4) * 4
      if (headerBytes < 12 || headerBytes > length) return null
      const wordsOfData = packet.u8(start + 5) & 15
      const covered = wordsOfData === 0 ? length : headerBytes + 4 * (wordsOfData - 1)
      return covered > length ? null : coveredSumOk(packet, covered, length)
    }
    case ipProtocol.icmp:
      if (family !== 'ipv4' || length < 8) return null
      return onesComplementSum(packet.bytes, start, packet.endOffset) === 0xffff
    case ipProtocol.icmp6:
      return family !== 'ipv6' || length < 4 ? null : coveredSumOk(packet, length, length)
    case ipProtocol.sctp:
      return length < 12
        ? null
        : sctpChecksum(packet.bytes, start, packet.endOffset) === packet.u32(start + 8)
    default:
      return null
  }
}

function coveredSumOk(packet: Packet, covered: number, length: number): boolean {
  const pseudo = pseudoHeaderSum(packet, packet.protocol, length)
  const start = packet.transportOffset
  return onesComplementSum(packet.bytes, start, start + covered, pseudo) === 0xffff
}

/**
 * What the kernel's `nf_checksum()` says when it must compute the sum itself: it covers everything from the
 * transport header to the end of the packet, whatever the header's own length says, and IPv4 takes the pseudo header
 * for TCP and UDP only (so any other protocol is summed bare). REJECT and conntrack ask it.
 *
 * In IPv4 the IP header is summed too. That makes no difference while its own checksum is right; where the host wrote
 * into its options (record route) and has yet to refresh it, everything counts as wrong (measured).
 *
 * Source: net/netfilter/utils.c, nf_ip_checksum() and nf_ip6_checksum(), Linux 6.18.
 */
export function netfilterChecksumOk(packet: Packet, protocol = packet.protocol): boolean {
  const start = packet.transportOffset
  if (packet.family === null || start < 0 || start > packet.endOffset) return false
  const from = packet.family === 'ipv4' ? packet.networkOffset : start
  const hasPseudoHeader =
    packet.family === 'ipv6' || protocol === ipProtocol.tcp || protocol === ipProtocol.udp
  const initial = hasPseudoHeader ? pseudoHeaderSum(packet, protocol, packet.endOffset - start) : 0
  return onesComplementSum(packet.bytes, from, packet.endOffset, initial) === 0xffff
}

/**
 * The field (as a big-endian 32-bit number) that holds the CRC32c of an SCTP packet in [start, end), its own four bytes
 * taken as zero. The CRC itself travels least significant byte first.
 *
 * Preconditions: end - start >= 12.
 */
export function sctpChecksum(bytes: Uint8Array, start: number, end: number): number {
  let crc = crc32cUpdate(0xffffffff, bytes, start, start + 8)
  for (let zero = 0; zero < 4; zero++) crc = crcTable[crc & 255]! ^ (crc >>> 8)
  crc = ~crc32cUpdate(crc, bytes, start + 12, end)
  return (((crc & 255) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24)) >>> 0
}

function crc32cUpdate(initial: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = initial
  for (let at = start; at < end; at++) crc = crcTable[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  return crc
}

/** Castagnoli's polynomial, bit-reflected. */
const castagnoli = 0x82f63b78

const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ castagnoli : crc >>> 1
  return crc
})
