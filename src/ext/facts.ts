/**
 * Propositions about a packet on its way that are no header field: the words in which matches and their analysis
 * speak of everything else. A name is a kind, or `KIND=VALUE`.
 */
import * as tcpHeader from '../net/headers/tcp.ts'
import { ipProtocol } from '../net/protocol.ts'
import type { FieldName, Point } from '../space/space.ts'
import { connectionFacts } from './connection-questions.ts'
import type { Device, HookContext, PacketType, Skb } from './context.ts'
import type { FactJudge } from './define.ts'

/** Kinds of propositions, and how to judge them. */
export type FactJudges = Readonly<Record<string, FactJudge>>

/** Those that matches share. */
const kinds: FactJudges = {
  ...connectionFacts,
  /** `transport-bytes=20`: the packet has so many bytes from the transport header on, and is no later fragment. */
  'transport-bytes': (value, { packet }) =>
    packet.fragmentOffset === 0 && Number(value) <= packet.transportLength,
  /** The TCP data offset is at least 5, and the options it tells of are there. */
  'tcp-options-whole': (_, skb) => tcpOptionsEnd(skb) >= 0,
  /** `tcp-option=8`: an option of that kind is found, walking as the kernel does. */
  'tcp-option': (value, skb) => {
    const end = tcpOptionsEnd(skb)
    return end >= 0 && tcpHeader.findOption(skb.packet, skb.packet.transportOffset, end, Number(value)) >= 0
  },
  /** `in=eth0`, `in=eth+`: the device it came by. */
  in: (value, _, context) => isNamed(context.in, value),
  out: (value, _, context) => isNamed(context.out, value),
  /** It came by an Ethernet device and still has its Ethernet header. */
  'ethernet-source': (_, skb, context) => hasEthernetSource(skb, context),
  /** `source-type=LOCAL`, `source-type=LOCAL@in`: what the routing table says of the address, on a device. */
  'source-type': (value, skb, context) => addressTypeIs(value, 'source', skb, context),
  'destination-type': (value, skb, context) => addressTypeIs(value, 'destination', skb, context),
  /** `packet-type=multicast`, as `-m pkttype` sees it. */
  'packet-type': (value, skb) => effectivePacketType(skb) === value,
  /** A local socket sent it. */
  socket: (_, skb) => skb.socket !== null,
  /** The socket belongs to a process: the kernel's own sockets do not. */
  'socket-owner': (_, skb) => isOwned(skb),
  /** `uid=0-10`: both ends belong to it. */
  uid: (value, skb) => isOwned(skb) && inRange(value, skb.socket!.uid),
  gid: (value, skb) => isOwned(skb) && inRange(value, skb.socket!.gid),
  /** `group=5-10`: one of the owner's supplementary groups. */
  group: (value, skb) =>
    isOwned(skb) && (skb.socket!.supplementaryGids ?? []).some((group) => inRange(value, group)),
}

/**
 * Whether a proposition holds; `own` judges those of single matches (`MatchDefinition.facts`). A kind nobody knows
 * throws, for it would be silently false.
 */
export function factHolds(name: string, skb: Skb, context: HookContext, own: FactJudges = {}): boolean {
  const equals = name.indexOf('=')
  const kind = equals < 0 ? name : name.slice(0, equals)
  const judge = kinds[kind] ?? own[kind]
  if (judge === undefined) throw new Error(`nobody knows how to judge the proposition ${name}`)
  return judge(equals < 0 ? '' : name.slice(equals + 1), skb, context)
}

/** The packet as a point of the packet space, with the given propositions (`PacketSpace.facts`) judged. */
export function pointOf(
  skb: Skb,
  context: HookContext,
  facts: Iterable<string>,
  own: FactJudges = {},
): Point {
  const { packet } = skb
  const fields: Partial<Record<FieldName, bigint>> = {
    source: wordsValue(packet.source.words),
    destination: wordsValue(packet.destination.words),
    ttl: BigInt(packet.ttl),
    tos: BigInt(packet.tos),
    totalLength: BigInt(packet.totalLength),
    mark: BigInt(skb.mark),
    fragmentOffset: BigInt(packet.fragmentOffset),
    moreFragments: packet.moreFragments ? 1n : 0n,
  }
  if (packet.protocol >= 0) fields.protocol = BigInt(packet.protocol)
  if (packet.fragmentOffset === 0) addTransport(fields, skb)
  if (hasEthernetSource(skb, context)) fields.sourceMac = bytesValue(ethernetSource(skb))
  const holding = new Set<string>()
  for (const name of facts) if (factHolds(name, skb, context, own)) holding.add(name)
  return { fields, facts: holding }
}

/** Protocols whose header begins with two ports. */
const portProtocols: readonly number[] = [
  ipProtocol.tcp,
  ipProtocol.udp,
  ipProtocol.udplite,
  ipProtocol.sctp,
  ipProtocol.dccp,
]

function addTransport(fields: Partial<Record<FieldName, bigint>>, { packet }: Skb): void {
  const { protocol, transportOffset: at, transportLength } = packet
  if (portProtocols.includes(protocol) && 4 <= transportLength) {
    fields.sourcePort = BigInt(packet.u16(at))
    fields.destinationPort = BigInt(packet.u16(at + 2))
  }
  if (protocol === ipProtocol.tcp && tcpHeader.headerBytes <= transportLength)
    fields.tcpFlags = BigInt(tcpHeader.flags(packet, at))
  if ((protocol === ipProtocol.icmp || protocol === ipProtocol.icmp6) && 2 <= transportLength) {
    fields.icmpType = BigInt(packet.u8(at))
    fields.icmpCode = BigInt(packet.u8(at + 1))
  }
}

/** Big-endian 32-bit words as one number. */
export const wordsValue = (words: readonly number[]): bigint =>
  words.reduce((wide, word) => (wide << 32n) | BigInt(word), 0n)

/** Big-endian bytes as one number. */
export const bytesValue = (bytes: Uint8Array): bigint =>
  bytes.reduce((wide, byte) => (wide << 8n) | BigInt(byte), 0n)

/** Where the TCP options end in the packet's bytes, or -1 when the data offset lies or they are cut off. */
export function tcpOptionsEnd({ packet }: Skb): number {
  const { transportOffset: at, transportLength, fragmentOffset } = packet
  if (fragmentOffset !== 0 || transportLength < tcpHeader.headerBytes) return -1
  const length = tcpHeader.headerLength(packet, at)
  return tcpHeader.headerBytes <= length && length <= transportLength ? at + length : -1
}

const isNamed = (device: Device | null, name: string): boolean =>
  device !== null && (name.endsWith('+') ? device.name.startsWith(name.slice(0, -1)) : device.name === name)

/** Source: mac_mt(), net/netfilter/xt_mac.c, Linux 6.18. */
export const hasEthernetSource = ({ packet }: Skb, context: HookContext): boolean =>
  context.in?.kind === 'ethernet' && packet.linkOffset >= 0

/**
 * The six bytes of the source MAC.
 *
 * Preconditions: the packet has an Ethernet header.
 */
export const ethernetSource = ({ packet }: Skb): Uint8Array =>
  packet.bytes.subarray(packet.linkOffset + 6, packet.linkOffset + 12)

function addressTypeIs(value: string, side: 'source' | 'destination', skb: Skb, context: HookContext) {
  const [type, where] = value.split('@')
  const device = where === 'in' ? context.in : where === 'out' ? context.out : null
  return context.host.routing.addressType(skb.packet[side], device) === type
}

/**
 * The packet type that `-m pkttype` compares: for copies that the host loops back to itself the kernel decides by
 * the destination. Source: pkttype_mt(), net/netfilter/xt_pkttype.c, Linux 6.18.
 */
export function effectivePacketType({ packet, packetType }: Skb): PacketType {
  if (packetType !== 'loopback') return packetType
  const toGroup = packet.family === 'ipv6' || packet.u8(packet.destinationOffset) >>> 4 === 14
  return toGroup ? 'multicast' : 'broadcast'
}

const isOwned = ({ socket }: Skb): boolean => socket !== null && !socket.isKernel

function inRange(value: string, id: number): boolean {
  const [low, high] = value.split('-').map(Number)
  return low! <= id && id <= high!
}
