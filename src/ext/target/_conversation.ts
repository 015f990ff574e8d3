/**
 * What HMARK looks at in a packet, or in the packet that an ICMP error quotes: addresses, protocol and ports.
 *
 * Kernel: hmark_pkt_set_htuple_ipv4(), hmark_pkt_set_htuple_ipv6(), net/netfilter/xt_HMARK.c, Linux 6.18.
 */
import type { Address, Family } from '../../net/address.ts'
import { decodeIp } from '../../net/decode.ts'
import { findHeader } from '../../net/headers/ipv6-extension.ts'
import { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'

export interface Parts {
  readonly family: Family
  /** Null where even that could not be found. */
  readonly source: Address | null
  readonly destination: Address | null
  readonly protocol: number
  /** Both ports, or an SPI, as 32 bits; null where there are none to be seen. */
  readonly ports: number | null
}

export const icmpNumber: number = ipProtocol.icmp

/** Where ports or the SPI stand in a transport header. Source: proto_ports_offset(), include/linux/in.h. */
const portsOffset: Readonly<Record<number, number>> = {
  [ipProtocol.tcp]: 0,
  [ipProtocol.udp]: 0,
  [ipProtocol.dccp]: 0,
  [ipProtocol.esp]: 0,
  [ipProtocol.sctp]: 0,
  [ipProtocol.udplite]: 0,
  [ipProtocol.ah]: 4,
}

const icmpHeaderBytes = 8
/** Destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const icmpErrors: readonly number[] = [3, 4, 5, 11, 12]

/** Null where an ICMP error quotes what cannot be read. */
export const conversationOf = (packet: Packet): Parts | null =>
  packet.family === 'ipv4' ? partsOfIpv4(packet) : partsOfIpv6(packet)

function partsOfIpv4(outer: Packet): Parts | null {
  const type = outer.transportLength < icmpHeaderBytes ? -1 : outer.u8(outer.transportOffset)
  const isError = outer.protocol === ipProtocol.icmp && icmpErrors.includes(type)
  const packet = isError ? quotedIn(outer, 'ipv4') : outer
  if (packet === null) return null
  const { source, destination, protocol } = packet
  const hasPorts = protocol !== ipProtocol.icmp && !packet.isFragment
  return {
    family: 'ipv4',
    source,
    destination,
    protocol,
    ports: hasPorts ? portsAt(packet, protocol, packet.transportOffset) : null,
  }
}

function partsOfIpv6(outer: Packet): Parts | null {
  const outerTransport = transportOf(outer)
  if (outerTransport === null)
    return { family: 'ipv6', source: null, destination: null, protocol: 0, ports: null }
  const type = outer.transportLength < icmpHeaderBytes ? 0 : outer.u8(outer.transportOffset)
  const isError =
    outer.fragmentHeaderOffset < 0 && outerTransport.protocol === ipProtocol.icmp6 && 0 < type && type < 128
  const packet = isError ? quotedIn(outer, 'ipv6') : outer
  const transport = packet === null ? null : transportOf(packet)
  if (packet === null || transport === null) return null
  const { source, destination } = packet
  const { protocol } = transport
  const hasPorts = protocol !== ipProtocol.icmp6 && packet.fragmentHeaderOffset < 0
  return {
    family: 'ipv6',
    source,
    destination,
    protocol,
    ports: hasPorts ? portsAt(packet, protocol, transport.offset) : null,
  }
}

/** An authentication header counts as the transport here. Null where the chain of headers breaks off. */
function transportOf(packet: Packet): { readonly protocol: number; readonly offset: number } | null {
  const ah = findHeader(packet, ipProtocol.ah)
  if (typeof ah === 'number') return { protocol: ipProtocol.ah, offset: ah }
  return packet.protocol < 0 ? null : { protocol: packet.protocol, offset: packet.transportOffset }
}

/** The packet behind the ICMP header, or null where its fixed header is not there. */
function quotedIn(outer: Packet, family: Family): Packet | null {
  const packet = new Packet()
  decodeIp(packet, outer.bytes.subarray(outer.transportOffset + icmpHeaderBytes, outer.endOffset))
  return packet.family === family ? packet : null
}

/** Null where they are cut off, or the protocol has none. */
function portsAt(packet: Packet, protocol: number, transportOffset: number): number | null {
  const offset = portsOffset[protocol]
  if (offset === undefined || packet.endOffset < transportOffset + offset + 4) return null
  return packet.u32(transportOffset + offset)
}
