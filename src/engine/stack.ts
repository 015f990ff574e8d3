/**
 * The way of a packet through the IP layer of one family: PREROUTING, routing, INPUT or FORWARD, OUTPUT, POSTROUTING.
 *
 * Kernel: net/ipv4/ip_input.c, ip_forward.c, ip_output.c; net/ipv6/ip6_input.c, ip6_output.c; Linux 6.18.
 */
import type { Device } from '../ext/context.ts'
import { parseAddress, printAddress } from '../net/address.ts'
import { decodeIp } from '../net/decode.ts'
import { concatBytes } from '../net/encode.ts'
import { hopByHopFault } from '../net/headers/ipv6-extension.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import type { Packet } from '../net/packet.ts'
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, scope, scopeOf } from './address-class.ts'
import { Answers } from './answers.ts'
import { ErrorBudget } from './error-budget.ts'
import { fragmentsFor, isTooBigToForward } from './fragment.ts'
import { HookRunner } from './hook-run.ts'
import type { HookPlan } from './hooks.ts'
import { type IcmpErrorName, icmpErrors } from './icmp-error.ts'
import { finishOptionsForForwarding, readOptions, timeOfDayMs } from './ipv4-options.ts'
import { droppedByHost, type Fate, type Journey } from './journey.ts'
import { defectText } from './link.ts'
import { NeighbourLink, writeMacs } from './neighbours.ts'
import type { StackParts } from './parts.ts'
import { decrementTtl } from './rewrite.ts'
import type { Route, RouteError } from './routing.ts'
import { HostSkb } from './skb.ts'
import type { Speaker } from './sockets/local-stack.ts'

const errorOfRoute: Readonly<Record<RouteError, IcmpErrorName | null>> = {
  'net-unreachable': 'netUnreachable',
  'host-unreachable': 'hostUnreachable',
  prohibited: 'prohibited',
  silent: null,
}

const ipv6Loopback = parseAddress('::1')!

/** For people. */
export const deliveredText = 'it is delivered to the local stack'

/** Without options. */
const ipv4HeaderLength = 20
const ethernetHeaderBytes = 14

export class Stack {
  readonly #parts: StackParts
  readonly #answers: Answers
  readonly #hooks: HookRunner
  readonly #errorBudget: ErrorBudget
  readonly #neighbours: NeighbourLink
  /** By device, for people. */
  readonly #leaveTexts: string[] = []

  constructor(parts: StackParts) {
    this.#parts = parts
    this.#answers = new Answers(parts, (skb, route, journey) => this.sendOut(skb, route, journey))
    this.#hooks = new HookRunner(parts, this.#answers)
    this.#errorBudget = new ErrorBudget(parts.services.profile.hz)
    this.#neighbours = new NeighbourLink(parts.neighbours)
  }

  /** What stands at each hook from now on. */
  install(plan: HookPlan): void {
    this.#hooks.plan = plan
  }

  // --- In

  /** Whether any wait for others of their packet. */
  get hasFragments(): boolean {
    return this.#hooks.hasFragments
  }

  /**
   * Says so to the sender of fragments whose others did not come in time, if the first is there. IPv4 leaves that to
   * the destination where conntrack alone collected them.
   *
   * Source: ip_expire(), net/ipv4/ip_fragment.c; ip6frag_expire_frag_queue(), include/net/ipv6_frag.h.
   */
  expireFragments(journey: Journey): void {
    const { family, routing } = this.#parts
    for (const { user, device, first } of this.#hooks.expired(journey.nowNs)) {
      if (first === null || device === null) continue
      const skb = new HostSkb('caused')
      skb.device = device
      decodeIp(skb.packet, first.bytes, first.networkOffset)
      const { source, destination, protocol } = skb.packet
      const route = routing.input({ source, destination, protocol, device })
      if (route.kind === 'refused') continue
      if (family === 'ipv4' && user !== 'local' && route.kind !== 'local') continue
      skb.route = route
      journey.tell('fragments wait no longer for the rest of their packet')
      this.#answers.complain(skb, icmpErrors[family].fragmentsExpired, journey)
    }
  }

  /**
   * An IP packet from a device (or back from `lo`).
   *
   * `isTracked`: everything up to tracking is done, and nothing stood in its way.
   *
   * Preconditions: its fixed header is there. Source: ip_rcv(), ip_rcv_finish(), ipv6_rcv(), ip6_rcv_finish().
   */
  receive(skb: HostSkb, journey: Journey, isTracked = false): Fate {
    const { packet, device } = skb
    tellPacket(skb, 'received', journey)
    // Only by lo: frames were looked at before.
    if (packet.defect === 'ip-length') return droppedByHost('it is shorter than its header says')
    const refusal = this.#whyRefused(skb, journey)
    if (refusal !== null) return droppedByHost(refusal)
    const stopped = this.#hooks.run('PREROUTING', skb, device, null, journey, isTracked)
    if (stopped !== null) return stopped

    if (skb.route === null) {
      const route = this.#parts.routing.inputOf(packet, device!)
      if (route.kind === 'refused') return droppedByHost(route.why)
      skb.route = route
    }
    const { route } = skb
    tellRoute(route, journey)
    const refusedOptions = this.#readOptions(skb, route, journey)
    if (refusedOptions !== null) return droppedByHost(refusedOptions)
    if (route.kind === 'local') return this.#deliver(skb, journey)
    if (route.kind === 'error') return this.#haveNoWay(skb, route.error!, journey)
    return this.#forward(skb, route, journey)
  }

  /** What is wrong with the header, in the kernel's order: before PREROUTING, and answered where IPv6 demands it. */
  #whyRefused(skb: HostSkb, journey: Journey): string | null {
    const { packet } = skb
    const { defect } = packet
    if (defect === null || defect === 'ip-extension') {
      const wrongAddress = whyNotTaken(skb)
      if (wrongAddress !== null) return wrongAddress
    }
    if (defect === null) return null
    const fault = defect === 'ip-extension' ? hopByHopFault(packet) : null
    if (fault !== null && fault !== 'silent') {
      const { code, pointer, evenToGroups } = fault
      this.#answers.complain(skb, { type: 4, code, rest: pointer, evenToGroups }, journey)
    }
    return defectText[defect]
  }

  /** Why its IPv4 options end the packet's way, or null. Source: ip_rcv_options(). */
  #readOptions(skb: HostSkb, route: Route, journey: Journey): string | null {
    const { packet } = skb
    if (packet.family === 'ipv6' || packet.networkHeaderLength === ipv4HeaderLength) return null
    const { routing } = this.#parts
    const isSpokenTo = route.kind === 'local' && route.type === 'LOCAL'
    const back = isSpokenTo ? null : routing.output(packet.source)
    const ownAddress = back?.kind === 'refused' ? null : (back?.source ?? packet.destination)
    const { options, problemAt } = readOptions(packet, {
      ownAddress: ownAddress ?? packet.destination,
      timeMs: timeOfDayMs(journey.nowNs),
      addressType: (address) => routing.addressType(address, null),
    })
    skb.options = options
    if (problemAt !== null) {
      this.#answers.complain(skb, { type: 12, code: 0, rest: problemAt * 2 ** 24 }, journey)
      return 'its IP options are wrong'
    }
    return options.sourceRoute === 0 ? null : 'it asks for a source route, which this host refuses'
  }

  #deliver(skb: HostSkb, journey: Journey): Fate {
    if (skb.packet.family === 'ipv4' && skb.packet.isFragment) {
      const waiting = this.#hooks.makeWhole(skb, journey)
      if (waiting !== null) return waiting
    }
    const stopped = this.#hooks.run('INPUT', skb, skb.device, null, journey)
    if (stopped !== null) return stopped
    if (skb.role !== 'caused') journey.delivered = true
    const fate = journey.accepted(deliveredText)
    // IPv6 puts fragments together behind INPUT, like any extension header.
    const isPart = skb.packet.family === 'ipv6' && skb.packet.fragmentHeaderOffset >= 0
    const isWhole = !isPart || this.#hooks.makeWhole(skb, journey) === null
    if (isWhole) this.#parts.localStack?.deliver(skb, this.#answers, journey)
    return fate
  }

  #haveNoWay(skb: HostSkb, error: RouteError, journey: Journey): Fate {
    const name = errorOfRoute[error]
    if (name !== null && this.#mayComplain(skb, journey))
      this.#answers.complain(skb, icmpErrors[this.#parts.family][name], journey)
    const { family, isForwarding } = this.#parts
    const destination = printAddress(skb.packet.destination)
    return droppedByHost(
      family === 'ipv4' && !isForwarding
        ? `${destination} is not an address of this host, which does not forward`
        : `no route to ${destination}`,
    )
  }

  /** IPv6 limits errors of all kinds alike, which is not modelled. */
  #mayComplain({ packet }: HostSkb, { jiffies }: Journey): boolean {
    return packet.family === 'ipv6' || this.#errorBudget.spend(packet.source.words[0]!, jiffies)
  }

  // --- On

  /** How sockets of the host speak in this family. */
  get speaker(): Speaker {
    return this.#answers
  }

  /** Source: ip_forward(), ip6_forward(). */
  #forward(skb: HostSkb, route: Route, journey: Journey): Fate {
    const { packet } = skb
    if (!this.#parts.isForwarding && !route.isForwardedToAll) {
      const destination = printAddress(packet.destination)
      return droppedByHost(`${destination} is not an address of this host, which does not forward`)
    }
    if (skb.packetType !== 'host') return droppedByHost('what comes as a link broadcast is not forwarded')
    if (packet.ttl <= 1) {
      this.#answers.complain(skb, icmpErrors[this.#parts.family].timeExceeded, journey)
      return droppedByHost(`its ${packet.family === 'ipv4' ? 'TTL' : 'hop limit'} is at its end`)
    }
    const refusal = this.#whyNotForwarded(skb, route, journey)
    if (refusal !== null) return droppedByHost(refusal)
    if (
      packet.endOffset - packet.networkOffset > route.device.mtu &&
      isTooBigToForward(bytesOf(packet), route.device.mtu, skb.origin)
    ) {
      this.#answers.complainOfSize(skb, route.device, journey)
      return droppedByHost(`it is larger than the MTU of ${route.device.name} and must not be cut`)
    }
    decrementTtl(packet)
    if (journey.trace !== null) journey.tell(`${packet.ttl} hops are left`)
    const stopped = this.#hooks.run('FORWARD', skb, skb.device, route.device, journey)
    if (stopped !== null) return stopped
    if (skb.options !== null) {
      const way = this.#parts.routing.output(packet.destination)
      if (way.kind !== 'refused' && way.source !== null) {
        finishOptionsForForwarding(packet, skb.options, way.source)
      }
    }
    return this.#leave(skb, route, skb.device, journey)
  }

  /** Sources that an IPv6 router must not pass on. */
  #whyNotForwarded(skb: HostSkb, route: Route, journey: Journey): string | null {
    const { source, family } = skb.packet
    if (family === 'ipv4' || skb.device === route.device) return null
    if (isUnspecified(source) || isMulticast(source) || isLoopback(source)) {
      return `${printAddress(source)} cannot be a source beyond its link`
    }
    if (!isLinkLocal(source)) return null
    this.#answers.complain(skb, icmpErrors.ipv6.beyondScope, journey)
    return `the link-local source ${printAddress(source)} means nothing on another link`
  }

  // --- Out

  /**
   * A packet that the host itself made, with its route. `skb.device` is null.
   *
   * Source: __ip_local_out(), ip6_local_out(), and ipt_mangle_out() for the second look at the route.
   */
  sendOut(skb: HostSkb, route: Route, journey: Journey): Fate {
    skb.route = route
    tellPacket(skb, skb.role === 'main' ? 'sent' : 'generated', journey)
    const stopped = this.#hooks.run('OUTPUT', skb, null, route.device, journey)
    if (stopped !== null) return stopped
    const now = skb.route
    // IPv4 takes the copy before the packet itself meets POSTROUTING, IPv6 behind it, of each fragment.
    const isIpv4 = this.#parts.family === 'ipv4'
    const staysHere = isIpv4 ? this.#hearOneself(skb, bytesOf(skb.packet), now, journey) : null
    return staysHere ?? this.#leave(skb, now, null, journey)
  }

  /**
   * Routes a packet of the host by its destination, or says why there is no way. Who sends to `::` means `::1`; a
   * second look at the route, behind mangle, does not know that. Source: rawv6_sendmsg().
   */
  routeOut(skb: HostSkb): Route | { readonly kind: 'refused'; readonly why: string } {
    const { family, destination } = skb.packet
    const meant = family === 'ipv6' && isUnspecified(destination) ? ipv6Loopback : destination
    return this.#parts.routing.output(meant)
  }

  /**
   * Gives the host a copy of the bytes that it sends to a group or broadcast address that it listens to: the copy takes
   * POSTROUTING on its own, without the socket, and comes in by the device. Not null when the packet itself goes no further.
   *
   * Source: ip_mc_output(), ip6_finish_output2().
   */
  #hearOneself(skb: HostSkb, bytes: Uint8Array, route: Route, journey: Journey): Fate | null {
    const staysHere = neverLeaves(skb, route)
    if (!route.isHeardHere) return staysHere ? droppedByHost('it must not leave the host') : null
    const copy = new HostSkb(skb.role !== 'main' ? 'caused' : staysHere ? 'main' : 'copy')
    decodeIp(copy.packet, bytes.slice())
    copy.mark = skb.mark
    copy.circumstances = skb.circumstances
    copy.conntrack = skb.conntrack
    copy.untracked = skb.untracked
    copy.traced = skb.traced
    copy.route = route
    const stopped = this.#hooks.run('POSTROUTING', copy, null, route.device, journey)
    if (stopped !== null) return staysHere ? stopped : null
    copy.device = route.device
    copy.packetType = 'loopback'
    copy.route = { ...route, kind: 'local' }
    copy.turnRound()
    journey.comeBack(copy)
    if (staysHere) return journey.accepted('it is heard here alone')
    // A process that sends takes the interrupt's work at once (measured); in an interrupt it has to wait.
    if (skb.role === 'main') this.#hearBacklog(journey)
    return null
  }

  #hearBacklog(journey: Journey): void {
    for (let skb = journey.nextBack(); skb !== undefined; skb = journey.nextBack()) {
      this.receive(skb, journey)
    }
  }

  /** POSTROUTING, cutting, and the device. Source: ip_output(), ip_finish_output(), ip6_output(). */
  #leave(skb: HostSkb, route: Route, cameBy: Device | null, journey: Journey): Fate {
    const stopped = this.#hooks.run('POSTROUTING', skb, skb.copiedTo ?? cameBy, route.device, journey)
    if (stopped !== null) return stopped
    const { device } = route
    const { packet } = skb
    if (mayLeaveAsItCame(skb, route)) {
      this.#leaveAsItCame(skb, route, journey)
      return journey.accepted(this.leavesBy(device))
    }
    const whole = bytesOf(packet)
    const { nextFragmentId } = this.#parts
    const wasReceived = cameBy !== null
    const { isDatagram, pulledBytes } = skb
    const past = { wasReceived, isHeaderWhole: wasReceived || skb.translated, isDatagram, pulledBytes }
    const pieces = fragmentsFor(whole, device.mtu, skb.origin, nextFragmentId, past)
    if (pieces === 'too-big') {
      this.#answers.complainOfSize(skb, device, journey)
      return droppedByHost(`it is larger than the MTU of ${device.name} and must not be cut`)
    }
    if (device.kind === 'loopback') return this.#loopBack(skb, pieces, device, journey)
    const nextHop = route.gateway ?? packet.destination
    const linkType = route.isForwardedToAll ? 'BROADCAST' : route.type
    const mayHear = packet.family === 'ipv6' && cameBy === null
    let staysHere: Fate | null = null
    for (const piece of pieces) {
      if (mayHear) staysHere = this.#hearOneself(skb, piece, route, journey)
      if (staysHere !== null) continue
      journey.send({ if: device.name, bytes: this.#neighbours.encode(piece, nextHop, linkType, device) })
    }
    return staysHere ?? journey.accepted(this.leavesBy(device))
  }

  /** In the very frame in which it was received, with other link addresses. */
  #leaveAsItCame(skb: HostSkb, route: Route, journey: Journey): void {
    const { device } = route
    const { packet } = skb
    const { bytes, endOffset } = packet
    writeMacs(bytes, this.macToward(route, packet), device.mac)
    journey.send({
      if: device.name,
      bytes: endOffset === bytes.length ? bytes : bytes.subarray(0, endOffset),
    })
    skb.frame = null
  }

  /** The link address that a packet by a way goes to. */
  macToward({ gateway, type, isForwardedToAll }: Route, packet: Packet): Uint8Array {
    const linkType = isForwardedToAll ? 'BROADCAST' : type
    return gateway === null
      ? this.#neighbours.macTowardDestination(packet, linkType)
      : this.#neighbours.macToward(gateway, linkType)
  }

  /** For people. */
  leavesBy({ index, name }: Device): string {
    this.#leaveTexts[index] ??= `it leaves by ${name}`
    return this.#leaveTexts[index]
  }

  /** What leaves by `lo` comes in by it, with what the kernel keeps beside the bytes, but without the socket. */
  #loopBack(skb: HostSkb, pieces: readonly Uint8Array[], device: Device, journey: Journey): Fate {
    const header = new Uint8Array(14)
    header.set(this.#parts.family === 'ipv4' ? [0x08, 0x00] : [0x86, 0xdd], 12)
    for (const piece of pieces) {
      const looped = new HostSkb(skb.role)
      decodeIp(looped.packet, concatBytes(header, piece), header.length, 0)
      looped.mark = skb.mark
      looped.circumstances = skb.circumstances
      looped.conntrack = skb.conntrack
      looped.untracked = skb.untracked
      looped.traced = skb.traced
      looped.route = skb.route
      looped.device = device
      looped.turnRound()
      journey.comeBack(looped)
    }
    return journey.accepted('it comes back by lo')
  }
}

/**
 * Whether a packet can leave in the frame in which it came: it is still the one that stands there, behind a plain
 * Ethernet header, and goes out whole.
 */
const mayLeaveAsItCame = ({ packet, frame, origin }: HostSkb, { device }: Route): boolean =>
  frame !== null &&
  frame === packet.bytes &&
  origin === null &&
  packet.linkOffset === 0 &&
  packet.networkOffset === ethernetHeaderBytes &&
  device.kind === 'ethernet' &&
  packet.endOffset - packet.networkOffset <= device.mtu

/** The IP packet, header and all. */
const bytesOf = ({ bytes, networkOffset, endOffset }: Packet): Uint8Array =>
  bytes.subarray(networkOffset, endOffset)

/** Groups are not spoken to beyond the host with no hops left, nor node-local ones at all. */
function neverLeaves({ packet }: HostSkb, { type, isHeardHere }: Route): boolean {
  if (type !== 'MULTICAST') return false
  if (isHeardHere && packet.ttl === 0) return true
  return packet.family === 'ipv6' && scopeOf(packet.destination) <= scope.node
}

function tellPacket(skb: HostSkb, origin: 'received' | 'sent' | 'generated', journey: Journey): void {
  if (journey.trace === null) return
  const line = describePacket(skb.packet, skb.device?.name ?? null, { mark: skb.mark, brief: true })
  journey.trace({ kind: 'packet', text: printPacketLine(line), origin })
}

function tellRoute({ kind, device, gateway }: Route, journey: Journey): void {
  if (journey.trace === null || kind === 'error') return
  const by = gateway === null ? '' : ` to ${printAddress(gateway)}`
  journey.tell(
    kind === 'local' ? 'routing: it is for this host' : `routing: it goes on by ${device.name}${by}`,
  )
}

/** What IPv6 refuses on arrival for its addresses. Source: ip6_rcv_core(). */
function whyNotTaken({ packet, packetType, device }: HostSkb): string | null {
  if (packet.family === 'ipv4') return null
  const { source, destination } = packet
  if (device?.kind !== 'loopback' && (isLoopback(source) || isLoopback(destination))) {
    return '::1 has no place on a wire'
  }
  if (isMulticast(source)) return `the source ${printAddress(source)} is a group`
  if (!isMulticast(destination)) return null
  const reach = scopeOf(destination)
  if (reach === 0) return `${printAddress(destination)} has the reserved scope 0`
  const isFromOutside = packetType !== 'loopback' && device?.kind !== 'loopback'
  return reach === scope.node && isFromOutside ? `${printAddress(destination)} does not leave a node` : null
}
