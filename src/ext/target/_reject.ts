/**
 * When REJECT answers, and the bytes of its TCP reset.
 *
 * Kernel: net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c and nf_reject_verify_csum() in
 * include/net/netfilter/nf_reject.h, Linux 6.18. Read first: RFC 9293 section 3.10.7.1 (how to answer with a reset).
 */
import { netfilterChecksumOk } from '../../net/checksum.ts'
import { encodeIpv4, encodeIpv6, encodeTcp } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'

const flag = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 }

const tcpHeaderBytes = 20

/** Protocols whose integrity the kernel cannot tell by a sum over everything. */
const unchecked: readonly number[] = [
  ipProtocol.gre,
  ipProtocol.ah,
  ipProtocol.esp,
  ipProtocol.sctp,
  ipProtocol.udplite,
]

/**
 * Why no ICMP error is sent about the packet, before ICMP itself has its say; null when one may be. A checksum that was
 * verified before is not looked at again.
 */
export function whyNoIcmp(packet: Packet, isVerified = false): string | null {
  if (packet.fragmentOffset > 0) return 'it is a later fragment'
  // In IPv6 a packet without any transport is not answered; in IPv4 there is always something to sum.
  if (packet.family === 'ipv6' && !hasTransport(packet)) return 'it has no transport header'
  return isVerified || !wantsChecksum(packet) || netfilterChecksumOk(packet) ? null : 'its checksum is wrong'
}

const hasTransport = ({ protocol, transportLength }: Packet): boolean =>
  protocol >= 0 && protocol !== ipProtocol.none && transportLength > 0

function wantsChecksum(packet: Packet): boolean {
  const { protocol, transportOffset, transportLength } = packet
  if (protocol !== ipProtocol.udp) return !unchecked.includes(protocol)
  return transportLength < 8 || packet.u16(transportOffset + 6) !== 0
}

/** Why no reset is sent, or the whole packet: no options, no data, window 0, id 0 and DF. */
export function resetFor(
  packet: Packet,
  ttl: number,
  isVerified = false,
): Uint8Array | { readonly why: string } {
  const { family, protocol, transportOffset: at, transportLength, fragmentOffset } = packet
  if (
    family === 'ipv6' &&
    !(isUnicast(packet, packet.sourceOffset) && isUnicast(packet, packet.destinationOffset))
  )
    return { why: 'one of its ends is no single host' }
  if (fragmentOffset > 0 || protocol !== ipProtocol.tcp || transportLength < tcpHeaderBytes)
    return { why: 'it has no whole TCP header' }
  const flags = packet.u8(at + 13)
  if (flags & flag.rst) return { why: 'it is a reset itself' }
  if (!isVerified && !netfilterChecksumOk(packet)) return { why: 'its checksum is wrong' }

  const ends = { source: packet.destination, destination: packet.source }
  const ports = { sourcePort: packet.u16(at + 2), destinationPort: packet.u16(at), window: 0 }
  const dataBytes = transportLength - (packet.u8(at + 12) >>> 4) * 4
  const occupied = dataBytes + (flags & flag.syn ? 1 : 0) + (flags & flag.fin ? 1 : 0)
  const answer =
    flags & flag.ack
      ? { flags: flag.rst, sequence: packet.u32(at + 8) }
      : { flags: flag.rst | flag.ack, acknowledgement: (packet.u32(at + 4) + occupied) >>> 0 }
  const tcp = encodeTcp({ ...ports, ...answer }, new Uint8Array(0), ends)
  if (family === 'ipv6') return encodeIpv6({ ...ends, nextHeader: ipProtocol.tcp, hopLimit: ttl }, tcp)
  return encodeIpv4({ ...ends, protocol: ipProtocol.tcp, ttl, dontFragment: true }, tcp)
}

/** IPV6_ADDR_UNICAST of ipv6_addr_type(): not `::`, no group, and no IPv4-mapped address. */
function isUnicast(packet: Packet, offset: number): boolean {
  const [first, second, third, fourth] = [0, 4, 8, 12].map((at) => packet.u32(offset + at))
  if (first! >>> 24 === 0xff) return false
  if (first !== 0 || second !== 0) return true
  return third === 0 ? fourth !== 0 : third !== 0xffff
}
