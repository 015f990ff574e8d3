/**
 * One packet at one hook: tables, connection tracking and what goes with it, in the kernel's order.
 *
 * Kernel: nf_hook_slow(), net/netfilter/core.c; ipv4_conntrack_defrag(), ipv6_defrag(); nf_nat_inet_fn(),
 * net/netfilter/nf_nat_core.c; ipt_mangle_out(), net/ipv4/netfilter/iptable_mangle.c; Linux 6.18.
 */
import type {
  Device,
  Emission,
  HostServices,
  NatRange,
  ServerOffer,
  TargetResult,
  Translator,
} from '../ext/context.ts'
import type { Hook } from '../lang/rule.ts'
import { type Address, parseAddress, printAddress } from '../net/address.ts'
import { netfilterChecksumOk } from '../net/checksum.ts'
import { decodeIp } from '../net/decode.ts'
import * as tcp from '../net/headers/tcp.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { isUnspecified } from './address-class.ts'
import type { Answers } from './answers.ts'
import type { TrackedConnection } from './conntrack/connection.ts'
import type { ConntrackInfo } from './conntrack/conntrack.ts'
import { defaultZone } from './conntrack/zone.ts'
import { type DefragUser, type ExpiredFragments, Reassembler } from './defrag.ts'
import { readLimits } from './defrag-limits.ts'
import { type HookPlan, type HookStep, planHooks } from './hooks.ts'
import type { IcmpError } from './icmp-error.ts'
import { droppedByHost, type Fate, fateOf, type Journey } from './journey.ts'
import { manipulationAt } from './nat/nat.ts'
import { endsOf, tellTranslation } from './nat/tell.ts'
import type { StackParts } from './parts.ts'
import type { HostSkb } from './skb.ts'
import { SynProxy } from './synproxy/proxy.ts'
import { type Place, TableContext, traverse } from './traverse.ts'

export class HookRunner {
  plan: HookPlan = planHooks([], false)
  readonly #parts: StackParts
  readonly #answers: Answers
  /** Places that nobody is at: packets that cause others are at several. */
  readonly #idle: HookPlace[] = []
  readonly #proxy: SynProxy
  /** In IPv4 the local stack and conntrack share the table of fragments, in IPv6 each has its own. */
  readonly #localFragments: Reassembler
  readonly #trackedFragments: Reassembler
  /** Those that fragments came by, by their index. */
  readonly #devices = new Map<number, Device>()

  constructor(parts: StackParts, answers: Answers) {
    this.#parts = parts
    this.#answers = answers
    const { family, sysctls, seed, defaultTtl } = parts
    const send: typeof answers.speakFor = (...segment) => answers.speakFor(...segment)
    this.#proxy = new SynProxy({ family, seed, defaultTtl, send })
    this.#localFragments = new Reassembler(family, readLimits(family, sysctls))
    this.#trackedFragments =
      family === 'ipv4'
        ? this.#localFragments
        : new Reassembler('ipv6-conntrack', readLimits('ipv6-conntrack', sysctls))
  }

  /** Null when the packet may go on. `isTracked`: what stands at the hook up to tracking is behind it. */
  run(
    hook: Hook,
    skb: HostSkb,
    cameBy: Device | null,
    leavesBy: Device | null,
    journey: Journey,
    isTracked = false,
  ): Fate | null {
    journey.trace?.({ kind: 'hook', hook, in: cameBy?.name ?? null, out: leavesBy?.name ?? null })
    const steps = this.plan[hook]
    if (steps.length === 0) return null
    const place = this.#idle.pop() ?? new HookPlace(this.#parts.services, this.#answers, this.#proxy)
    place.begin(hook, cameBy, leavesBy, skb, journey)
    let stopped: Fate | null = null
    const first = isTracked ? 1 + steps.findIndex(({ kind }) => kind === 'track') : 0
    for (let at = first; stopped === null && at < steps.length; at++) {
      stopped = this.#take(steps[at]!, skb, place, journey)
    }
    this.#idle.push(place)
    return stopped
  }

  #take(step: HookStep, skb: HostSkb, place: HookPlace, journey: Journey): Fate | null {
    const { conntrack } = this.#parts
    const { hook } = place
    switch (step.kind) {
      case 'table':
        return this.#runTable(step.table, skb, place, journey)
      case 'nat':
        return this.#runNat(step, skb, place, journey)
      case 'defragment':
        return this.#defragment(skb, hook, journey)
      case 'track': {
        const isNew = skb.conntrack === null || skb.conntrack.connection?.template != null
        if (isNew && hook === 'PREROUTING' && !skb.untracked) {
          skb.checksumVerified = conntrack.settings.numbers.checksum !== 0 && isSummed(skb.packet)
        }
        if (conntrack.in(skb, hook, journey.nowNs, journey.jiffies) === 'drop') {
          return tableIsFull
        }
        if (isNew && journey.trace !== null) tellConnection(skb, journey)
        return null
      }
      case 'proxy':
        return isBackByLo(skb, hook) ? null : this.#proxy.watch(skb, journey)
      case 'confirm': {
        const refused = this.#parts.helpers.look(skb, isBackByLo(skb, hook), journey)
        if (refused !== null) return droppedByHost(refused)
        return conntrack.confirm(skb, journey.nowNs, journey.jiffies) === 'drop'
          ? droppedByHost('another packet began the same connection meanwhile')
          : null
      }
    }
  }

  #runTable(
    table: Extract<HookStep, { kind: 'table' }>['table'],
    skb: HostSkb,
    place: Place,
    journey: Journey,
  ): Fate | null {
    const mayReroute = place.hook === 'OUTPUT' && table.name === 'mangle'
    const before = mayReroute ? new RoutingKey(skb) : null
    const decision = traverse(table, skb, place, journey)
    if (skb.role === 'main') journey.decide(table.name, decision)
    if (decision.verdict !== 'accept') return fateOf(decision)
    return before?.isOf(skb) === false ? this.#reroute(skb) : null
  }

  /** What mangle changed in OUTPUT, or nat turned, may lead elsewhere. Source: ip_route_me_harder(), ip6_route_me_harder(). */
  #reroute(skb: HostSkb): Fate | null {
    const { source, destination } = skb.packet
    const route = this.#parts.routing.reroute(source, destination, skb.route!.device)
    if (route.kind === 'refused') return droppedByHost(route.why)
    skb.route = route
    return null
  }

  /**
   * The nat table sees the packets that begin a connection, once each way; what it settled is then done to every packet,
   * and to the packets that ICMP errors quote.
   */
  #runNat(
    { table, manipulation }: Extract<HookStep, { kind: 'nat' }>,
    skb: HostSkb,
    place: HookPlace,
    journey: Journey,
  ): Fate | null {
    const { conntrack, nat } = this.#parts
    const { packet } = skb
    const info = skb.conntrack as ConntrackInfo | null
    if (info?.connection == null) return null
    const { connection, state } = info
    const { hook, out } = place
    const isError = state === 'RELATED' && isIcmp(packet)
    const begins = state === 'NEW' || (state === 'RELATED' && !isError)
    if (begins && !nat.isSettled(connection, manipulation)) {
      place.nat = this.#translatorAt(place, skb, connection, journey)
      const stopped = this.#runTable(table, skb, place, journey)
      place.nat = null
      if (stopped !== null) return stopped
      if (!nat.isSettled(connection, manipulation)) {
        nat.settleUnchanged(connection, manipulation, journey.nowNs)
      }
    } else if (hook === 'POSTROUTING' && !isError && !info.isReply && isElsewhere(connection, out)) {
      conntrack.endConnection(skb)
      return droppedByHost('it leaves by another device than the one its connection is masqueraded by')
    }
    const changes = nat.changesAt(info, hook)
    const before = changes && hook === 'PREROUTING' ? new RoutingKey(skb) : null
    const endsBefore = journey.trace === null ? null : endsOf(packet)
    if (!nat.apply(packet, info, hook)) return droppedByHost('its translation cannot be written into it')
    if (changes) skb.translated = true
    if (isError) skb.pulledBytes = Math.max(skb.pulledBytes, nat.pulledOfError(packet, info, hook))
    if (endsBefore !== null) {
      for (const line of tellTranslation(endsBefore, endsOf(packet))) journey.tell(line)
    }
    if (before?.isOf(skb) === false) skb.route = null
    return hook === 'OUTPUT' && nat.turnsDestination(info) ? this.#reroute(skb) : null
  }

  #translatorAt(
    { hook, in: cameBy, out }: Place,
    skb: HostSkb,
    connection: TrackedConnection,
    journey: Journey,
  ): Translator {
    const { nat, routing } = this.#parts
    const translate = (range: NatRange): TargetResult => {
      nat.settle(connection, range, manipulationAt(hook), journey.nowNs)
      return { kind: 'accept' }
    }
    const translateTo = (address: Address | null, range: NatRange): TargetResult =>
      address === null ? { kind: 'drop' } : translate({ ...range, addresses: { min: address, max: address } })
    return {
      translate,
      masquerade: (range) => {
        const { source, destination } = skb.packet
        // A host that asks for an address speaks from none, and must be heard like that.
        if (source.family === 'ipv4' && isUnspecified(source)) return { kind: 'accept' }
        const address = routing.masqueradeAddress(skb.route!, destination)
        if (address !== null) connection.masqueradeDevice = out!.index
        return translateTo(address, range)
      },
      redirect: (range) =>
        translateTo(
          hook === 'OUTPUT' || cameBy === null
            ? loopbackAddress[this.#parts.family]
            : routing.redirectAddress(cameBy, skb.packet.destination),
          range,
        ),
    }
  }

  // --- Fragments

  #defragment(skb: HostSkb, hook: Hook, journey: Journey): Fate | null {
    const { packet } = skb
    // What comes back by lo has its connection already. IPv4 puts it together all the same, for nat (measured).
    if (skb.untracked || (skb.conntrack?.connection != null && packet.family === 'ipv6')) return null
    const isPart = packet.family === 'ipv4' ? packet.isFragment : packet.fragmentHeaderOffset >= 0
    if (!isPart) return null
    const user = hook === 'PREROUTING' ? 'conntrack-in' : 'conntrack-out'
    return this.#reassemble(skb, this.#trackedFragments, user, journey)
  }

  /** For the local stack. Null when the packet is whole. */
  makeWhole(skb: HostSkb, journey: Journey): Fate | null {
    return this.#reassemble(skb, this.#localFragments, 'local', journey)
  }

  get hasFragments(): boolean {
    return !this.#localFragments.isEmpty || !this.#trackedFragments.isEmpty
  }

  /** Fragments whose others did not come in time, and the device that the last one came by. */
  expired(nowNs: bigint): readonly (ExpiredFragments & { readonly device: Device | null })[] {
    if (this.#localFragments.isEmpty && this.#trackedFragments.isEmpty) return nothing
    return [...new Set([this.#localFragments, this.#trackedFragments])].flatMap((table) =>
      table
        .expire(nowNs)
        .map((queue) => ({ ...queue, device: this.#devices.get(queue.inInterface) ?? null })),
    )
  }

  #reassemble(skb: HostSkb, table: Reassembler, user: DefragUser, journey: Journey): Fate | null {
    const { packet, device } = skb
    if (device !== null) this.#devices.set(device.index, device)
    const result = table.add(packet, user, device?.index ?? 0, journey.nowNs, {
      mark: skb.mark,
      packetType: skb.packetType,
    })
    switch (result.kind) {
      case 'held':
        return droppedByHost('a fragment, kept until the others have come')
      case 'lost':
        return droppedByHost(`a fragment that does not fit the others (${result.why})`)
      case 'problem':
        this.#answers.complain(skb, { type: 4, code: result.code, rest: result.pointer }, journey)
        return droppedByHost('a fragment that is wrong in itself')
      case 'untouched':
        return null
      case 'whole':
        decodeIp(packet, result.bytes, result.networkOffset, packet.linkOffset)
        skb.mark = result.company.mark
        skb.packetType = result.company.packetType
        if (user !== 'local') skb.origin = result.origin
        journey.tell('the last fragment came: the packet is whole again')
        return null
    }
  }
}

const nothing: readonly never[] = []

export const tableIsFull = droppedByHost('the table of connections is full')

/** What the host sent to itself was looked at when it left. Source: nf_is_loopback_packet(). */
const isBackByLo = ({ device }: HostSkb, hook: Hook): boolean =>
  hook === 'INPUT' && device?.kind === 'loopback'

const loopbackAddress = { ipv4: parseAddress('127.0.0.1')!, ipv6: parseAddress('::1')! }

function tellConnection({ conntrack, packet }: HostSkb, journey: Journey): void {
  const { connection = null, state } = (conntrack ?? {}) as Partial<ConntrackInfo>
  const master = state === 'RELATED' && !isIcmp(packet) ? (connection?.master ?? null) : null
  const why = master === null ? '' : `, expected by the ${master.helper} connection ${describeEnds(master)}`
  const zone = connection?.zone ?? defaultZone
  const where = zone.id === 0 ? '' : `, in zone ${zone.id}${zoneWays[zone.direction]}`
  journey.tell(`its connection is ${state ?? 'not tracked'}${where}${why}`)
}

const zoneWays = { both: '', original: ' in its original direction', reply: ' in its answers' }

function describeEnds({ original }: TrackedConnection): string {
  const { source, sourcePort, destination, destinationPort } = original
  return `${printEnd(source, sourcePort)} > ${printEnd(destination, destinationPort)}`
}

const printEnd = (address: Address, port: number): string =>
  address.family === 'ipv4' ? `${printAddress(address)}:${port}` : `[${printAddress(address)}]:${port}`

const isIcmp = ({ family, protocol }: Packet): boolean =>
  protocol === (family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6)

/**
 * Whether conntrack finds a checksum to verify, and it is right. That makes a difference only where options may be
 * written into (`netfilterChecksumOk`).
 */
function isSummed(packet: Packet): boolean {
  const { family, protocol, transportOffset: at, transportLength, networkHeaderLength } = packet
  if (family === 'ipv6' || networkHeaderLength === ipv4HeaderBytes || transportLength < udpHeaderBytes)
    return false
  const isVerified =
    (protocol === ipProtocol.tcp && isWholeHeader(packet)) ||
    protocol === ipProtocol.icmp ||
    (protocol === ipProtocol.udp && packet.u16(at + udpChecksum) !== 0 && isWholeDatagram(packet))
  return isVerified && netfilterChecksumOk(packet)
}

/** Tracking gives up on others before it looks at their checksum. Source: tcp_error(), udp_error(). */
const isWholeHeader = (packet: Packet): boolean => {
  const length =
    packet.transportLength < tcp.headerBytes ? 0 : tcp.headerLength(packet, packet.transportOffset)
  return tcp.headerBytes <= length && length <= packet.transportLength
}
const isWholeDatagram = (packet: Packet): boolean => {
  const length = packet.u16(packet.transportOffset + udpLength)
  return udpHeaderBytes <= length && length <= packet.transportLength
}

/** Without options. */
const ipv4HeaderBytes = 20
const udpLength = 4
const udpHeaderBytes = 8
const udpChecksum = 6

/** Source: nf_nat_oif_changed(). */
export const isElsewhere = ({ masqueradeDevice }: TrackedConnection, out: Device | null): boolean =>
  masqueradeDevice !== 0 && masqueradeDevice !== out?.index

/** What routing looks at, as it was at one moment. */
class RoutingKey {
  readonly #mark: number
  readonly #tos: number
  readonly #first: number
  /** Of an IPv6 address, the words behind the first. */
  readonly #rest: readonly number[]

  constructor({ packet, mark }: HostSkb) {
    this.#mark = mark
    this.#tos = packet.tos
    this.#first = packet.u32(packet.destinationOffset)
    this.#rest = packet.family === 'ipv4' ? nothing : packet.destination.words.slice(1)
  }

  isOf({ packet, mark }: HostSkb): boolean {
    const { destinationOffset: at } = packet
    return (
      mark === this.#mark &&
      packet.tos === this.#tos &&
      packet.u32(at) === this.#first &&
      this.#rest.every((word, index) => packet.u32(at + 4 + 4 * index) === word)
    )
  }
}

/** One packet at one hook; afterwards another one at another. */
class HookPlace implements Place {
  in: Device | null = null
  nat: Translator | null = null
  hook: Hook = 'PREROUTING'
  out: Device | null = null
  readonly host: HostServices
  readonly context: TableContext
  readonly #answers: Answers
  readonly #proxy: SynProxy
  #skb!: HostSkb
  #journey!: Journey

  constructor(host: HostServices, answers: Answers, proxy: SynProxy) {
    this.host = host
    this.context = new TableContext(this)
    this.#answers = answers
    this.#proxy = proxy
  }

  begin(hook: Hook, cameBy: Device | null, leavesBy: Device | null, skb: HostSkb, journey: Journey): void {
    this.nat = null
    this.hook = hook
    this.in = cameBy
    this.out = leavesBy
    this.#skb = skb
    this.#journey = journey
  }

  emit(reply: Emission): boolean {
    return this.#answers.emit(reply, this.#skb, this.#journey)
  }

  sendIcmpError(error: IcmpError): boolean {
    return this.#answers.complain(this.#skb, error, this.#journey)
  }

  duplicate(gateway: Address, device: string | null): boolean {
    return this.#answers.duplicate(this.#skb, this.hook, gateway, device, this.#journey)
  }

  proxySyn(offer: ServerOffer): boolean {
    return this.#proxy.answer(this.#skb, this.hook, offer, this.#journey)
  }
}
