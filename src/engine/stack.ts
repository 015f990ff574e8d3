/**
 * The way of a packet through the IP layer of one family: PREROUTING, routing, INPUT or FORWARD, OUTPUT, POSTROUTING.
 *
 * Kernel: net/ipv4/ip_input.c, ip_forward.c, ip_output.c; net/ipv6/ip6_input.c, ip6_output.c; Linux 6.18.
 */
import type { Device, Emission, HostServices, LocalSocket } from '../ext/context.ts'
import type { Hook } from '../lang/rule.ts'
import { type Address, type Family, printAddress } from '../net/address.ts'
import { decodeIp } from '../net/decode.ts'
import { concatBytes } from '../net/encode.ts'
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, scope, scopeOf } from './address-class.ts'
import { type DefragUser, Reassembler } from './defrag.ts'
import { fragmentsFor, isTooBigToForward } from './fragment.ts'
import type { HookPlan } from './hooks.ts'
import { buildIcmpError, type IcmpError, type IcmpErrorName, icmpErrors, whyNoError } from './icmp-error.ts'
import { echoOptions, finishOptionsForForwarding, readOptions, timeOfDayMs } from './ipv4-options.ts'
import { droppedByHost, type Fate, fateOf, type Journey } from './journey.ts'
import { encodeToNeighbour, type Neighbours } from './neighbours.ts'
import { completeEmission, decrementTtl } from './rewrite.ts'
import type { FamilyRouting, Route, RouteError } from './routing.ts'
import { HostSkb } from './skb.ts'
import { type Place, traverse } from './traverse.ts'

/** What a stack needs of its host. */
export interface StackParts {
  readonly family: Family
  readonly services: HostServices
  readonly routing: FamilyRouting
  readonly neighbours: Neighbours
  readonly isForwarding: boolean
  /** Of packets that the host makes itself. */
  readonly defaultTtl: number
  /** The next id for a packet that the host numbers; never 0. */
  nextId(): number
  /** The next id for the fragments of an IPv6 packet. */
  nextFragmentId(): number
}

const kernelSocket: LocalSocket = { uid: -1, gid: -1, isKernel: true }

const errorOfRoute: Readonly<Record<RouteError, IcmpErrorName | null>> = {
  'net-unreachable': 'netUnreachable',
  'host-unreachable': 'hostUnreachable',
  prohibited: 'prohibited',
  silent: null,
}

/** Without options. */
const ipv4HeaderLength = 20

const noSteps: HookPlan = { PREROUTING: [], INPUT: [], FORWARD: [], OUTPUT: [], POSTROUTING: [] }

export class Stack {
  plan: HookPlan = noSteps
  readonly #parts: StackParts
  readonly #reassembler: Reassembler

  constructor(parts: StackParts) {
    this.#parts = parts
    this.#reassembler = new Reassembler(parts.family)
  }

  // --- In

  /** A sound IP packet from a device (or back from `lo`). Source: ip_rcv_finish(), ip6_rcv_finish(). */
  receive(skb: HostSkb, journey: Journey): Fate {
    const { packet, device } = skb
    const refusal = whyNotTaken(skb)
    if (refusal !== null) return droppedByHost(refusal)
    const stopped = this.#hook('PREROUTING', skb, device, null, journey)
    if (stopped !== null) return stopped

    if (skb.route === null) {
      const { source, destination, protocol } = packet
      const route = this.#parts.routing.input({ source, destination, protocol, device: device! })
      if (route.kind === 'refused') return droppedByHost(route.why)
      skb.route = route
    }
    const { route } = skb
    const refusedOptions = this.#readOptions(skb, route, journey)
    if (refusedOptions !== null) return droppedByHost(refusedOptions)
    if (route.kind === 'local') return this.#deliver(skb, journey)
    if (route.kind === 'error') return this.#haveNoWay(skb, route.error!, journey)
    return this.#forward(skb, route, journey)
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
      this.complain(skb, { type: 12, code: 0, rest: problemAt * 2 ** 24 }, journey)
      return 'its IP options are wrong'
    }
    return options.sourceRoute === 0 ? null : 'it asks for a source route, which this host refuses'
  }

  #deliver(skb: HostSkb, journey: Journey): Fate {
    if (skb.packet.family === 'ipv4' && skb.packet.isFragment) {
      const waiting = this.#reassemble(skb, 'local', journey)
      if (waiting !== null) return waiting
    }
    const stopped = this.#hook('INPUT', skb, skb.device, null, journey)
    if (stopped !== null) return stopped
    if (skb.role !== 'caused') journey.delivered = true
    return journey.accepted('it is delivered to the local stack')
  }

  /** Null when the packet is whole now. IPv4 before INPUT; IPv6 fragments pass INPUT one by one. */
  #reassemble(skb: HostSkb, user: DefragUser, journey: Journey): Fate | null {
    const { packet, device } = skb
    const result = this.#reassembler.add(packet, user, device?.index ?? 0, journey.nowNs)
    if (result.kind === 'held') return droppedByHost('a fragment, kept until the others have come')
    if (result.kind === 'lost')
      return droppedByHost(`a fragment that does not fit the others (${result.why})`)
    if (result.kind !== 'whole') return null
    decodeIp(packet, result.bytes, result.networkOffset, packet.linkOffset)
    journey.tell('the last fragment came: the packet is whole again')
    return null
  }

  #haveNoWay(skb: HostSkb, error: RouteError, journey: Journey): Fate {
    const name = errorOfRoute[error]
    if (name !== null) this.complain(skb, icmpErrors[this.#parts.family][name], journey)
    const { family, isForwarding } = this.#parts
    const destination = printAddress(skb.packet.destination)
    return droppedByHost(
      family === 'ipv4' && !isForwarding
        ? `${destination} is not an address of this host, which does not forward`
        : `no route to ${destination}`,
    )
  }

  // --- On

  /** Source: ip_forward(), ip6_forward(). */
  #forward(skb: HostSkb, route: Route, journey: Journey): Fate {
    const { packet } = skb
    if (!this.#parts.isForwarding) {
      const destination = printAddress(packet.destination)
      return droppedByHost(`${destination} is not an address of this host, which does not forward`)
    }
    if (skb.packetType !== 'host') return droppedByHost('what comes as a link broadcast is not forwarded')
    if (packet.ttl <= 1) {
      this.complain(skb, icmpErrors[this.#parts.family].timeExceeded, journey)
      return droppedByHost(`its ${packet.family === 'ipv4' ? 'TTL' : 'hop limit'} is at its end`)
    }
    const refusal = this.#whyNotForwarded(skb, route, journey)
    if (refusal !== null) return droppedByHost(refusal)
    const whole = packet.bytes.subarray(packet.networkOffset, packet.endOffset)
    if (isTooBigToForward(whole, route.device.mtu, skb.origin)) {
      this.#sayTooBig(skb, route.device, journey)
      return droppedByHost(`it is larger than the MTU of ${route.device.name} and must not be cut`)
    }
    decrementTtl(packet)
    const stopped = this.#hook('FORWARD', skb, skb.device, route.device, journey)
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
    this.complain(skb, icmpErrors.ipv6.beyondScope, journey)
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
    const stopped = this.#hook('OUTPUT', skb, null, route.device, journey)
    if (stopped !== null) return stopped
    const now = skb.route
    if (now.kind === 'unicast' && now.isHeardHere) this.#hearOneself(skb, now, journey)
    return this.#leave(skb, now, null, journey)
  }

  /** Routes a packet of the host by its destination, or says why there is no way. */
  routeOut(skb: HostSkb): Route | { readonly kind: 'refused'; readonly why: string } {
    return this.#parts.routing.output(skb.packet.destination)
  }

  /** Source: ip_mc_output(), ip6_finish_output2(): the copy takes POSTROUTING on its own and comes in by the device. */
  #hearOneself(skb: HostSkb, route: Route, journey: Journey): void {
    const copy = new HostSkb(skb.role === 'main' ? 'copy' : 'caused')
    const { packet } = skb
    decodeIp(copy.packet, packet.bytes.slice(packet.networkOffset, packet.endOffset))
    copy.mark = skb.mark
    copy.socket = skb.socket
    copy.conntrack = skb.conntrack
    copy.untracked = skb.untracked
    if (this.#hook('POSTROUTING', copy, null, route.device, journey) !== null) return
    copy.socket = null
    copy.device = route.device
    copy.packetType = 'loopback'
    copy.route = { ...route, kind: 'local' }
    journey.backlog.push(copy)
  }

  /** POSTROUTING, cutting, and the device. Source: ip_output(), ip_finish_output(), ip6_output(). */
  #leave(skb: HostSkb, route: Route, cameBy: Device | null, journey: Journey): Fate {
    const stopped = this.#hook('POSTROUTING', skb, cameBy, route.device, journey)
    if (stopped !== null) return stopped
    const { device } = route
    if (device.kind === 'loopback') return this.#loopBack(skb, device, journey)

    const { packet } = skb
    if (
      packet.family === 'ipv6' &&
      isMulticast(packet.destination) &&
      scopeOf(packet.destination) <= scope.node
    ) {
      return journey.accepted('it does not leave the host')
    }
    const whole = packet.bytes.subarray(packet.networkOffset, packet.endOffset)
    const pieces = fragmentsFor(whole, device.mtu, skb.origin, this.#parts.nextFragmentId)
    if (pieces === 'too-big') {
      this.#sayTooBig(skb, device, journey)
      return droppedByHost(`it is larger than the MTU of ${device.name} and must not be cut`)
    }
    const nextHop = route.gateway ?? packet.destination
    for (const piece of pieces) {
      const bytes = encodeToNeighbour(piece, nextHop, route.type, device, this.#parts.neighbours)
      journey.sent.push({ if: device.name, bytes })
    }
    return journey.accepted(`it leaves by ${device.name}`)
  }

  /** What leaves by `lo` comes in by it, with what the kernel keeps beside the bytes, but without the socket. */
  #loopBack(skb: HostSkb, device: Device, journey: Journey): Fate {
    const { packet } = skb
    const whole = packet.bytes.subarray(packet.networkOffset, packet.endOffset)
    const header = new Uint8Array(14)
    header.set(packet.family === 'ipv4' ? [0x08, 0x00] : [0x86, 0xdd], 12)
    decodeIp(packet, concatBytes(header, whole), header.length, 0)
    skb.socket = null
    skb.device = device
    skb.packetType = 'host'
    journey.backlog.push(skb)
    return journey.accepted('it comes back by lo')
  }

  // --- Answers

  /** Sends what a target made because of `cause`. Source: nf_send_reset(), nf_send_unreach() and their IPv6 kin. */
  #emit({ bytes, sender }: Emission, cause: HostSkb, journey: Journey): boolean {
    if (cause.route?.type === 'BROADCAST' || (isIpv4(cause) && cause.route?.type === 'MULTICAST'))
      return false
    const skb = new HostSkb('caused')
    decodeIp(skb.packet, bytes.slice())
    const route = this.routeOut(skb)
    if (route.kind === 'refused') return false
    const { routing, nextId } = this.#parts
    const source = routing.sourceFor(route, skb.packet.destination, cause.device)
    if (!completeEmission(skb.packet, source, sender === 'icmp' ? nextId : null)) return false
    if (sender === 'icmp') skb.socket = kernelSocket
    journey.tell(`the host answers ${printAddress(skb.packet.destination)}`)
    this.sendOut(skb, route, journey)
    return true
  }

  /** Sends an ICMP error about a packet, where one is due. */
  complain(skb: HostSkb, error: IcmpError, journey: Journey): void {
    const { routing, defaultTtl } = this.#parts
    if (whyNoError(skb, error) !== null) return
    const { packet, device } = skb
    const way = routing.output(packet.source)
    if (way.kind === 'refused') return
    // The address that was spoken to, if it is the host's; else its address on the way back.
    const source = routing.isOwn(packet.destination)
      ? packet.destination
      : routing.sourceFor(way, packet.source, device)
    if (source === null) return
    const options = this.#echoOptions(skb, source, journey)
    if (options === null) return
    const bytes = buildIcmpError(packet, error, { source, ttl: defaultTtl, mtu: way.device.mtu, options })
    this.#emit({ bytes, sender: 'icmp' }, skb, journey)
  }

  #echoOptions({ packet, options }: HostSkb, source: Address, journey: Journey): Uint8Array | null {
    if (options === null) return new Uint8Array(0)
    return echoOptions(packet, options, source, {
      timeMs: timeOfDayMs(journey.nowNs),
      addressType: (address) => this.#parts.routing.addressType(address, null),
    })
  }

  #sayTooBig(skb: HostSkb, { mtu }: Device, journey: Journey): void {
    this.complain(skb, { ...icmpErrors[this.#parts.family].tooBig, rest: mtu }, journey)
  }

  // --- Hooks

  /** Null when the packet may go on. */
  #hook(
    hook: Hook,
    skb: HostSkb,
    cameBy: Device | null,
    leavesBy: Device | null,
    journey: Journey,
  ): Fate | null {
    journey.trace?.({ kind: 'hook', hook, in: cameBy?.name ?? null, out: leavesBy?.name ?? null })
    const place: Place = {
      hook,
      in: cameBy,
      out: leavesBy,
      host: this.#parts.services,
      emit: (reply) => this.#emit(reply, skb, journey),
    }
    for (const step of this.plan[hook]) {
      if (step.kind !== 'table') continue
      const decision = traverse(step.table, skb, place, journey)
      if (skb.role === 'main') journey.decide(step.table.name, decision)
      if (decision.verdict !== 'accept') return fateOf(decision)
    }
    return null
  }
}

const isIpv4 = ({ packet }: HostSkb): boolean => packet.family === 'ipv4'

/** What IPv6 refuses on arrival for its addresses. Source: ip6_rcv_core(). */
function whyNotTaken({ packet, packetType, device }: HostSkb): string | null {
  if (packet.family === 'ipv4' || packetType === 'loopback') return null
  const { source, destination } = packet
  if (device?.kind !== 'loopback' && (isLoopback(source) || isLoopback(destination))) {
    return '::1 has no place on a wire'
  }
  if (isMulticast(source)) return `the source ${printAddress(source)} is a group`
  if (!isMulticast(destination)) return null
  const reach = scopeOf(destination)
  if (reach === 0) return `${printAddress(destination)} has the reserved scope 0`
  return reach === scope.node && device?.kind !== 'loopback'
    ? `${printAddress(destination)} does not leave a node`
    : null
}
