/**
 * Network address translation of tracked connections: set up with the first packet, carried out on every one.
 *
 * Kernel: nf_nat_setup_info(), nf_nat_packet(), nf_nat_alloc_null_binding(), net/netfilter/nf_nat_core.c;
 * nf_nat_icmp_reply_translation(), net/netfilter/nf_nat_proto.c; Linux 6.18.
 */
import type { NatRange } from '../../ext/context.ts'
import type { Hook } from '../../lang/rule.ts'
import { type Address, addressOf, sameAddress } from '../../net/address.ts'
import { internetChecksum, netfilterChecksumOk, pseudoHeaderSum } from '../../net/checksum.ts'
import { setU16 } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { connectionStatus, type TrackedConnection } from '../conntrack/connection.ts'
import type { Conntrack, ConntrackInfo } from '../conntrack/conntrack.ts'
import {
  familyOf,
  locateTransport,
  protocolOf,
  TransportPlace,
  TupleKey,
  type TupleNode,
  tupleOf,
} from '../conntrack/tuple.ts'
import { type Manipulation, manipulate, otherManipulation } from './manipulate.ts'
import { chooseTuple } from './unique.ts'

/** What the nat hooks change: the destination before routing, the source behind it. Source: HOOK2MANIP(). */
export const manipulationAt = (hook: Hook): Manipulation =>
  hook === 'PREROUTING' || hook === 'OUTPUT' ? 'destination' : 'source'

const natBit = (manipulation: Manipulation): number =>
  manipulation === 'source' ? connectionStatus.sourceNat : connectionStatus.destinationNat
const doneBit = (manipulation: Manipulation): number =>
  manipulation === 'source' ? connectionStatus.sourceNatDone : connectionStatus.destinationNatDone
const bothDone = connectionStatus.sourceNatDone | connectionStatus.destinationNatDone

export class Nat {
  readonly #conntrack: Conntrack
  readonly #randomPort: (manipulation: Manipulation) => number

  /** `randomPort` gives 16 random bits at least: see `Chance.port`. */
  constructor(conntrack: Conntrack, randomPort: (manipulation: Manipulation) => number) {
    this.#conntrack = conntrack
    this.#randomPort = randomPort
  }

  /** Whether it is settled how the connection looks on that side (perhaps that it stays as it is). */
  isSettled(connection: TrackedConnection, manipulation: Manipulation): boolean {
    return connection.has(doneBit(manipulation))
  }

  /** Settles it by a range. A connection in the table cannot be translated any more; nothing happens then. */
  settle(connection: TrackedConnection, range: NatRange, manipulation: Manipulation, nowNs: bigint): void {
    if (connection.has(connectionStatus.confirmed)) return
    const current = new TupleKey()
    current.copy(connection.replyNode)
    current.invert()
    const chosen = new TupleKey()
    chosen.copy(current)
    const taken = this.#conntrack.takenTuples(nowNs, () => this.#randomPort(manipulation) & 0xffff)
    chooseTuple(chosen, range, manipulation, connection, taken)
    if (!chosen.equals(current)) {
      chosen.invert()
      connection.replaceReply(chosen)
      connection.status |= natBit(manipulation)
    }
    connection.status |= doneBit(manipulation)
  }

  /**
   * A connection that another, which is translated, has announced: it comes from where `look`, a direction of that one,
   * goes to, and goes to where `look` comes from, there to `port`.
   *
   * Source: nf_nat_follow_master().
   */
  follow(connection: TrackedConnection, look: TupleNode, port: number, nowNs: bigint): void {
    const { source, destination } = tupleOf(look)
    this.settle(connection, { ...rangeTo(destination), ...notRandom }, 'source', nowNs)
    const ports = { min: port, max: port }
    this.settle(connection, { ...rangeTo(source), ports, ...notRandom }, 'destination', nowNs)
  }

  /** No rule translated it: it keeps its looks, unless they are another connection's. */
  settleUnchanged(connection: TrackedConnection, manipulation: Manipulation, nowNs: bigint): void {
    const { source, destination } = connection.reply
    const own = manipulation === 'source' ? destination : source
    const address = addressOf(own.family, own.words)
    this.settle(connection, { ...rangeTo(address), ...notRandom }, manipulation, nowNs)
  }

  /** Whether packets in this direction go elsewhere than they were sent to. */
  turnsDestination({ connection, isReply }: ConntrackInfo): boolean {
    const { original, reply } = connection!
    const [mine, other] = isReply ? [reply, original] : [original, reply]
    return !sameAddress(mine.destination, other.source)
  }

  /** Writes the translation into a packet of the connection; false where the packet cannot bear it. */
  apply(packet: Packet, info: ConntrackInfo, hook: Hook): boolean {
    const manipulation = manipulationAt(hook)
    const connection = info.connection!
    const isIcmpError = info.state === 'RELATED' && isIcmp(packet)
    if (isIcmpError) return this.#applyToError(packet, info, manipulation)
    if (!this.#concerns(info, manipulation)) return true
    const target = lookFrom(connection, info.isReply)
    return changePacket(packet, packet.networkOffset, target, protocolOf(target), manipulation)
  }

  /** Whether packets of this direction are changed at a hook. */
  changesAt(info: ConntrackInfo, hook: Hook): boolean {
    return this.#concerns(info, manipulationAt(hook))
  }

  #concerns({ connection, isReply }: ConntrackInfo, manipulation: Manipulation): boolean {
    return connection!.has(natBit(isReply ? otherManipulation(manipulation) : manipulation))
  }

  /**
   * How many bytes of an ICMP error, counted from its ICMP header, are pulled together to be looked at and changed at a
   * hook.
   *
   * Source: nf_nat_icmp_reply_translation(), nf_nat_icmpv6_reply_translation(), l4proto_manip_pkt().
   */
  pulledOfError(packet: Packet, info: ConntrackInfo, hook: Hook): number {
    const quotedAt = packet.transportOffset + icmpHeaderBytes
    const { family, bytes, endOffset } = packet
    const quotedHeader = icmpHeaderBytes + (family === 'ipv4' ? 20 : 40)
    if (!this.changesAt(info, hook)) return quotedHeader
    const place = new TransportPlace()
    if (!locateTransport(place, bytes, family!, quotedAt, endOffset)) return quotedHeader
    const inner = pulledHeaderBytes(place.protocol, endOffset - place.offset)
    return Math.max(quotedHeader, place.offset - packet.transportOffset + inner)
  }

  /** The packet that an error quotes went the other way: it is changed back first, then the error's own header. */
  #applyToError(packet: Packet, info: ConntrackInfo, manipulation: Manipulation): boolean {
    const { transportOffset: at, protocol } = packet
    const connection = info.connection!
    const quotedAt = at + icmpHeaderBytes
    if (!netfilterChecksumOk(packet, protocol)) return false
    const isRedirect = packet.u8(at) === (protocol === ipProtocol.icmp ? 5 : 137)
    if (isRedirect && ((connection.status & bothDone) !== bothDone || hasTranslation(connection)))
      return false
    if (!this.#concerns(info, manipulation)) return true
    const opposite = info.isReply ? connection.originalNode : connection.replyNode
    const quoted = new TupleKey()
    quoted.copy(opposite)
    const isQuotedChanged = changePacket(
      packet,
      quotedAt,
      quoted,
      protocolOf(quoted),
      otherManipulation(manipulation),
    )
    if (!isQuotedChanged) return false
    setU16(packet.bytes, at + 2, 0)
    const pseudo = packet.family === 'ipv4' ? 0 : pseudoHeaderSum(packet, protocol, packet.endOffset - at)
    setU16(packet.bytes, at + 2, internetChecksum(packet.bytes, at, packet.endOffset, pseudo))
    return changePacket(
      packet,
      packet.networkOffset,
      lookFrom(connection, info.isReply),
      protocol,
      manipulation,
    )
  }
}

const icmpHeaderBytes = 8

/** Of a quoted header: at least what has the ports, all of it where its checksum is there. */
function pulledHeaderBytes(protocol: number, present: number): number {
  if (protocol === ipProtocol.tcp) return present >= 20 ? 20 : 8
  return protocol === ipProtocol.sctp && present >= 12 ? 12 : 8
}

const rangeTo = (address: Address) => ({
  addresses: { min: address, max: address },
  ports: null,
  basePort: null,
})

const notRandom = { random: false, randomFully: false, persistent: false }

const hasTranslation = ({ status }: TrackedConnection): boolean =>
  (status & (connectionStatus.sourceNat | connectionStatus.destinationNat)) !== 0

const isIcmp = ({ family, protocol }: Packet): boolean =>
  protocol === (family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6)

/** What `lookFrom` writes into. */
const look = new TupleKey()

/** How a packet looks on the far side: the inverse of what comes back. Good until it is asked for again. */
function lookFrom(connection: TrackedConnection, isReply: boolean): TupleKey {
  connection.copyTuple(isReply ? 0 : 1, look)
  look.invert()
  return look
}

function changePacket(
  packet: Packet,
  networkOffset: number,
  target: TupleKey,
  protocol: number,
  manipulation: Manipulation,
): boolean {
  return manipulate(
    packet.bytes,
    familyOf(target),
    networkOffset,
    packet.endOffset,
    target,
    protocol,
    manipulation,
  )
}
