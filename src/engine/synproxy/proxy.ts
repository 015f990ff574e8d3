/**
 * A SYN proxy: it answers a client's SYN with a cookie, keeps nothing, and opens the connection to the server only when the
 * client has given the cookie back. From then on it translates between the numbers that each side believes in.
 *
 *   client          proxy           server
 *     SYN  ----------->
 *     <-- SYN-ACK, cookie, window 0
 *     ACK  ----------->
 *                     SYN  ----------->
 *                     <----------- SYN-ACK
 *                     ACK  ----------->
 *     <----------- ACK, window open
 *
 * `answer` is what SYNPROXY does, `watch` stands behind all tables of INPUT and POSTROUTING.
 * Kernel: net/netfilter/nf_synproxy_core.c, net/ipv4/netfilter/ipt_SYNPROXY.c, Linux 6.18.
 */
import type { Connection, ServerOffer } from '../../ext/context.ts'
import { templateConnection } from '../../ext/template.ts'
import type { Hook } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import { netfilterChecksumOk } from '../../net/checksum.ts'
import { encodeIpv4, encodeIpv6, encodeTcp } from '../../net/encode.ts'
import * as tcp from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { connectionStatus, type TrackedConnection } from '../conntrack/connection.ts'
import type { ConntrackInfo } from '../conntrack/conntrack.ts'
import { replaceU32, SequenceOffset } from '../conntrack/sequence.ts'
import type { TcpTrack } from '../conntrack/tcp.ts'
import { tcpState } from '../conntrack/tcp-states.ts'
import { defaultZone } from '../conntrack/zone.ts'
import { droppedByHost, type Fate, type Journey } from '../journey.ts'
import type { HostSkb } from '../skb.ts'
import { type EndWords, SynCookies } from './cookie.ts'
import {
  findTimestamps,
  hideInTimestamp,
  readHidden,
  readSynOptions,
  type SynOptions,
  writeSynOptions,
} from './options.ts'
import type { ProxiedConnection } from './proxied.ts'

interface ProxyParts {
  readonly family: Family
  /** Of the cookies. */
  readonly seed: number
  readonly defaultTtl: number
  /** Sends a segment in somebody's name, because of a packet, as part of a connection or of what CT would wish for. */
  send(bytes: Uint8Array, conntrack: HostSkb['conntrack'], cause: HostSkb, journey: Journey): void
}

/** What a segment says beside its ends. */
interface Segment {
  readonly flags: number
  readonly sequence: number
  readonly acknowledgement: number
  readonly window: number
  readonly options: SynOptions
}

const { fin, syn, rst, ack, ece, cwr } = tcp.flag

export class SynProxy {
  readonly #parts: ProxyParts
  readonly #cookies: SynCookies
  /** In the place of the connection that a SYN to the server will begin. */
  readonly #template: Connection

  constructor(parts: ProxyParts) {
    const { seed, family } = parts
    this.#parts = parts
    this.#cookies = new SynCookies(seed, family)
    const wish = { zone: defaultZone, isZoneOfMark: false, helper: null, isProxied: true }
    this.#template = templateConnection(wish, family)
  }

  /**
   * Takes a SYN or the acknowledgement that follows a SYN-ACK of its own; true also for what it refuses. False for all
   * other segments.
   *
   * Preconditions: the rule asks for TCP. Source: synproxy_tg4(), synproxy_tg6().
   */
  answer(skb: HostSkb, hook: Hook, offer: ServerOffer, journey: Journey): boolean {
    const { packet } = skb
    const at = packet.transportOffset
    // What is forwarded has it verified again. Source: skb_forward_csum().
    const isVerified = hook === 'INPUT' && skb.checksumVerified
    const options =
      packet.endOffset - at < tcp.headerBytes || (!isVerified && !netfilterChecksumOk(packet, ipProtocol.tcp))
        ? null
        : readSynOptions(packet, at)
    if (options === null) {
      journey.tell('the SYN proxy drops it: its header or checksum is wrong')
      return true
    }
    const flags = tcp.flags(packet, at)
    switch (flags & (fin | syn | rst | ack)) {
      case syn:
        this.#greetClient(skb, at, flags, options, offer, journey)
        return true
      case ack:
        this.#meetAcknowledgement(skb, at, options, tcp.sequence(packet, at), journey)
        return true
      default:
        return false
    }
  }

  /**
   * Looks after the packets of connections that the proxy opened. Null where the packet may go on.
   *
   * Source: ipv4_synproxy_hook(), ipv6_synproxy_hook().
   */
  watch(skb: HostSkb, journey: Journey): Fate | null {
    const { packet } = skb
    const info = skb.conntrack as ConntrackInfo | null
    const connection = info?.connection ?? null
    const proxied = connection?.proxied ?? null
    if (info === null || connection === null || proxied === null) return null
    if (packet.protocol !== ipProtocol.tcp) return null
    const at = packet.transportOffset
    if (packet.endOffset - at < tcp.headerBytes) return droppedByHost(brokenHeader)

    const { state } = connection.track as TcpTrack
    const flags = tcp.flags(packet, at)
    const isReopened = state === tcpState.close && (flags & (syn | ack)) === syn && !info.isReply
    if (state === tcpState.close && flags & rst && info.isReply) {
      // The server refuses: the client shall believe it.
      shiftAnswers(connection, info, proxied.cookie - tcp.sequence(packet, at) + 1)
    } else if (state === tcpState.synSent || isReopened) {
      if (isReopened) proxied.clockOffset = 0
      const options = readSynOptions(packet, at)
      if (options === null) return droppedByHost(brokenHeader)
      if ((flags & (syn | ack)) === ack && !info.isReply) {
        this.#meetAcknowledgement(skb, at, options, tcp.sequence(packet, at) + 1, journey)
        return droppedByHost('the SYN proxy takes it: the server has not answered yet')
      }
      // What opens the connection carries the cookie where nobody looks for one.
      proxied.cookie = tcp.acknowledgement(packet, at)
      if (options.timestamps !== null) proxied.timestamp = options.timestamps.echo
    } else if (state === tcpState.synRecv && (flags & (syn | ack)) === (syn | ack)) {
      return this.#join(skb, info, connection, proxied, at, journey)
    }
    adjustTimestamps(packet, at, proxied.clockOffset, info.isReply)
    return null
  }

  // --- Before there is a connection

  /** SYN-ACK with a cookie; what the client offered and the cookie cannot hold goes into the timestamp, or is refused. */
  #greetClient(
    skb: HostSkb,
    at: number,
    flags: number,
    asked: SynOptions,
    offer: ServerOffer,
    journey: Journey,
  ): void {
    const { packet } = skb
    const shared: SynOptions = {
      segmentSize: asked.segmentSize === null ? null : offer.mss,
      windowScale: offer.windowScale === null ? null : asked.windowScale,
      sackPermitted: asked.sackPermitted && offer.sackPermitted,
      timestamps: offer.timestamps ? asked.timestamps : null,
      ecn: (flags & (ece | cwr)) === (ece | cwr) && offer.ecn,
    }
    const cookie = this.#cookies.make(
      endWordsOf(packet, at),
      tcp.sequence(packet, at),
      asked.segmentSize ?? 0,
      journey.nowNs,
    )
    journey.tell(`the SYN proxy answers it with the cookie ${cookie}`)
    const options = greetingOptions(shared, offer, Number(journey.nowNs / 1_000_000n) >>> 0)
    const connection = (skb.conntrack as ConntrackInfo | null)?.connection ?? null
    this.#send(
      skb,
      at,
      'back',
      {
        flags: syn | ack | (options.ecn ? ece : 0),
        sequence: cookie,
        acknowledgement: tcp.sequence(packet, at) + 1,
        window: 0,
        options,
      },
      connection === null ? null : answerOf(connection),
      journey,
    )
  }

  /** A SYN to the server, if the cookie is good. `sequence`: the first that the client will send behind its SYN. */
  #meetAcknowledgement(
    skb: HostSkb,
    at: number,
    options: SynOptions,
    sequence: number,
    journey: Journey,
  ): void {
    const { packet } = skb
    const cookie = tcp.acknowledgement(packet, at) - 1
    const asked = tcp.sequence(packet, at) - 1
    const segmentSize = this.#cookies.check(cookie, endWordsOf(packet, at), asked, journey.nowNs)
    if (segmentSize === null) {
      journey.tell(`the SYN proxy drops it: ${cookie >>> 0} is no cookie of its own, or an old one`)
      return
    }
    journey.tell('the SYN proxy knows its cookie and opens a connection to the server')
    const known = { ...options, segmentSize }
    if (options.timestamps !== null) Object.assign(known, readHidden(options, options.timestamps))
    this.#send(
      skb,
      at,
      'on',
      {
        flags: syn | (known.ecn ? ece | cwr : 0),
        sequence: sequence - 1,
        // No acknowledgement yet; that is how `watch` will learn of it.
        acknowledgement: cookie,
        window: tcp.window(packet, at),
        options: known,
      },
      { state: 'NEW', isReply: false, connection: this.#template },
      journey,
    )
  }

  // --- The server has answered

  /** Acknowledges the server's SYN-ACK in the client's place, and opens the window for the client. */
  #join(
    skb: HostSkb,
    info: ConntrackInfo,
    connection: TrackedConnection,
    proxied: ProxiedConnection,
    at: number,
    journey: Journey,
  ): Fate {
    const { packet } = skb
    const options = readSynOptions(packet, at)
    if (options === null) return droppedByHost(brokenHeader)
    const { timestamps } = options
    if (timestamps !== null) proxied.clockOffset = (timestamps.value - proxied.timestamp) | 0
    const sequence = tcp.sequence(packet, at)
    const acknowledgement = tcp.acknowledgement(packet, at)
    const turned = timestamps && { value: timestamps.echo, echo: timestamps.value }
    const said = (stamps: SynOptions['timestamps']): SynOptions => ({ ...nothingOffered, timestamps: stamps })
    this.#send(
      skb,
      at,
      'back',
      {
        flags: ack,
        sequence: acknowledgement,
        acknowledgement: sequence + 1,
        window: (connection.track as TcpTrack).ends[0].maxWindow & 0xffff,
        options: said(turned),
      },
      null,
      journey,
    )
    shiftAnswers(connection, info, proxied.cookie - sequence)
    this.#send(
      skb,
      at,
      'on',
      {
        flags: ack,
        sequence: sequence + 1,
        acknowledgement,
        window: tcp.window(packet, at) >>> (options.windowScale ?? 0),
        options: said(timestamps),
      },
      answerOf(connection),
      journey,
    )
    return droppedByHost('the SYN proxy takes it, and tells both sides that they are connected')
  }

  /** `on`: in the name of the packet's sender, to whom it is for; `back`: the other way round. */
  #send(
    cause: HostSkb,
    at: number,
    way: 'on' | 'back',
    { flags, sequence, acknowledgement, window, options }: Segment,
    conntrack: HostSkb['conntrack'],
    journey: Journey,
  ): void {
    const { packet } = cause
    const { defaultTtl: ttl } = this.#parts
    const [from, to] = [
      { address: packet.source, port: tcp.sourcePort(packet, at) },
      { address: packet.destination, port: tcp.destinationPort(packet, at) },
    ]
    const [sender, receiver] = way === 'on' ? [from, to] : [to, from]
    const ends = { source: sender.address, destination: receiver.address }
    const segment = encodeTcp(
      {
        sourcePort: sender.port,
        destinationPort: receiver.port,
        sequence: sequence >>> 0,
        acknowledgement: acknowledgement >>> 0,
        flags,
        window,
        options: writeSynOptions(options),
      },
      new Uint8Array(0),
      ends,
    )
    const bytes =
      packet.family === 'ipv4'
        ? encodeIpv4({ ...ends, protocol: ipProtocol.tcp, ttl, dontFragment: true }, segment)
        : encodeIpv6({ ...ends, nextHeader: ipProtocol.tcp, hopLimit: ttl }, segment)
    this.#parts.send(bytes, conntrack, cause, journey)
  }
}

const brokenHeader = 'the SYN proxy cannot read its TCP header'

const nothingOffered: SynOptions = {
  segmentSize: null,
  windowScale: null,
  sackPermitted: false,
  timestamps: null,
  ecn: false,
}

/** What a SYN-ACK says; without timestamps there is no room to remember what else was offered. */
function greetingOptions(shared: SynOptions, offer: ServerOffer, clockMs: number): SynOptions {
  const { timestamps, segmentSize } = shared
  if (timestamps === null) return { ...nothingOffered, segmentSize }
  return {
    ...shared,
    windowScale: shared.windowScale === null ? null : offer.windowScale,
    timestamps: { value: hideInTimestamp(shared, clockMs), echo: timestamps.value },
  }
}

const answerOf = (connection: TrackedConnection): ConntrackInfo => ({
  state: 'ESTABLISHED',
  isReply: true,
  connection,
})

const endWordsOf = (packet: Packet, at: number): EndWords => [
  ...packet.source.words,
  ...packet.destination.words,
  packet.u32(at),
]

/** From now on what runs the packet's way is so much further. Source: nf_ct_seqadj_init(), which leaves a 0 undone. */
function shiftAnswers(connection: TrackedConnection, { isReply }: ConntrackInfo, difference: number): void {
  if ((difference | 0) === 0) return
  connection.status |= connectionStatus.sequenceAdjust
  connection.sequence ??= [new SequenceOffset(), new SequenceOffset()]
  connection.sequence[isReply ? 1 : 0].begin(difference | 0)
}

/** The server's clock becomes the one that the client knows, and back. Source: synproxy_tstamp_adjust(). */
function adjustTimestamps(packet: Packet, at: number, clockOffset: number, isReply: boolean): void {
  if (clockOffset === 0) return
  const option = findTimestamps(packet, at)
  if (option === null) return
  const [place, shift] = isReply ? [option + 2, -clockOffset] : [option + 6, clockOffset]
  replaceU32(packet, at, place, packet.u32(place) + shift)
}
