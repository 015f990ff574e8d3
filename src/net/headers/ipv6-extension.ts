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

/**
 * Whether the hop-by-hop header right behind the IPv6 header makes the kernel drop the packet: cut off, malformed,
 * too much or non-zero padding, more than 8 options, or an unknown option whose type demands it.
 *
 * Preconditions: packet.nextHeader is 0 (hop-by-hop) and endOffset is set.
 */
export function hopByHopIsRefused(packet: Packet): boolean {
  const start = packet.networkOffset + 40
  // What a capture cut off may have been fine.
  const whenCut = packet.missingBytes === 0
  if (packet.endOffset < start + 8) return whenCut
  const end = start + (packet.u8(start + 1) + 1) * 8
  if (packet.endOffset < end) return whenCut

  let paddingBytes = 0
  let optionCount = 0
  for (let at = start + 2; at < end; ) {
    const type = packet.u8(at)
    if (type === optionPad1) {
      paddingBytes++
      if (paddingBytes > mostPaddingBytes) return true
      at++
      continue
    }
    if (end < at + 2) return true
    const optionBytes = packet.u8(at + 1) + 2
    if (end < at + optionBytes) return true
    if (type === optionPadN) {
      paddingBytes += optionBytes
      if (paddingBytes > mostPaddingBytes) return true
      for (let pad = at + 2; pad < at + optionBytes; pad++) if (packet.u8(pad) !== 0) return true
    } else {
      optionCount++
      if (optionCount > mostOptions || optionIsRefused(packet, type, at, optionBytes)) return true
      paddingBytes = 0
    }
    at += optionBytes
  }
  return false
}

function optionIsRefused(packet: Packet, type: number, at: number, optionBytes: number): boolean {
  switch (type) {
    case optionRouterAlert:
      return optionBytes !== 4
    case optionJumbo:
      return jumboIsRefused(packet, at, optionBytes)
    case optionIoam:
      return false
    default:
      // The two high bits: 00 skip, else discard (with or without an ICMP error).
      return type >>> 6 !== 0
  }
}

function jumboIsRefused(packet: Packet, at: number, optionBytes: number): boolean {
  const aligned = (at - packet.networkOffset - 40) % 4 === 2
  if (optionBytes !== 6 || !aligned || packet.totalLength !== 40) return true
  const jumboLength = packet.u32(at + 2)
  return jumboLength <= 0xffff || jumboLength > packet.endOffset - packet.networkOffset - 40
}
