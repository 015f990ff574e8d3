/**
 * What the host sends because of a packet: ICMP errors of its own and the answers of REJECT.
 *
 * Kernel: __icmp_send(), net/ipv4/icmp.c; icmp6_send(), net/ipv6/icmp.c; nf_reject_ipv4.c, nf_reject_ipv6.c; Linux 6.18.
 */
import type { Device, Emission, LocalSocket } from '../ext/context.ts'
import type { Hook } from '../lang/rule.ts'
import type { Address } from '../net/address.ts'
import { setDontFragment, setTtl } from '../net/change.ts'
import { type Circumstances, nothingSaid } from '../net/circumstances.ts'
import { decodeIp } from '../net/decode.ts'
import { refreshIpv4Checksum, setU16 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { isLinkLocal, isLoopback } from './address-class.ts'
import { buildIcmpError, type IcmpError, icmpErrors, whyNoError } from './icmp-error.ts'
import { echoOptions, timeOfDayMs } from './ipv4-options.ts'
import { droppedByHost, type Fate, type Journey } from './journey.ts'
import type { StackParts } from './parts.ts'
import { completeEmission } from './rewrite.ts'
import type { Route } from './routing.ts'
import { HostSkb } from './skb.ts'
import type { Speaker } from './sockets/local-stack.ts'

const kernelSocket: LocalSocket = { uid: -1, gid: -1, isKernel: true }

/** Who handles a packet handles its answer, too. */
const processorOf = ({ circumstances: { cpu } }: HostSkb): Circumstances =>
  cpu === undefined ? nothingSaid : { cpu }

/** What a raw socket sent may be longer than its header says; its copy is not. Source: __ip_local_out(), __ip6_local_out(). */
function tellLength(packet: Packet): void {
  const { bytes, endOffset, family } = packet
  if (endOffset === bytes.length) return
  if (family === 'ipv4') setU16(bytes, 2, bytes.length)
  else setU16(bytes, 4, bytes.length - 40)
  packet.endOffset = bytes.length
}

/** IPv4's groups and its limited broadcast. */
const isToAll = ({ family, words }: Address): boolean =>
  family === 'ipv4' && (words[0]! >>> 28 === 0xe || words[0] === 0xffffffff)

/**
 * The device that a link-local address is meant at: the one the packet came by, or that it was to leave by. Other
 * addresses need none for what the host sent itself. Source: icmp6_dev(), net/ipv6/icmp.c.
 */
function deviceToward(address: Address, { device, route }: HostSkb): Device | null {
  if (device !== null || address.family === 'ipv4' || !isLinkLocal(address)) return device
  return route !== null && 'device' in route ? route.device : null
}

const noOptions = new Uint8Array(0)

export class Answers implements Speaker {
  readonly #parts: StackParts
  /** While a copy is on its way nothing more is copied. */
  #isDuplicating = false
  /** Sends a packet of the host on its way. */
  readonly #send: (skb: HostSkb, route: Route, journey: Journey) => Fate

  constructor(parts: StackParts, send: (skb: HostSkb, route: Route, journey: Journey) => Fate) {
    this.#parts = parts
    this.#send = send
  }

  /**
   * Sends a packet that was made because of `cause`, its source and id filled in where they are zero. False when there
   * is no way for it, or the cause went to many and so gets no answer.
   */
  emit({ bytes, sender }: Emission, cause: HostSkb, journey: Journey): boolean {
    if (wentToMany(cause)) return false
    const { routing, nextId, conntrack } = this.#parts
    const skb = new HostSkb('caused')
    decodeIp(skb.packet, bytes.slice())
    const { destination } = skb.packet
    const device = deviceToward(destination, cause)
    const found = routing.output(destination, device)
    if (found.kind === 'refused') return false
    const source = routing.sourceFor(found, destination, device)
    if (!completeEmission(skb.packet, source, sender === 'icmp' ? nextId : null)) return false
    // Whoever speaks to everybody must be of this host, and does so by the device that has his address. Source:
    // ip_route_output_key_hash_rcu().
    const route = isToAll(destination) ? routing.reroute(skb.packet.source, destination, found.device) : found
    if (route.kind === 'refused' || isMartian(skb, route)) return false
    if (sender === 'icmp') skb.socket = kernelSocket
    skb.circumstances = processorOf(cause)
    conntrack.attach(skb, cause)
    if (sender === 'raw') conntrack.close(cause, journey.nowNs)
    this.#send(skb, route, journey)
    return true
  }

  /** Sends an ICMP error about a packet, where one is due. False when none is. */
  complain(skb: HostSkb, error: IcmpError, journey: Journey): boolean {
    const whyNot = whyNoError(skb, error)
    if (whyNot !== null) {
      journey.tell(`no ICMP error is sent: ${whyNot}`)
      return false
    }
    const { routing, loopback, defaultTtl } = this.#parts
    const { packet, device } = skb
    const way = routing.output(packet.source, deviceToward(packet.source, skb) ?? loopback)
    // An anycast address may be any of several hosts, so no error can be sure to meet the sender.
    if (way.kind === 'refused' || way.type === 'ANYCAST') return false
    // The address that was spoken to, if it is the host's; else its address on the way back.
    const source = this.#isSpokenTo(skb) ? packet.destination : routing.sourceFor(way, packet.source, device)
    if (source === null) return false
    const options = this.#echoOptions(skb, source, journey)
    if (options === null) return false
    // Source: ip_select_ttl().
    const ttl = way.type === 'MULTICAST' ? 1 : defaultTtl
    const bytes = buildIcmpError(packet, error, { source, ttl, mtu: way.device.mtu, options })
    return this.emit({ bytes, sender: 'icmp' }, skb, journey)
  }

  /** Whether the packet is for the host; in IPv4 the way of a copy says otherwise. */
  #isSpokenTo({ packet, copiedTo }: HostSkb): boolean {
    return (copiedTo === null || packet.family === 'ipv6') && this.#parts.routing.isOwn(packet.destination)
  }

  /**
   * Sends a copy of a packet by way of a gateway, with one hop less where it has just come in. False when there is no way.
   *
   * Source: nf_dup_ipv4(), nf_dup_ipv6().
   */
  duplicate(
    cause: HostSkb,
    hook: Hook,
    gateway: Address,
    deviceName: string | null,
    journey: Journey,
  ): boolean {
    if (this.#isDuplicating) return true
    const { routing, deviceNamed } = this.#parts
    const device = deviceName === null ? null : deviceNamed(deviceName)
    const way = routing.outputVia(gateway, device)
    if (way.kind === 'refused') return false
    const copy = new HostSkb('caused')
    const { packet } = cause
    decodeIp(copy.packet, packet.bytes.slice(packet.networkOffset, packet.endOffset))
    tellLength(copy.packet)
    copy.mark = cause.mark
    copy.circumstances = cause.circumstances
    copy.packetType = cause.packetType
    copy.traced = cause.traced
    copy.untracked = true
    // It shares the pieces with the packet, so that the kernel cuts it anew.
    copy.origin = cause.origin && { ...cause.origin, pieces: [] }
    if (hook === 'PREROUTING' || hook === 'INPUT') setTtl(copy.packet, (packet.ttl - 1) & 255)
    if (packet.family === 'ipv4') {
      setDontFragment(copy.packet)
      refreshIpv4Checksum(copy.packet.bytes)
    }
    this.#isDuplicating = true
    copy.copiedTo = way.device
    this.#send(copy, way, journey)
    this.#isDuplicating = false
    return true
  }

  /**
   * Sends a whole packet in somebody's name because of `cause`: it belongs to the given connection, or is tracked as its
   * template wishes, or like any packet. Nothing is sent where there is no way.
   *
   * Source: synproxy_send_tcp(), synproxy_send_tcp_ipv6().
   */
  speakFor(bytes: Uint8Array, conntrack: HostSkb['conntrack'], cause: HostSkb, journey: Journey): void {
    const { routing, family } = this.#parts
    const skb = new HostSkb('caused')
    decodeIp(skb.packet, bytes)
    skb.conntrack = conntrack
    skb.circumstances = processorOf(cause)
    const { source, destination } = skb.packet
    const route =
      family === 'ipv4'
        ? routing.reroute(source, destination, cause.route!.device)
        : routing.output(destination)
    if (route.kind !== 'refused') this.#send(skb, route, journey)
  }

  // --- What the local stack says

  /** Unlike what `emit` sends, it is tracked like any packet. */
  send(bytes: Uint8Array, owner: LocalSocket, journey: Journey, isFirst: boolean): void {
    const { routing } = this.#parts
    const skb = new HostSkb(isFirst ? 'main' : 'caused')
    skb.socket = owner
    decodeIp(skb.packet, bytes)
    skb.isDatagram = skb.packet.protocol !== ipProtocol.tcp
    const route = routing.output(skb.packet.destination)
    const fate =
      route.kind === 'refused' || isMartian(skb, route)
        ? droppedByHost('there is no way back')
        : this.#send(skb, route, journey)
    if (isFirst) journey.began ??= { fate, skb }
    if (fate.verdict !== 'accept') journey.lostBy ??= fate.by
  }

  optionsOf(skb: HostSkb, source: Address, journey: Journey): Uint8Array | null {
    return this.#echoOptions(skb, source, journey)
  }

  sourceToward(destination: Address, { device }: HostSkb): Address | null {
    const { routing } = this.#parts
    const route = routing.output(destination, device)
    return route.kind === 'refused' ? null : routing.sourceFor(route, destination, device)
  }

  mtuToward(destination: Address): number | null {
    const route = this.#parts.routing.output(destination)
    return route.kind === 'refused' ? null : route.device.mtu
  }

  nextId(): number {
    return this.#parts.nextId()
  }

  get defaultTtl(): number {
    return this.#parts.defaultTtl
  }

  complainOfSize(skb: HostSkb, { mtu }: Device, journey: Journey): void {
    this.complain(skb, { ...icmpErrors[this.#parts.family].tooBig, rest: mtu }, journey)
  }

  #echoOptions({ packet, options }: HostSkb, source: Address, journey: Journey): Uint8Array | null {
    if (options === null) return noOptions
    return echoOptions(packet, options, source, {
      timeMs: timeOfDayMs(journey.nowNs),
      addressType: (address) => this.#parts.routing.addressType(address, null),
    })
  }
}

/** 127.0.0.0/8 does not go by a wire. (IPv6 lets ::1 go.) Source: __mkroute_output(). */
const isMartian = ({ packet }: HostSkb, { device }: Route): boolean =>
  packet.family === 'ipv4' && isLoopback(packet.source) && device.kind !== 'loopback'

const wentToMany = ({ packet, route }: HostSkb): boolean =>
  packet.family === 'ipv4' && (route?.type === 'BROADCAST' || route?.type === 'MULTICAST')
