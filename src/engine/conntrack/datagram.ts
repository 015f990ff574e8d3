/**
 * Tracking of what has no connections of its own: UDP, UDP-Lite, ICMP and ICMPv6 questions, GRE, everything else.
 *
 * Kernel: net/netfilter/nf_conntrack_proto_udp.c, nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c,
 * nf_conntrack_proto_gre.c, generic_packet() of nf_conntrack_core.c, Linux 6.18.
 */
import { netfilterChecksumOk, onesComplementSum, pseudoHeaderSum } from '../../net/checksum.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import { icmpIsQuestion } from './icmp-types.ts'
import { checksChecksum, type PacketAtHook, type TrackerVerdict } from './protocol.ts'
import type { ConntrackSettings, TimeoutName } from './settings.ts'

/** Traffic both ways for longer than this makes a UDP connection a stream, which lives longer. */
const streamAfterSeconds = 2

export function trackUdp(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  if (!udpIsSound(at, settings)) return 'invalid'
  if (!connection.has(connectionStatus.confirmed))
    connection.track = at.tick + streamAfterSeconds * settings.hz
  const isStream = connection.has(connectionStatus.seenReply) && at.tick > (connection.track as number)
  const { udp_timeout: usual, udp_timeout_stream: ofStream } = settings.timeouts
  at.refresh(connection, isStream ? ofStream : usual)
  if (isStream && !connection.has(connectionStatus.natClash)) connection.status |= connectionStatus.assured
  return 'accept'
}

/** Source: udp_error(). A checksum of 0 is none, in IPv6 too. */
function udpIsSound(at: PacketAtHook, settings: ConntrackSettings): boolean {
  const { packet, transportOffset } = at
  const present = packet.endOffset - transportOffset
  if (present < 8) return false
  const length = packet.u16(transportOffset + 4)
  if (length > present + packet.missingBytes || length < 8) return false
  if (packet.u16(transportOffset + 6) === 0) return true
  return !checksChecksum(at, settings) || netfilterChecksumOk(packet, ipProtocol.udp)
}

export function trackUdpLite(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  if (!udpLiteIsSound(at, settings)) return 'invalid'
  trackTwoWay(connection, at, settings, 'udp_timeout', 'udp_timeout_stream')
  return 'accept'
}

/**
 * The checksum must be there, and covers the header at least. The kernel takes the pseudo header of UDP for it, so that
 * no packet with a right checksum passes where it is verified.
 *
 * Source: udplite_error(): nf_checksum_partial(.., IPPROTO_UDP, ..); nf_ip_checksum_partial(), net/netfilter/utils.c.
 */
function udpLiteIsSound(at: PacketAtHook, settings: ConntrackSettings): boolean {
  const { packet, transportOffset } = at
  const present = packet.endOffset - transportOffset
  if (present < 8) return false
  const coverage = packet.u16(transportOffset + 4) || present
  if (coverage < 8 || coverage > present) return false
  if (packet.u16(transportOffset + 6) === 0) return false
  if (!checksChecksum(at, settings)) return true
  // In IPv4 protocol and length change places on the way to the sum, and the place of the protocol has one byte (measured).
  const length = at.family === 'ipv4' ? present & 0xff : present
  const pseudo = pseudoHeaderSum(packet, ipProtocol.udp, length)
  return onesComplementSum(packet.bytes, transportOffset, transportOffset + coverage, pseudo) === 0xffff
}

export function trackIcmp(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  const isIcmp6 = at.family === 'ipv6'
  const protocol = isIcmp6 ? ipProtocol.icmp6 : ipProtocol.icmp
  const { kind, ports } = connection.originalNode
  // ICMP in IPv6 and the other way round belongs to nothing.
  if ((kind & 255) !== protocol || !icmpIsQuestion(protocol, (ports >>> 8) & 255)) return 'invalid'
  at.refresh(connection, settings.timeouts[isIcmp6 ? 'icmpv6_timeout' : 'icmp_timeout'])
  return 'accept'
}

export function trackGre(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  trackTwoWay(connection, at, settings, 'gre_timeout', 'gre_timeout_stream')
  return 'accept'
}

export function trackGeneric(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  at.refresh(connection, settings.timeouts.generic_timeout)
  return 'accept'
}

/** Once both sides spoke, it lives longer and is assured. */
function trackTwoWay(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
  oneWay: TimeoutName,
  bothWays: TimeoutName,
): void {
  const isAnswered = connection.has(connectionStatus.seenReply)
  at.refresh(connection, settings.timeouts[isAnswered ? bothWays : oneWay])
  if (isAnswered && !connection.has(connectionStatus.natClash)) connection.status |= connectionStatus.assured
}
