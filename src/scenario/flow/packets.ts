/** Packets of the played ends: their bytes, and what is read of those that came through. */
import type { Address } from '../../net/address.ts'
import { decodeFrame } from '../../net/decode.ts'
import { encodeIcmp, encodeIcmp6, encodeIpv4, encodeIpv6, encodeTcp, encodeUdp } from '../../net/encode.ts'
import * as icmp from '../../net/headers/icmp.ts'
import * as tcp from '../../net/headers/tcp.ts'
import { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bytesOfHex } from '../hex.ts'
import type { StepResult } from '../scenario.ts'

/** One end of a conversation as somebody sees it. */
export interface End {
  readonly address: Address
  /** The id of an echo. */
  readonly port: number
}

/** From whom, to whom, and with what in the IP header. */
export interface Way {
  readonly from: End
  readonly to: End
  readonly ttl: number
  readonly tos: number
  /** IPv4 identification. */
  readonly id: number
}

function encodeIp({ from, to, ttl, tos, id }: Way, protocol: number, payload: Uint8Array): Uint8Array {
  const ends = { source: from.address, destination: to.address }
  return from.address.family === 'ipv4'
    ? encodeIpv4({ ...ends, protocol, ttl, tos, id, dontFragment: true }, payload)
    : encodeIpv6({ ...ends, nextHeader: protocol, hopLimit: ttl, trafficClass: tos }, payload)
}

export interface Segment {
  readonly flags: number
  readonly sequence: number
  readonly acknowledgement: number
  /** Announced, in a SYN alone. */
  readonly mss?: number
  readonly payload?: Uint8Array
}

const nothing = new Uint8Array(0)

/** A TCP packet with a window of 65535 and no option but the MSS. */
export function tcpPacket(
  way: Way,
  { flags, sequence, acknowledgement, mss, payload = nothing }: Segment,
): Uint8Array {
  const options = mss === undefined ? nothing : Uint8Array.of(tcp.optionKind.mss, 4, mss >>> 8, mss & 255)
  const fields = {
    sourcePort: way.from.port,
    destinationPort: way.to.port,
    flags,
    sequence,
    acknowledgement,
    options,
  }
  return encodeIp(way, ipProtocol.tcp, encodeTcp(fields, payload, endsOf(way)))
}

export function udpPacket(way: Way, payload: Uint8Array): Uint8Array {
  const fields = { sourcePort: way.from.port, destinationPort: way.to.port }
  return encodeIp(way, ipProtocol.udp, encodeUdp(fields, payload, endsOf(way)))
}

const echoTypes = { ipv4: { request: 8, reply: 0 }, ipv6: { request: 128, reply: 129 } } as const

/** An echo with 56 bytes of data, as ping sends it. `id` is the client's port. */
export function echoPacket(way: Way, what: 'request' | 'reply', id: number, sequence: number): Uint8Array {
  const { family } = way.from.address
  const header = { type: echoTypes[family][what], code: 0, rest: ((id << 16) | sequence) >>> 0 }
  const data = new Uint8Array(56)
  if (family === 'ipv4') return encodeIp(way, ipProtocol.icmp, encodeIcmp(header, data))
  return encodeIp(way, ipProtocol.icmp6, encodeIcmp6(header, data, endsOf(way)))
}

const endsOf = ({ from, to }: Way) => ({ source: from.address, destination: to.address })

/** A frame that left the host, read. */
export interface Seen {
  readonly device: string
  readonly frame: Uint8Array
  readonly packet: Packet
  readonly kind: 'tcp' | 'udp' | 'echo-request' | 'echo-reply' | 'error' | 'other'
  readonly source: End
  readonly destination: End
  /** TCP only; 0 elsewhere. */
  readonly flags: number
  readonly sequence: number
  /** Bytes of TCP data. */
  readonly dataLength: number
  /** The announced MSS, or null. */
  readonly mss: number | null
}

/** Null for what is no IP packet, or a later fragment. */
export function readSent({ if: device, hex }: StepResult['sent'][number]): Seen | null {
  const frame = bytesOfHex(hex)
  const packet = new Packet()
  decodeFrame(packet, frame)
  if (packet.family === null || packet.fragmentOffset > 0 || packet.transportLength < 8) return null
  const at = packet.transportOffset
  const kind = kindOf(packet)
  const hasPorts = kind === 'tcp' || kind === 'udp'
  const isEcho = kind === 'echo-request' || kind === 'echo-reply'
  const ends = isEcho ? [icmp.id(packet, at), 0] : hasPorts ? [packet.u16(at), packet.u16(at + 2)] : [0, 0]
  const [first = 0, second = 0] = kind === 'echo-reply' ? ends.toReversed() : ends
  const isTcp = kind === 'tcp' && packet.transportLength >= tcp.headerBytes
  const headerEnd = isTcp ? at + tcp.headerLength(packet, at) : 0
  const mssAt = isTcp ? tcp.findOption(packet, at, headerEnd, tcp.optionKind.mss) : -1
  return {
    device,
    frame,
    packet,
    kind,
    source: { address: packet.source, port: first },
    destination: { address: packet.destination, port: second },
    flags: isTcp ? tcp.flags(packet, at) : 0,
    sequence: isTcp ? tcp.sequence(packet, at) : 0,
    dataLength: isTcp ? Math.max(0, packet.endOffset - headerEnd) : 0,
    mss: mssAt < 0 ? null : packet.u16(mssAt + 2),
  }
}

function kindOf(packet: Packet): Seen['kind'] {
  const { family, protocol } = packet
  if (protocol === ipProtocol.tcp) return 'tcp'
  if (protocol === ipProtocol.udp) return 'udp'
  if (protocol !== (family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6)) return 'other'
  const type = icmp.type(packet, packet.transportOffset)
  if (type === echoTypes[family!].request) return 'echo-request'
  if (type === echoTypes[family!].reply) return 'echo-reply'
  return icmp.isError(family!, type) ? 'error' : 'other'
}
