/**
 * The table as text, byte for byte as `/proc/net/nf_conntrack` prints it, except that `use` is always 2 (one for the
 * table, one for the reader: what the kernel prints while no packet of the connection is on its way).
 *
 * Source: ct_seq_show(), print_tuple(), net/netfilter/nf_conntrack_standalone.c, Linux 6.18.
 */

import type { Tuple, Zone } from '../../ext/context.ts'
import type { Address } from '../../net/address.ts'
import { ipv6Groups, parseAddress, printAddress } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import { SctpTrack, sctpStateNames } from './sctp.ts'
import type { ConntrackSettings } from './settings.ts'
import { TcpTrack } from './tcp.ts'
import { tcpStateNames } from './tcp-states.ts'

const protocolNames: Readonly<Record<number, string>> = {
  [ipProtocol.icmp]: 'icmp',
  [ipProtocol.tcp]: 'tcp',
  [ipProtocol.udp]: 'udp',
  [ipProtocol.gre]: 'gre',
  [ipProtocol.sctp]: 'sctp',
  [ipProtocol.udplite]: 'udplite',
  [ipProtocol.icmp6]: 'icmpv6',
}

const familyNumber = { ipv4: 2, ipv6: 10 }

/** One line, without its end. `tick` is the present. */
export function printConnection(
  connection: TrackedConnection,
  tick: number,
  settings: ConntrackSettings,
): string {
  const { original, reply, counters } = connection
  const { family } = original.source
  const { protocol } = original
  const count = (direction: 0 | 1): string =>
    counters === null ? '' : `packets=${counters.packets[direction]} bytes=${counters.bytes[direction]} `
  return [
    `${family.padEnd(8)} ${familyNumber[family]} ${(protocolNames[protocol] ?? 'unknown').padEnd(8)} ${protocol} `,
    `${connection.secondsLeft(tick)} `,
    printState(connection, settings),
    printTuple(original),
    printZone(connection.zone, 'original'),
    count(0),
    connection.has(connectionStatus.seenReply) ? '' : '[UNREPLIED] ',
    printTuple(reply),
    printZone(connection.zone, 'reply'),
    count(1),
    connection.has(connectionStatus.assured) ? '[ASSURED] ' : '',
    `mark=${connection.mark} `,
    printZone(connection.zone, 'both'),
    'use=2',
  ].join('')
}

const zoneWords = { both: 'zone', original: 'zone-orig', reply: 'zone-reply' }

/** A zone is printed at the place of its direction. Source: ct_show_zone(). */
const printZone = ({ id, direction }: Zone, place: Zone['direction']): string =>
  direction === place ? `${zoneWords[direction]}=${id} ` : ''

function printState({ track, original }: TrackedConnection, settings: ConntrackSettings): string {
  if (track instanceof TcpTrack) return `${tcpStateNames[track.state]} `
  if (track instanceof SctpTrack) return `${sctpStateNames[track.state]} `
  if (original.protocol !== ipProtocol.gre) return ''
  const { gre_timeout: timeout, gre_timeout_stream: stream } = settings.timeouts
  return `timeout=${timeout / settings.hz}, stream_timeout=${stream / settings.hz} `
}

/** Addresses, and ports or what stands for them; a blank behind each. */
export function printTuple(tuple: Tuple): string {
  return `src=${printLong(tuple.source)} dst=${printLong(tuple.destination)} ${printPorts(tuple)}`
}

/** IPv6 in eight full groups (`%pI6`). */
export function printLong(address: Address): string {
  if (address.family === 'ipv4') return printAddress(address)
  return ipv6Groups(address.words)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join(':')
}

function printPorts({ protocol, sourcePort, destinationPort }: Tuple): string {
  switch (protocol) {
    case ipProtocol.tcp:
    case ipProtocol.udp:
    case ipProtocol.udplite:
    case ipProtocol.sctp:
      return `sport=${sourcePort} dport=${destinationPort} `
    case ipProtocol.icmp:
    case ipProtocol.icmp6:
      return `type=${destinationPort >> 8} code=${destinationPort & 255} id=${sourcePort} `
    case ipProtocol.gre:
      return `srckey=0x${sourcePort.toString(16)} dstkey=0x${destinationPort.toString(16)} `
    default:
      return ''
  }
}

/**
 * A line of `/proc/net/nf_conntrack` as `conntrack -L` (1.4.7) has it: no family in front, short IPv6 addresses, no zone where
 * it is 0, and without the hold that /proc has on what it shows.
 */
export const listed = (line: string): string =>
  line
    .replace(/^ipv[46] +\d+ /, '')
    .replace(/(?<=(?:src|dst)=)[0-9a-f:]{39}/g, (long) => printAddress(parseAddress(long)!))
    .replace(' zone=0 ', ' ')
    .replace(/(?<=use=)\d+$/, (use) => String(Number(use) - 1))
