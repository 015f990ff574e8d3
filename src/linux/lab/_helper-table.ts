/**
 * A table of the lab's own, beside the rules under test: it counts what comes to each hook and what passes it, keeps
 * the local stack from answering, silences what the host would send of its own accord, and sets marks on arriving
 * packets.
 *
 * Hooks of equal priority run newest first, so this table, made before everything else, has the very last word:
 * behind conntrack's confirmation, which stands at the same priority.
 */
import { type Hook, hooks } from '../../lang/rule.ts'
import type { Packet } from '../../net/packet.ts'
import type { Message, NetlinkSocket } from '../_netlink.ts'
import {
  expressions,
  flushChain,
  listCounters,
  newBaseChain,
  newCounter,
  newRule,
  newTable,
  readNamedCounter,
  transaction,
} from './_nftables.ts'

const table = 'postern'
const last = 0x7fffffff
const first = -0x80000000

const IPPROTO_ICMP = 1
const IPPROTO_IGMP = 2
const IPPROTO_TCP = 6
const IPPROTO_ICMPV6 = 58
/** MLD queries, reports and done; router and neighbour discovery; redirects. */
const discoveryTypes = [130, 137] as const
const MLD2_REPORT = 143

/**
 * Packets by what tells an answer from what it answers: an ICMP error is never answered with an ICMP error, nor a reset
 * with a reset.
 */
export type PacketKind = 'error' | 'reset' | 'other'
export const packetKinds: readonly PacketKind[] = ['error', 'reset', 'other']

/** Protocol and types of ICMP errors, from and to: unreachable to redirect, time exceeded and parameter problem. */
const errorTypes = [
  [IPPROTO_ICMP, 3, 5],
  [IPPROTO_ICMP, 11, 12],
  [IPPROTO_ICMPV6, 0, 127],
] as const

const RST = 4
/** Place of the flags in a TCP header. */
const flagsOffset = 13

/**
 * As the rules below see it. Several for a fragment, which is seen whole at some hooks and in pieces at others, unless
 * it says itself what the whole packet is.
 */
export function kindsOf(packet: Packet): readonly PacketKind[] {
  const { protocol, transportLength, moreFragments, fragmentOffset } = packet
  const needed = { [IPPROTO_TCP]: flagsOffset + 1, [IPPROTO_ICMP]: 1, [IPPROTO_ICMPV6]: 1 }[protocol] ?? 0
  const isPart = moreFragments || fragmentOffset > 0
  if (!isPart || needed === 0 || (fragmentOffset === 0 && transportLength >= needed)) return [kindOf(packet)]
  return ['other', protocol === IPPROTO_TCP ? 'reset' : 'error']
}

/** A fragment is what the piece itself shows. */
export function kindOf(packet: Packet): PacketKind {
  const { protocol, transportOffset: at, transportLength, fragmentOffset } = packet
  if (fragmentOffset > 0) return 'other'
  if (protocol === IPPROTO_TCP) {
    return transportLength > flagsOffset && packet.u8(at + flagsOffset) & RST ? 'reset' : 'other'
  }
  const isError =
    transportLength > 0 &&
    errorTypes.some(([of, low, high]) => of === protocol && low <= packet.u8(at) && packet.u8(at) <= high)
  return isError ? 'error' : 'other'
}

/** SO_PRIORITY of sockets that must be silent. */
export const gatePriority = 0x706f

type Places = Readonly<Record<Hook, Readonly<Record<PacketKind, number>>>>

/** How many packets came to certain places. */
export interface Arrivals {
  /** Came to the hook, before anything else saw them; fragments by the piece. */
  readonly entered: Places
  /** Passed everything at the hook. */
  readonly left: Places
  /** Packets that the host itself made and that came to OUTPUT, but for what it sends unasked. */
  readonly begunByHost: number
}

const ends = ['entered', 'left'] as const
const hostCounter = 'host'
const counterName = (hook: Hook, end: (typeof ends)[number], kind: PacketKind): string =>
  `${hook}-${end}-${kind}`
const chainName = (hook: Hook, end: (typeof ends)[number]): string => `${hook}-${end}`
const markChain = 'mark'
const deafChain = 'deaf'

export class HelperTable {
  readonly #netlink: NetlinkSocket
  #mark = 0
  /** Ports that packets of the steps speak from, by protocol. */
  readonly #spoken = new Set<string>()

  /** `answers`: the host has sockets, so the local stack may answer what it gets. */
  constructor(netlink: NetlinkSocket, answers: boolean) {
    this.#netlink = netlink
    const places = hooks.flatMap((hook) => ends.map((end) => [hook, end] as const))
    netlink.request(
      transaction([
        newTable('inet', table),
        newCounter('inet', table, hostCounter),
        ...places.flatMap(([hook, end]) =>
          packetKinds.map((kind) => newCounter('inet', table, counterName(hook, end, kind))),
        ),
        newBaseChain('inet', table, markChain, 'PREROUTING', first),
        ...deafRules(answers),
        ...places.flatMap(([hook, end]) => countingRules(hook, end)),
        ...ownRules(answers),
      ]),
      'make the helper table',
    )
  }

  /**
   * What comes to this port belongs to the process whose packets the steps send, so the stack must not answer it.
   * `protocol`: IPPROTO_TCP or IPPROTO_UDP.
   */
  leaveAlone(protocol: number, port: number): void {
    const key = `${protocol} ${port}`
    if (this.#spoken.has(key)) return
    this.#spoken.add(key)
    const { ifProtocol, ifDestinationPort, verdict } = expressions
    const does = [ifProtocol(protocol), ifDestinationPort(port), verdict('drop')]
    this.#netlink.request(
      transaction([newRule('inet', table, deafChain, does)]),
      'leave a port to its process',
    )
  }

  /** Every packet that arrives from now on gets this mark, before any table sees it. */
  setMark(mark: number): void {
    if (mark === this.#mark) return
    const changes = [flushChain('inet', table, markChain)]
    if (mark !== 0) changes.push(newRule('inet', table, markChain, [expressions.setMark(mark)]))
    this.#netlink.request(transaction(changes), 'set the mark of arriving packets')
    this.#mark = mark
  }

  read(): Arrivals {
    const counted = new Map<string, number>()
    for (const payload of this.#netlink.dump(listCounters('inet'), 'read the helper table')) {
      const { table: of, name, packets } = readNamedCounter(payload)
      if (of === table) counted.set(name, packets)
    }
    return arrivalsFrom((name) => counted.get(name) ?? 0)
  }
}

function arrivalsFrom(count: (name: string) => number): Arrivals {
  const places = (end: (typeof ends)[number]): Places =>
    Object.fromEntries(
      hooks.map((hook) => [
        hook,
        Object.fromEntries(packetKinds.map((kind) => [kind, count(counterName(hook, end, kind))])),
      ]),
    ) as unknown as Places
  return { entered: places('entered'), left: places('left'), begunByHost: count(hostCounter) }
}

/** What came between two readings. */
export function sinceThen(before: Arrivals, after: Arrivals): Arrivals {
  const less = (end: (typeof ends)[number]): Places =>
    Object.fromEntries(
      hooks.map((hook) => [
        hook,
        Object.fromEntries(
          packetKinds.map((kind) => [kind, after[end][hook][kind] - before[end][hook][kind]]),
        ),
      ]),
    ) as unknown as Places
  return {
    entered: less('entered'),
    left: less('left'),
    begunByHost: after.begunByHost - before.begunByHost,
  }
}

/** Base chains of one place: those made first come last. */
function countingRules(hook: Hook, end: (typeof ends)[number]): Message[] {
  const { countAs, verdict, ifProtocol, ifTcpFlag, ifTransportByte } = expressions
  const chain = chainName(hook, end)
  const count = (kind: PacketKind, ...conditions: Buffer[]): Message =>
    newRule('inet', table, chain, [...conditions, countAs(counterName(hook, end, kind)), verdict('accept')])
  return [
    newBaseChain('inet', table, chain, hook, end === 'entered' ? first : last),
    ...errorTypes.map(([protocol, low, high]) =>
      count('error', ifProtocol(protocol), ifTransportByte(low, high)),
    ),
    count('reset', ifProtocol(IPPROTO_TCP), ifTcpFlag(RST)),
    count('other'),
  ]
}

/** What the steps send has an owner; what the stack does for itself has none. */
function ownRules(answers: boolean): Message[] {
  const { countAs, verdict, ifOwned, ifProtocol, ifTransportByte } = expressions
  const chain = 'own'
  const rule = (...does: Buffer[]): Message => newRule('inet', table, chain, does)
  return [
    newBaseChain('inet', table, chain, 'OUTPUT', first),
    // Between steps, sockets say nothing: whatever they would send again is no part of a step.
    ...(answers ? [rule(expressions.ifPriority(gatePriority), verdict('drop'))] : []),
    rule(ifOwned(), verdict('accept')),
    rule(ifProtocol(IPPROTO_IGMP), verdict('drop')),
    rule(ifProtocol(IPPROTO_ICMPV6), ifTransportByte(...discoveryTypes), verdict('drop')),
    rule(ifProtocol(IPPROTO_ICMPV6), ifTransportByte(MLD2_REPORT, MLD2_REPORT), verdict('drop')),
    rule(countAs(hostCounter)),
  ]
}

/**
 * Keeps the local stack of a host without sockets from everything but fragments: IPv6 puts them together behind INPUT,
 * and complains of some.
 */
function deafRules(answers: boolean): Message[] {
  const { ifFragment, verdict } = expressions
  const chain = newBaseChain('inet', table, deafChain, 'INPUT', last)
  if (answers) return [chain]
  return [
    chain,
    newRule('inet', table, deafChain, [ifFragment(), verdict('accept')]),
    newRule('inet', table, deafChain, [verdict('drop')]),
  ]
}
