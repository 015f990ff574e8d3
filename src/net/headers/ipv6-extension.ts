/**
 * IPv6 extension headers: which there are, and which hop-by-hop options the kernel refuses on arrival.
 *
 * Read first: RFC 8200 section 4; net/ipv6/exthdrs.c ip6_parse_tlv() and ipv6_parse_hopopts() (Linux 6.18).
 */
import type { Packet } from '../packet.ts'
import { ipProtocol } from '../protocol.ts'

/** Source: ipv6_ext_hdr(), net/ipv6/exthdrs_core.c. ESP and the mobility header are transports there. */
export function isExtensionHeader(nextHeader: number): boolean {
  switch (nextHeader) {
    case ipProtocol.hopByHop:
    case ipProtocol.routing:
    case ipProtocol.fragment:
    case ipProtocol.ah:
    case ipProtocol.none:
    case ipProtocol.destination:
      return true
    default:
      return false
  }
}

const optionPad1 = 0
const optionPadN = 1
const optionRouterAlert = 5
const optionIoam = 0x31
const optionJumbo = 0xc2

/** Options a hop-by-hop header may hold besides padding. Source: net.ipv6.max_hbh_opts_number, 8 by default. */
const mostOptions = 8
/** Padding in one place. RFC 4942 section 2.1.9.5. */
const mostPaddingBytes = 7

/** What is wrong with a hop-by-hop header. */
export type HopByHopFault =
  /** The packet is dropped without a word. */
  | 'silent'
  /** And answered with an ICMPv6 parameter problem of this code that points at an octet of the packet. */
  | { readonly code: number; readonly pointer: number; readonly evenToGroups: boolean }

/** ICMPV6_HDR_FIELD and ICMPV6_UNK_OPTION. Source: include/uapi/linux/icmpv6.h. */
const erroneousField = 0
const unrecognizedOption = 2

/** Whether the hop-by-hop header right behind the IPv6 header makes the kernel drop the packet. */
export const hopByHopIsRefused = (packet: Packet): boolean => hopByHopFault(packet) !== null

/**
 * Why the hop-by-hop header right behind the IPv6 header makes the kernel drop the packet, or null: cut off, malformed,
 * too much or non-zero padding, more than 8 options, or an unknown option whose type demands it.
 *
 * Preconditions: packet.nextHeader is 0 (hop-by-hop) and endOffset is set.
 */
export function hopByHopFault(packet: Packet): HopByHopFault | null {
  const start = packet.networkOffset + 40
  // What a capture cut off may have been fine.
  const whenCut = packet.missingBytes === 0 ? 'silent' : null
  if (packet.endOffset < start + 8) return whenCut
  const end = start + (packet.u8(start + 1) + 1) * 8
  if (packet.endOffset < end) return whenCut

  let paddingBytes = 0
  let optionCount = 0
  for (let at = start + 2; at < end; ) {
    const type = packet.u8(at)
    if (type === optionPad1) {
      paddingBytes++
      if (paddingBytes > mostPaddingBytes) return 'silent'
      at++
      continue
    }
    if (end < at + 2) return 'silent'
    const optionBytes = packet.u8(at + 1) + 2
    if (end < at + optionBytes) return 'silent'
    if (type === optionPadN) {
      paddingBytes += optionBytes
      if (paddingBytes > mostPaddingBytes) return 'silent'
      for (let pad = at + 2; pad < at + optionBytes; pad++) if (packet.u8(pad) !== 0) return 'silent'
    } else {
      optionCount++
      if (optionCount > mostOptions) return 'silent'
      const fault = optionFault(packet, type, at, optionBytes)
      if (fault !== null) return fault
      paddingBytes = 0
    }
    at += optionBytes
  }
  return null
}

function optionFault(packet: Packet, type: number, at: number, optionBytes: number): HopByHopFault | null {
  switch (type) {
    case optionRouterAlert:
      return optionBytes === 4 ? null : 'silent'
    case optionJumbo:
      return jumboFault(packet, at, optionBytes)
    case optionIoam:
      return null
    default:
      return unknownOptionFault(packet, type, at)
  }
}

/** The two high bits of an unknown option's type: 00 skip it, 01 discard, 10 and 11 discard and say so. */
function unknownOptionFault(packet: Packet, type: number, at: number): HopByHopFault | null {
  const action = type >>> 6
  if (action === 0) return null
  const isToGroup = packet.u8(packet.destinationOffset) === 0xff
  if (action === 1 || (action === 3 && isToGroup)) return 'silent'
  return { code: unrecognizedOption, pointer: at - packet.networkOffset, evenToGroups: action === 2 }
}

/** Source: ipv6_hop_jumbo(). */
function jumboFault(packet: Packet, at: number, optionBytes: number): HopByHopFault | null {
  const offset = at - packet.networkOffset
  if (optionBytes !== 6 || (offset - 40) % 4 !== 2) return 'silent'
  const jumboLength = packet.u32(at + 2)
  const wrongField = { code: erroneousField, evenToGroups: false }
  if (jumboLength <= 0xffff) return { ...wrongField, pointer: offset + 2 }
  if (packet.totalLength !== 40) return { ...wrongField, pointer: offset }
  return jumboLength > packet.endOffset - packet.networkOffset - 40 ? 'silent' : null
}

/**
 * Offset of the first extension header (or transport header) of a protocol; `absent` when there is none, `broken` when
 * the chain ends within a header. A later fragment has only the headers before its data.
 *
 * Source: ipv6_find_hdr() with a target, net/ipv6/exthdrs_core.c, Linux 6.18.
 *
 * Preconditions: the fixed IPv6 header is there.
 */
export function findHeader(packet: Packet, target: number): number | 'absent' | 'broken' {
  const end = packet.endOffset
  let nextHeader = packet.nextHeader
  let at = packet.networkOffset + 40
  for (;;) {
    const isFound = nextHeader === target
    if (!isExtensionHeader(nextHeader) || nextHeader === ipProtocol.none) return isFound ? at : 'absent'
    const fixedBytes = nextHeader === ipProtocol.fragment || nextHeader === ipProtocol.routing ? 4 : 2
    if (end < at + fixedBytes) return 'broken'
    if (isFound) return at
    if (nextHeader === ipProtocol.fragment) {
      if ((packet.u16(at + 2) & ~7) !== 0) return 'absent'
    }
    const next = packet.u8(at)
    at += headerLength(packet, at, nextHeader)
    nextHeader = next
  }
}

/** Bytes of the extension header at `at`. Preconditions: its first two bytes are there. */
export function headerLength(packet: Packet, at: number, protocol: number): number {
  if (protocol === ipProtocol.fragment) return 8
  const units = packet.u8(at + 1)
  return protocol === ipProtocol.ah ? (units + 2) * 4 : (units + 1) * 8
}

/**
 * The protocol behind the extension headers and where its header begins, or null where the chain ends within a header or
 * in "no next header". A later fragment ends at its fragment header, whose protocol is then the answer.
 *
 * Source: ipv6_skip_exthdr(), net/ipv6/exthdrs_core.c, Linux 6.18.
 *
 * Preconditions: the fixed IPv6 header is there.
 */
export function skipExtensionHeaders(
  packet: Packet,
): { readonly protocol: number; readonly at: number } | null {
  const end = packet.endOffset
  let protocol = packet.nextHeader
  let at = packet.networkOffset + 40
  while (isExtensionHeader(protocol)) {
    if (protocol === ipProtocol.none) return null
    if (end < at + 2) return null
    if (protocol === ipProtocol.fragment) {
      if (end < at + 4) return null
      if ((packet.u16(at + 2) & ~7) !== 0) break
    }
    const next = packet.u8(at)
    at += headerLength(packet, at, protocol)
    protocol = next
  }
  return { protocol, at }
}
