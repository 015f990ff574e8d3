/**
 * ICMP errors that the host sends about a packet: when it may, and their bytes.
 *
 * Kernel: __icmp_send(), net/ipv4/icmp.c, and icmp6_send(), net/ipv6/icmp.c, Linux 6.18, without rate limits.
 * Read first: RFC 1122 section 3.2.2, RFC 1812 section 4.3.2, RFC 4443 section 2.4.
 */
import type { Address } from '../net/address.ts'
import { encodeIcmp, encodeIcmp6, encodeIpv4, encodeIpv6 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { isMulticast, isUnspecified } from './address-class.ts'
import type { HostSkb } from './skb.ts'

export interface IcmpError {
  readonly type: number
  readonly code: number
  /** Bytes 4 to 7 of the header: the MTU of the next hop, an IPv6 pointer, or 0. */
  readonly rest?: number
  /** IPv6: whether a packet to a group is answered too. RFC 4443 section 2.4 (e.3). */
  readonly evenToGroups?: boolean
}

/** What a host has to say about a packet it cannot send on, in both families. */
export const icmpErrors = {
  ipv4: {
    timeExceeded: { type: 11, code: 0 },
    fragmentsExpired: { type: 11, code: 1 },
    netUnreachable: { type: 3, code: 0 },
    hostUnreachable: { type: 3, code: 1 },
    tooBig: { type: 3, code: 4 },
    prohibited: { type: 3, code: 13 },
  },
  ipv6: {
    timeExceeded: { type: 3, code: 0 },
    fragmentsExpired: { type: 3, code: 1 },
    netUnreachable: { type: 1, code: 0 },
    hostUnreachable: { type: 1, code: 0 },
    tooBig: { type: 2, code: 0 },
    prohibited: { type: 1, code: 1 },
    /** Of a source that means nothing on the next link. */
    beyondScope: { type: 1, code: 2 },
  },
} as const

export type IcmpErrorName = keyof (typeof icmpErrors)['ipv4']

/** Bytes of a whole IPv4 error message. Source: RFC 1812 section 4.3.2.3. */
const ipv4ErrorLimit = 576
/** Of an IPv6 one: the smallest MTU there is. */
const ipv6ErrorLimit = 1280

/** Types that count as errors: the real ones (3, 4, 5, 11, 12) and unassigned ones. Source: icmp_pointers[]. */
const ipv4Errors = new Set([1, 2, 3, 4, 5, 6, 7, 11, 12])
/** NR_ICMP_TYPES: greater types are unknown and pass for errors. */
const highestIpv4Type = 18

/** Why no error may be sent about this packet, or null when one may. */
export function whyNoError(skb: HostSkb, { evenToGroups = false }: IcmpError): string | null {
  return skb.packet.family === 'ipv4' ? whyNoIpv4Error(skb) : whyNoIpv6Error(skb, evenToGroups)
}

function whyNoIpv4Error({ packet, packetType, route }: HostSkb): string | null {
  if (packetType !== 'host') return 'it came as a link broadcast'
  if (route?.type === 'BROADCAST' || route?.type === 'MULTICAST') return 'it went to many'
  if (packet.fragmentOffset > 0) return 'it is a later fragment'
  if (packet.protocol !== ipProtocol.icmp) return null
  if (packet.transportLength < 1) return 'its ICMP type is cut off'
  const type = packet.u8(packet.transportOffset)
  return type > highestIpv4Type || ipv4Errors.has(type) ? 'it is an ICMP error itself' : null
}

function whyNoIpv6Error({ packet, packetType }: HostSkb, evenToGroups: boolean): string | null {
  if (!evenToGroups && (packetType !== 'host' || isMulticast(packet.destination))) return 'it went to many'
  if (isUnspecified(packet.source) || isMulticast(packet.source)) return 'its source is no single host'
  if (packet.protocol !== ipProtocol.icmp6 || packet.fragmentOffset > 0) return null
  if (packet.transportLength < 1) return 'its ICMPv6 type is cut off'
  return packet.u8(packet.transportOffset) < 128 ? 'it is an ICMPv6 error itself' : null
}

/** How an error is sent. */
export interface ErrorSender {
  readonly source: Address
  readonly ttl: number
  /** Of the way back. */
  readonly mtu: number
  /** IPv4 options that it carries. */
  readonly options: Uint8Array
}

/** The error as an IP packet to the source of `about`, quoting as much of it as fits. */
export function buildIcmpError(
  about: Packet,
  error: IcmpError,
  { source, ttl, mtu, options }: ErrorSender,
): Uint8Array {
  const destination = about.source
  const quoted = about.bytes.subarray(about.networkOffset, about.endOffset)
  if (about.family === 'ipv6') {
    const message = encodeIcmp6(error, quoted.subarray(0, ipv6ErrorLimit - 48), { source, destination })
    return encodeIpv6({ source, destination, nextHeader: ipProtocol.icmp6, hopLimit: ttl }, message)
  }
  const room = Math.min(ipv4ErrorLimit, mtu) - 28 - options.length
  const message = encodeIcmp(error, quoted.subarray(0, room))
  const tos = (about.tos & 0x1e) | 0xc0
  return encodeIpv4({ source, destination, protocol: ipProtocol.icmp, ttl, tos, options }, message)
}
