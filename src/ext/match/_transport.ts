/** What the matches that read a transport header share. */
import type { Refusal } from '../../lang/diagnostic.ts'
import { protocolName } from '../../lang/names.ts'
import type { RuleToCheck } from '../../lang/syntax.ts'
import type { PacketSet, PacketSpace } from '../../space/space.ts'
import type { HookContext, Skb } from '../context.ts'

/**
 * Offset of a transport header of at least `length` bytes, or -1. A packet that ends before is dropped at once;
 * a later fragment only does not match.
 */
export function readableHeader({ packet }: Skb, context: HookContext, length: number): number {
  if (context.fragmentOffset !== 0) return -1
  if (packet.endOffset - context.transportOffset < length) {
    context.hotdrop = true
    return -1
  }
  return context.transportOffset
}

/**
 * Where matches that do not ask whether this is a later fragment look for the transport header: in IPv4 behind the
 * header, in IPv6 at the packet's very beginning, for there the kernel found none (`thoff` stays 0).
 */
export const kernelTransportOffset = ({ packet }: Skb, { transportOffset }: HookContext): number =>
  transportOffset < 0 ? packet.networkOffset : transportOffset

/** Packets whose transport header can be read. */
export const withHeader = (space: PacketSpace, length: number): PacketSet =>
  firstFragment(space).and(space.fact(`transport-bytes=${length}`))

/** Packets that begin a datagram but end within its transport header. */
export const withCutHeader = (space: PacketSpace, length: number): PacketSet =>
  firstFragment(space).minus(space.fact(`transport-bytes=${length}`))

/** Whole packets and first fragments. */
export const firstFragment = (space: PacketSpace): PacketSet => space.equal('fragmentOffset', 0n)

/** Why no header of `length` bytes can be read, or null when one can. */
export function explainHeader(
  { packet }: Skb,
  { fragmentOffset, transportOffset }: HookContext,
  length: number,
): string | null {
  if (fragmentOffset !== 0) return 'it is a later fragment, without the header'
  const present = Math.max(0, packet.endOffset - transportOffset)
  return present < length ? `only ${present} of the header's ${length} bytes are there` : null
}

/**
 * Refuses a rule whose `-p` is not the protocol of the match or target. Source: `proto` of struct xt_match and xt_target,
 * checked by xt_check_match() and xt_check_target(), net/netfilter/x_tables.c.
 */
export function requireProtocol(
  number: number,
  { protocol }: RuleToCheck,
  kind: 'match' | 'target' = 'match',
): Refusal | null {
  if (protocol !== null && protocol.value === number && !protocol.inverted) return null
  const option = `-p ${protocolName(number)}`
  return {
    code: 'needs-protocol',
    message: `this ${kind} needs ${option} in the same rule`,
    notes: ['the kernel reads the header only where the rule itself says which protocol it is'],
    help: option,
  }
}
