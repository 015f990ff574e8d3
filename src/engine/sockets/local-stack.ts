/**
 * What a host answers to what is delivered to it, once it is given `sockets`: SYN-ACKs and acknowledgements where a
 * socket listens, RSTs and ICMP errors where none does, replies to pings. All are packets like any other: they pass
 * OUTPUT and POSTROUTING, and are tracked.
 *
 * Kernel: tcp_v4_rcv(), udp_rcv(), icmp_rcv(), ip_local_deliver_finish(), Linux 6.18.
 */
import type { LocalSocket } from '../../ext/context.ts'
import { type Address, type Family, sameAddress } from '../../net/address.ts'
import { transportChecksumOk } from '../../net/checksum.ts'
import {
  encodeIcmp,
  encodeIcmp6,
  encodeIpv4,
  encodeIpv6,
  encodeTcp,
  encodeUdp,
  setU32,
} from '../../net/encode.ts'
import * as tcp from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { isMulticast } from '../address-class.ts'
import { timeOfDayMs } from '../ipv4-options.ts'
import type { Journey } from '../journey.ts'
import type { HostSkb } from '../skb.ts'
import { printEnd, type SocketConfig } from './config.ts'
import { type Answer, resetFor, type Segment, TcpConnection } from './tcp-connection.ts'

/** How the local stack speaks. */
export interface Speaker {
  /** Sends a packet that the host made. `isFirst`: the step is about it. */
  send(bytes: Uint8Array, owner: LocalSocket, journey: Journey, isFirst: boolean): void
  complain(skb: HostSkb, error: { type: number; code: number; rest?: number }, journey: Journey): boolean
  /** The IPv4 options with which an ICMP answer goes back; null where none may go. */
  optionsOf(skb: HostSkb, source: Address, journey: Journey): Uint8Array | null
  /** The host's address toward a destination, as an answer to `skb`. */
  sourceToward(destination: Address, skb: HostSkb): Address | null
  /** Bytes of the largest packet toward a destination; null where there is no way. */
  mtuToward(destination: Address): number | null
  nextId(): number
  readonly defaultTtl: number
}

/** What both families share: listening sockets, connections and those that sockets heard. */
interface Talk {
  readonly local: End
  readonly remote: End
  readonly owner: LocalSocket
  /** Null for datagrams. */
  readonly connection: TcpConnection | null
  /** Of the packets of a connection, counting up. */
  id: number
}

interface End {
  readonly address: Address
  readonly port: number
}

const kernelSocket: LocalSocket = { uid: -1, gid: -1, isKernel: true }
const headerBytes = { ipv4: 40, ipv6: 60 }
/** Every IPv4 host takes segments of 536 bytes, every IPv6 one of 1220. */
const defaultMss = { ipv4: 536, ipv6: 1220 }
const { syn, rst, ack, fin } = tcp.flag

const pim = 103
/** Protocols that the kernel takes without a socket. */
const quietProtocols: ReadonlySet<number> = new Set([ipProtocol.igmp, pim])

export class LocalStack {
  readonly #sockets: readonly SocketConfig[]
  readonly #random: () => number
  /** By the name that `Journey.taken` gives them. */
  readonly #talks = new Map<string, Talk>()
  /** Protocols and ports that packets of the steps speak from. */
  readonly #spoken = new Set<string>()

  constructor(sockets: readonly SocketConfig[], random: () => number) {
    this.#sockets = sockets
    this.#random = random
  }

  /**
   * A packet that a step sends stands for a process that has its port: what comes there is its business, and the stack
   * answers nothing.
   */
  leaveAlone(packet: Packet): void {
    const key = portKey(packet, packet.transportOffset)
    if (key !== null) this.#spoken.add(key)
  }

  /** Preconditions: the packet is whole and was delivered. */
  deliver(skb: HostSkb, speaker: Speaker, journey: Journey): void {
    const { packet } = skb
    if (packet.transportOffset < 0) return
    if (this.#spoken.size > 0 && this.#spoken.has(portKey(packet, packet.transportOffset + 2) ?? '')) return
    switch (packet.protocol) {
      case ipProtocol.tcp:
        this.#deliverTcp(skb, speaker, journey)
        return
      case ipProtocol.udp:
      case ipProtocol.udplite:
        this.#deliverUdp(skb, speaker, journey)
        return
      case ipProtocol.icmp:
      case ipProtocol.icmp6:
        if (packet.family === (packet.protocol === ipProtocol.icmp ? 'ipv4' : 'ipv6')) {
          answerEcho(skb, speaker, journey)
          return
        }
        break
    }
    refuseProtocol(skb, speaker, journey)
  }

  // --- TCP

  #deliverTcp(skb: HostSkb, speaker: Speaker, journey: Journey): void {
    const { packet } = skb
    const segment = readSegment(packet)
    if (segment === null || skb.packetType !== 'host' || transportChecksumOk(packet) === false) return
    const { local, remote } = endsOf(packet)
    const name = nameOf('tcp', local, remote)
    let talk = this.#talks.get(name) ?? null
    if (
      talk?.connection != null &&
      (talk.connection.isGone(journey.nowNs) || talk.connection.yieldsTo(segment))
    ) {
      this.#talks.delete(name)
      talk = null
    }
    const reply = (answers: readonly Answer[], owner: LocalSocket): void => {
      for (const answer of answers) {
        const isOwn = talk !== null && answer.isBare !== true
        const id = isOwn ? nextIdOf(talk!) : 0
        // What is no answer of the connection itself speaks in the kernel's name, with the TOS that it was spoken to.
        const isSynAck = (answer.flags & syn) !== 0
        const sender = isOwn || isSynAck ? owner : kernelSocket
        const tos = isOwn || isSynAck ? 0 : packet.tos & 0xfc
        speaker.send(
          segmentBytes({ local, remote, id, tos, ttl: speaker.defaultTtl }, answer),
          sender,
          journey,
          false,
        )
      }
    }
    if (talk?.connection != null) {
      const { connection } = talk
      const wasAccepted = connection.isAccepted
      const answers = connection.receive(segment, journey.nowNs)
      if (!wasAccepted && connection.isAccepted) journey.taken?.push(name)
      if (connection.isGone(journey.nowNs)) this.#talks.delete(name)
      reply(answers, talk.owner)
      return
    }
    const socket = this.#listener('tcp', local, skb)
    const isOpening = (segment.flags & (syn | ack | rst | fin)) === syn
    if (socket !== null && isOpening && !isMulticast(local.address)) {
      const mtu = speaker.mtuToward(remote.address)
      if (mtu === null) return
      const { family } = remote.address
      const ownMss = Math.min(mtu, 65535) - headerBytes[family]
      const sendMss = Math.min(ownMss, announcedMss(packet) ?? defaultMss[family])
      const connection = new TcpConnection({
        segment,
        initialSequence: this.#random(),
        ownMss,
        sendMss,
        nowNs: journey.nowNs,
      })
      talk = { local, remote, owner: ownerOf(socket), connection, id: this.#random() & 0xffff }
      this.#talks.set(name, talk)
      reply([connection.synAck()], talk.owner)
      return
    }
    // To a listening socket, anything but a SYN or an ACK means nothing.
    const isIgnored = socket !== null && (segment.flags & ack) === 0
    if ((segment.flags & rst) !== 0 || isIgnored) return
    reply([resetFor(segment)], kernelSocket)
  }

  // --- UDP

  #deliverUdp(skb: HostSkb, speaker: Speaker, journey: Journey): void {
    const { packet } = skb
    if (transportChecksumOk(packet) !== true) return
    const { local, remote } = endsOf(packet)
    const socket = packet.protocol === ipProtocol.udp ? this.#listener('udp', local, skb) : null
    if (socket !== null) {
      const name = nameOf('udp', local, remote)
      this.#talks.set(name, { local, remote, owner: ownerOf(socket), connection: null, id: 0 })
      journey.taken?.push(name)
      return
    }
    speaker.complain(skb, packet.family === 'ipv4' ? { type: 3, code: 3 } : { type: 1, code: 4 }, journey)
  }

  /** The socket that names the packet's end most exactly. Source: compute_score(), net/ipv4/inet_hashtables.c. */
  #listener(
    protocol: SocketConfig['protocol'],
    { address, port }: End,
    { device }: HostSkb,
  ): SocketConfig | null {
    const fitting = this.#sockets.filter(
      (socket) =>
        socket.protocol === protocol &&
        socket.port === port &&
        (socket.family === null || socket.family === address.family) &&
        (socket.address === null || sameAddress(socket.address, address)) &&
        (socket.device === null || socket.device === device?.name),
    )
    const score = ({ device, address, family }: SocketConfig): number =>
      (device === null ? 0 : 4) + (address === null ? 0 : 2) + (family === 'ipv4' ? 1 : 0)
    return fitting.reduce<SocketConfig | null>(
      (best, socket) => (best === null || score(best) < score(socket) ? socket : best),
      null,
    )
  }

  // --- What processes do

  /** Why a process cannot do that, or null. */
  act(
    name: string,
    does: 'send' | 'close' | 'abort',
    payload: Uint8Array,
    speakerOf: (family: Family) => Speaker,
    journey: Journey,
  ): string | null {
    const talk = this.#talks.get(name)
    if (talk === undefined) return 'the connection is gone'
    const { local, remote, owner, connection } = talk
    const speaker = speakerOf(remote.address.family)
    if (connection === null) {
      if (does === 'send') speaker.send(datagramBytes(talk, speaker, payload), owner, journey, true)
      return null
    }
    if (connection.isGone(journey.nowNs)) return 'the connection is gone'
    const answers =
      does === 'send' ? connection.send(payload) : does === 'close' ? connection.close() : connection.abort()
    if (answers === null) return 'the connection was closed from this side before'
    for (const [at, answer] of answers.entries()) {
      const way = { local, remote, id: nextIdOf(talk), tos: 0, ttl: speaker.defaultTtl }
      speaker.send(segmentBytes(way, answer), owner, journey, at === 0)
    }
    if (connection.isGone(journey.nowNs)) this.#talks.delete(name)
    return null
  }
}

/** Null where the protocol has no ports, or they are cut off. `at`: of the port. */
function portKey(packet: Packet, at: number): string | null {
  const { protocol, transportLength } = packet
  const hasPorts = protocol === ipProtocol.tcp || protocol === ipProtocol.udp
  return hasPorts && transportLength >= 4 ? `${protocol} ${packet.u16(at)}` : null
}

const nameOf = (protocol: string, local: End, remote: End): string =>
  `${protocol} ${printEnd(local.address, local.port)} < ${printEnd(remote.address, remote.port)}`

const ownerOf = ({ uid, gid }: SocketConfig): LocalSocket => ({ uid, gid })

function nextIdOf(talk: Talk): number {
  talk.id = (talk.id + 1) & 0xffff
  return talk.id
}

/** Preconditions: the transport's first four bytes are there. */
function endsOf(packet: Packet): { local: End; remote: End } {
  const at = packet.transportOffset
  return {
    local: { address: packet.destination, port: packet.u16(at + 2) },
    remote: { address: packet.source, port: packet.u16(at) },
  }
}

/** Null where the header is cut off or absurd. */
function readSegment(packet: Packet): Segment | null {
  const { transportOffset: at, transportLength } = packet
  if (transportLength < tcp.headerBytes) return null
  const headerLength = tcp.headerLength(packet, at)
  if (headerLength < tcp.headerBytes || transportLength < headerLength) return null
  return {
    flags: tcp.flags(packet, at) & (syn | ack | rst | fin),
    sequence: tcp.sequence(packet, at),
    acknowledgement: tcp.acknowledgement(packet, at),
    window: tcp.window(packet, at),
    length: transportLength - headerLength,
  }
}

function announcedMss(packet: Packet): number | null {
  const { transportOffset: at } = packet
  const option = tcp.findOption(packet, at, at + tcp.headerLength(packet, at), tcp.optionKind.mss)
  return option < 0 ? null : packet.u16(option + 2)
}

// --- Bytes

interface Out {
  readonly local: End
  readonly remote: End
  readonly id: number
  readonly tos: number
  readonly ttl: number
}

function ipBytes({ local, remote, id, tos, ttl }: Out, protocol: number, payload: Uint8Array): Uint8Array {
  const ends = { source: local.address, destination: remote.address }
  return local.address.family === 'ipv4'
    ? encodeIpv4({ ...ends, protocol, ttl, tos, id, dontFragment: true }, payload)
    : encodeIpv6({ ...ends, nextHeader: protocol, hopLimit: ttl, trafficClass: tos }, payload)
}

const nothing = new Uint8Array(0)

function segmentBytes(
  out: Out,
  { flags, sequence, acknowledgement, window, payload, mss }: Answer,
): Uint8Array {
  const options = mss === undefined ? nothing : Uint8Array.of(tcp.optionKind.mss, 4, mss >>> 8, mss & 255)
  const ports = { sourcePort: out.local.port, destinationPort: out.remote.port }
  const fields = { ...ports, flags, sequence, acknowledgement, window, options }
  const ends = { source: out.local.address, destination: out.remote.address }
  return ipBytes(out, ipProtocol.tcp, encodeTcp(fields, payload ?? nothing, ends))
}

function datagramBytes({ local, remote }: Talk, speaker: Speaker, payload: Uint8Array): Uint8Array {
  const ends = { source: local.address, destination: remote.address }
  const bytes = encodeUdp({ sourcePort: local.port, destinationPort: remote.port }, payload, ends)
  const id = speaker.nextId()
  return ipBytes({ local, remote, id, tos: 0, ttl: speaker.defaultTtl }, ipProtocol.udp, bytes)
}

// --- ICMP

function answerEcho(skb: HostSkb, speaker: Speaker, journey: Journey): void {
  if (skb.packet.family === 'ipv4') answerIcmp(skb, speaker, journey)
  else answerIcmp6(skb, speaker, journey)
}

/** Source: icmp_echo(), icmp_timestamp(), net/ipv4/icmp.c. Broadcasts and groups are not answered. */
function answerIcmp(skb: HostSkb, speaker: Speaker, journey: Journey): void {
  const { packet, route } = skb
  const at = packet.transportOffset
  if (packet.transportLength < 8 || transportChecksumOk(packet) === false) return
  if (route?.type === 'BROADCAST' || route?.type === 'MULTICAST') return
  const type = packet.u8(at)
  const isTimestamp = type === 13 && packet.transportLength >= 12
  if (type !== 8 && !isTimestamp) return
  const source = packet.destination
  const options = speaker.optionsOf(skb, source, journey)
  if (options === null) return
  const data = isTimestamp ? timestamps(packet, at, journey) : packet.bytes.subarray(at + 8, packet.endOffset)
  const header = { type: type === 8 ? 0 : 14, code: packet.u8(at + 1), rest: packet.u32(at + 4) }
  const message = encodeIcmp(isTimestamp ? { ...header, code: 0 } : header, data)
  // Of nothing but zeroes the kernel's sum is the other zero (measured).
  if (message[2] === 0xff && message[3] === 0xff) message.fill(0, 2, 4)
  const bytes = encodeIpv4(
    {
      source,
      destination: packet.source,
      protocol: ipProtocol.icmp,
      ttl: speaker.defaultTtl,
      tos: packet.tos,
      id: speaker.nextId(),
      options,
    },
    message,
  )
  speaker.send(bytes, kernelSocket, journey, false)
}

/** When it was sent, as it says, and when it came and is answered, in milliseconds of the day. */
function timestamps(packet: Packet, at: number, journey: Journey): Uint8Array {
  const data = new Uint8Array(12)
  const now = timeOfDayMs(journey.nowNs)
  setU32(data, 0, packet.u32(at + 8))
  setU32(data, 4, now)
  setU32(data, 8, now)
  return data
}

/** Source: icmpv6_echo_reply(), net/ipv6/icmp.c. Groups are answered, from the host's own address. */
function answerIcmp6(skb: HostSkb, speaker: Speaker, journey: Journey): void {
  const { packet } = skb
  const at = packet.transportOffset
  if (packet.transportLength < 8 || transportChecksumOk(packet) === false || packet.u8(at) !== 128) return
  if (isMulticast(packet.source)) return
  const destination = packet.source
  const isToOne = !isMulticast(packet.destination) && skb.route?.type !== 'ANYCAST'
  const source = isToOne ? packet.destination : speaker.sourceToward(destination, skb)
  if (source === null) return
  const header = { type: 129, code: 0, rest: packet.u32(at + 4) }
  const data = packet.bytes.subarray(at + 8, packet.endOffset)
  const bytes = encodeIpv6(
    {
      source,
      destination,
      nextHeader: ipProtocol.icmp6,
      hopLimit: speaker.defaultTtl,
      trafficClass: packet.tos,
      flowLabel: 0,
    },
    encodeIcmp6(header, data, { source, destination }),
  )
  speaker.send(bytes, kernelSocket, journey, false)
}

/** Protocol unreachable; in IPv6 a parameter problem that points at the unknown header's number. */
function refuseProtocol(skb: HostSkb, speaker: Speaker, journey: Journey): void {
  const { packet } = skb
  if (packet.family === 'ipv4') {
    if (!quietProtocols.has(packet.protocol)) speaker.complain(skb, { type: 3, code: 2 }, journey)
    return
  }
  if (packet.protocol === ipProtocol.none || packet.protocol === pim) return
  speaker.complain(skb, { type: 4, code: 1, rest: placeOfNextHeader(packet) }, journey)
}

/** Offset, from the IPv6 header on, of the byte that names the header at `transportOffset`. */
function placeOfNextHeader(packet: Packet): number {
  const { networkOffset, transportOffset } = packet
  let place = 6
  let at = networkOffset + 40
  let next = packet.u8(networkOffset + 6)
  while (at < transportOffset) {
    place = at - networkOffset
    const length = next === ipProtocol.ah ? (packet.u8(at + 1) + 2) * 4 : (packet.u8(at + 1) + 1) * 8
    next = packet.u8(at)
    at += length
  }
  return place
}
