/**
 * What protocols have of their own: who tracks them, and what happens when two packets begin a connection at once.
 *
 * Kernel: nf_conntrack_handle_packet(), nf_ct_can_merge(), net/netfilter/nf_conntrack_core.c, Linux 6.18.
 */
import { ipProtocol } from '../../net/protocol.ts'
import type { TrackedConnection } from './connection.ts'
import { trackGeneric, trackGre, trackIcmp, trackUdp, trackUdpLite } from './datagram.ts'
import type { PacketAtHook, TrackerVerdict } from './protocol.ts'
import { trackSctp } from './sctp.ts'
import type { ConntrackSettings } from './settings.ts'
import { trackTcp } from './tcp.ts'
import { sameTuple } from './tuple.ts'

type Tracker = (
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
) => TrackerVerdict

export function trackerOf(protocol: number): Tracker {
  switch (protocol) {
    case ipProtocol.tcp:
      return trackTcp
    case ipProtocol.udp:
      return trackUdp
    case ipProtocol.icmp:
    case ipProtocol.icmp6:
      return trackIcmp
    case ipProtocol.udplite:
      return trackUdpLite
    case ipProtocol.sctp:
      return trackSctp
    case ipProtocol.gre:
      return trackGre
    default:
      return trackGeneric
  }
}

/** UDP, UDP-Lite, ICMP and everything generic may race with itself. Source: `.allow_clash` of the l4protos. */
export const mayClash = (protocol: number): boolean =>
  protocol !== ipProtocol.tcp && protocol !== ipProtocol.sctp

/**
 * Whether two connections are one, or one seen from both ends. Source: nf_ct_can_merge(), of which zones are a part.
 */
export const canMerge = (winner: TrackedConnection, loser: TrackedConnection): boolean =>
  (sameTuple(winner.originalNode, loser.originalNode) && sameTuple(winner.replyNode, loser.replyNode)) ||
  (sameTuple(winner.originalNode, loser.replyNode) && sameTuple(winner.replyNode, loser.originalNode))
