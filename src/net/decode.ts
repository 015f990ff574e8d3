/**
 * Bytes to a `Packet`, as the kernel's receive path reads them. Allocates nothing and never throws.
 *
 * Read first: net/ipv4/ip_input.c ip_rcv_core(), net/ipv6/ip6_input.c ip6_rcv_core(), net/ipv6/exthdrs_core.c
 * ipv6_find_hdr() (Linux 6.18); RFC 791 section 3.1, RFC 8200 sections 3 and 4.
 *
 * `defect` is set iff the kernel would drop the bytes before PREROUTING for what is in them. What depends on the
 * receiving device too (a frame for another MAC, `::1` from the wire) is not judged here.
 */
import { onesComplementSum } from './checksum.ts'
import { hopByHopIsRefused, isExtensionHeader } from './headers/ipv6-extension.ts'
import type { Packet, PacketDefect } from './packet.ts'
import { etherType as etherTypes, firstEtherType, ipProtocol } from './protocol.ts'

const macBytes = 12
const ethernetHeaderBytes = 14
const vlanTagBytes = 4
const ipv4HeaderBytes = 20
const ipv6HeaderBytes = 40

/**
 * Reads an Ethernet frame. `wireLength` is the frame's length on the wire, more than `bytes.length` where a capture
 * cut it.
 */
export function decodeFrame(packet: Packet, bytes: Uint8Array, wireLength = bytes.length): void {
  reset(packet, bytes, 0)
  if (bytes.length < ethernetHeaderBytes) {
    packet.defect = 'link-truncated'
    return
  }
  let at = macBytes
  let type = packet.u16(at)
  while (type === etherTypes.vlan || type === etherTypes.serviceVlan) {
    // The kernel's skb_vlan_untag() wants the tag and two bytes more.
    if (bytes.length < at + 2 + vlanTagBytes + 2) {
      packet.etherType = type
      packet.defect = 'link-truncated'
      return
    }
    if (packet.vlanCount === 0) packet.vlanTag = packet.u16(at + 2)
    packet.vlanCount++
    at += vlanTagBytes
    type = packet.u16(at)
  }
  packet.etherType = type
  packet.networkOffset = at + 2
  if (type === etherTypes.ipv4) decodeIpv4(packet, wireLength)
  else if (type === etherTypes.ipv6) decodeIpv6(packet, wireLength)
  else packet.defect = 'not-ip'
}

/** Whether the frame is 802.3 with a length instead of an EtherType (its payload begins with LLC). */
export const isLengthFrame = (packet: Packet): boolean =>
  packet.linkOffset >= 0 && packet.etherType < firstEtherType

/**
 * Reads an IP packet of either family, told by its version. `linkOffset` is where a link header stands that the caller
 * has read already, -1 for none (its fields are not filled in).
 */
export function decodeIp(
  packet: Packet,
  bytes: Uint8Array,
  networkOffset = 0,
  linkOffset = -1,
  wireLength = bytes.length,
): void {
  reset(packet, bytes, linkOffset)
  packet.networkOffset = networkOffset
  const version = networkOffset < bytes.length ? packet.u8(networkOffset) >>> 4 : -1
  if (version === 4) decodeIpv4(packet, wireLength)
  else if (version === 6) decodeIpv6(packet, wireLength)
  else packet.defect = version === -1 ? 'ip-truncated' : 'ip-version'
}

function reset(packet: Packet, bytes: Uint8Array, linkOffset: number): void {
  packet.bytes = bytes
  packet.linkOffset = linkOffset
  packet.etherType = 0
  packet.vlanTag = -1
  packet.vlanCount = 0
  packet.family = null
  packet.networkOffset = 0
  packet.networkHeaderLength = 0
  packet.totalLength = 0
  packet.endOffset = bytes.length
  packet.missingBytes = 0
  packet.protocol = -1
  packet.transportOffset = -1
  packet.nextHeader = -1
  packet.fragmentHeaderOffset = -1
  packet.fragmentOffset = 0
  packet.moreFragments = false
  packet.dontFragment = false
  packet.id = 0
  packet.ttl = 0
  packet.tos = 0
  packet.flowLabel = 0
  packet.defect = null
}

/** Only the first defect counts: the kernel stops there. */
function note(packet: Packet, defect: PacketDefect): void {
  packet.defect ??= defect
}

function decodeIpv4(packet: Packet, wireLength: number): void {
  const { bytes, networkOffset: start } = packet
  const present = bytes.length - start
  if (present < ipv4HeaderBytes) {
    note(packet, 'ip-truncated')
    return
  }
  const first = packet.u8(start)
  if (first >>> 4 !== 4) {
    note(packet, 'ip-version')
    return
  }

  const headerLength = (first & 15) * 4
  const fragment = packet.u16(start + 6)
  packet.family = 'ipv4'
  packet.tos = packet.u8(start + 1)
  packet.totalLength = packet.u16(start + 2)
  packet.id = packet.u16(start + 4)
  packet.dontFragment = (fragment & 0x4000) !== 0
  packet.moreFragments = (fragment & 0x2000) !== 0
  packet.fragmentOffset = fragment & 0x1fff
  packet.ttl = packet.u8(start + 8)
  packet.protocol = packet.u8(start + 9)
  packet.nextHeader = packet.protocol

  packet.networkHeaderLength = headerLength

  if (headerLength < ipv4HeaderBytes) {
    note(packet, 'ip-header-length')
    return
  }
  if (present < headerLength) {
    note(packet, 'ip-truncated')
    return
  }
  packet.transportOffset = start + headerLength
  if (onesComplementSum(bytes, start, start + headerLength) !== 0xffff) note(packet, 'ip-checksum')
  if (wireLength - start < packet.totalLength || packet.totalLength < headerLength) note(packet, 'ip-length')
  setEnd(packet, Math.max(packet.totalLength, headerLength))
}

function decodeIpv6(packet: Packet, wireLength: number): void {
  const { bytes, networkOffset: start } = packet
  if (bytes.length - start < ipv6HeaderBytes) {
    note(packet, 'ip-truncated')
    return
  }
  const first = packet.u32(start)
  if (first >>> 28 !== 6) {
    note(packet, 'ip-version')
    return
  }

  const payloadLength = packet.u16(start + 4)
  packet.family = 'ipv6'
  packet.tos = (first >>> 20) & 255
  packet.flowLabel = first & 0xfffff
  packet.networkHeaderLength = ipv6HeaderBytes
  packet.totalLength = ipv6HeaderBytes + payloadLength
  packet.nextHeader = packet.u8(start + 6)
  packet.ttl = packet.u8(start + 7)

  // A payload length of 0 before hop-by-hop options may be a jumbogram's: the kernel leaves the end where it is.
  const lengthIsOpen = payloadLength === 0 && packet.nextHeader === ipProtocol.hopByHop
  if (!lengthIsOpen && wireLength - start < packet.totalLength) note(packet, 'ip-length')
  setEnd(packet, lengthIsOpen ? wireLength - start : packet.totalLength)
  if (packet.nextHeader === ipProtocol.hopByHop && hopByHopIsRefused(packet)) note(packet, 'ip-extension')
  findTransport(packet)
}

function setEnd(packet: Packet, length: number): void {
  const end = packet.networkOffset + length
  packet.endOffset = Math.min(end, packet.bytes.length)
  packet.missingBytes = end - packet.endOffset
}

/** Walks the extension headers; leaves `protocol` at -1 where `ipv6_find_hdr` would return an error. */
function findTransport(packet: Packet): void {
  const end = packet.endOffset
  let nextHeader = packet.nextHeader
  let at = packet.networkOffset + ipv6HeaderBytes
  while (isExtensionHeader(nextHeader) && nextHeader !== ipProtocol.none) {
    const fixedBytes = nextHeader === ipProtocol.fragment || nextHeader === ipProtocol.routing ? 4 : 2
    if (end < at + fixedBytes) return
    const following = packet.u8(at)
    const lengthField = packet.u8(at + 1)
    if (nextHeader === ipProtocol.fragment) {
      readFragmentHeader(packet, at)
      if (packet.fragmentOffset > 0) {
        // The rest is data. A further extension header, which may hide anything, is an error.
        if (isExtensionHeader(following) && following !== ipProtocol.none) return
        packet.protocol = following
        packet.transportOffset = at + 8
        return
      }
      at += 8
    } else if (nextHeader === ipProtocol.ah) {
      at += (lengthField + 2) * 4
    } else {
      at += (lengthField + 1) * 8
    }
    nextHeader = following
  }
  packet.protocol = nextHeader
  packet.transportOffset = at
}

/** The last fragment header of the chain counts; only malice sends two. */
function readFragmentHeader(packet: Packet, at: number): void {
  const field = packet.u16(at + 2)
  packet.fragmentHeaderOffset = at
  packet.fragmentOffset = field >>> 3
  packet.moreFragments = (field & 1) !== 0
  packet.id = packet.endOffset < at + 8 ? 0 : packet.u32(at + 4)
}
