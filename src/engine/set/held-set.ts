/**
 * A rule's hold on a set, and what of a packet a set asks for.
 *
 * Kernel: net/netfilter/xt_set.c; ip_set_get_ip4_port(), ip_set_get_ip6_port(), ip_set_getport.c, Linux 6.18.
 */
import type { CounterQuestion, HeldSet, SetMarks, SetPacket, SetTestOptions } from '../../ext/context.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { SetSlot } from './list-set.ts'
import type { PacketQuestion } from './set.ts'
import type { Sets, SetTest } from './sets.ts'

const slots = new WeakMap<HeldSet, SetSlot>()

/** The place that a rule holds. */
export const setOf = (held: HeldSet): SetSlot => slots.get(held)!

/** Takes part in the set of that name; null where there is none. */
export function heldSet(sets: Sets, name: string): HeldSet | null {
  const slot = sets.acquire(name)
  if (slot === null) return null
  const held: HeldSet = {
    name,
    test(packet, options) {
      const test = testOf(packet, options)
      const isIn = sets.test(slot, questionOf(packet), test, packet.context.jiffies)
      return isIn ? (test.skbinfo ?? noMarks) : null
    },
    add(packet, { exist, timeoutSeconds }) {
      const extensions = { bytes: lengthOf(packet.skb.packet), timeout: timeoutSeconds }
      sets.change('add', slot, questionOf(packet), extensions, exist, packet.context.jiffies)
    },
    delete(packet) {
      const extensions = { bytes: 0, timeout: null }
      sets.change('del', slot, questionOf(packet), extensions, false, packet.context.jiffies)
    },
  }
  slots.set(held, slot)
  return held
}

const noMarks: SetMarks = { mark: 0, markMask: 0, priority: 0, queue: 0 }

const lengthOf = ({ endOffset, networkOffset }: Packet): number => endOffset - networkOffset

function testOf({ skb }: SetPacket, options: SetTestOptions): SetTest {
  const { packets, bytes, returnsNomatch, keepsCounters, keepsSubcounters } = options
  return {
    bytes: lengthOf(skb.packet),
    keepsCounters,
    keepsSubcounters,
    returnsNomatch,
    counters:
      packets === null && bytes === null
        ? null
        : (ownPackets, ownBytes) => suffices(ownPackets, packets) && suffices(ownBytes, bytes),
    skbinfo: null,
  }
}

function suffices(own: bigint, question: CounterQuestion | null): boolean {
  if (question === null) return true
  const { operator, count } = question
  switch (operator) {
    case 'eq':
      return own === count
    case 'ne':
      return own !== count
    case 'lt':
      return own < count
    case 'gt':
      return own > count
  }
}

function questionOf({ skb, context, sides }: SetPacket): PacketQuestion {
  const { packet } = skb
  return {
    family: packet.family!,
    isSource: sides.map((side) => side === 'src'),
    address: (isSource) => (isSource ? packet.source : packet.destination).words,
    port: (isSource) => portOf(packet, isSource),
    ether(isSource) {
      if (packet.linkOffset < 0) return null
      const at = packet.linkOffset + (isSource ? 6 : 0)
      return packet.bytes.subarray(at, at + 6)
    },
    device: (isSource) => (isSource ? context.in : context.out)?.name ?? '',
  }
}

/** Bytes of each header that must be there for its ports to be read. */
const headerBytes: Readonly<Record<number, number>> = {
  [ipProtocol.tcp]: 20,
  [ipProtocol.sctp]: 12,
  [ipProtocol.udp]: 8,
  [ipProtocol.udplite]: 8,
  [ipProtocol.icmp]: 8,
  [ipProtocol.icmp6]: 8,
}

function portOf(packet: Packet, isSource: boolean): { readonly port: number; readonly proto: number } | null {
  const { protocol, family, fragmentOffset, transportOffset } = packet
  // IPv6 options may stand in front of nothing that is known.
  if (protocol < 0 || (family === 'ipv4' && protocol === 0)) return null
  const needed = headerBytes[protocol]
  if (fragmentOffset > 0) {
    const isPlain = needed === undefined || protocol === ipProtocol.icmp6
    return family === 'ipv4' && isPlain ? { port: 0, proto: protocol } : null
  }
  if (needed === undefined) return { port: 0, proto: protocol }
  if (packet.transportLength < needed) return null
  const isMessage = protocol === ipProtocol.icmp || protocol === ipProtocol.icmp6
  return { port: packet.u16(transportOffset + (isMessage || isSource ? 0 : 2)), proto: protocol }
}
