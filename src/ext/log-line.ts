/**
 * The line that the kernel logs about a packet.
 *
 * Kernel: net/netfilter/nf_log_syslog.c, nf_log_ip_packet() and nf_log_ip6_packet(), Linux 6.18. Every field ends
 * with a blank, so lines do too, except where a header breaks off.
 */
import type { LogFlags } from './_log-line.ts'
import { Line } from './_log-line.ts'
import { addIpv4 } from './_log-line-ipv4.ts'
import { addIpv6 } from './_log-line-ipv6.ts'
import type { HookContext, Skb } from './context.ts'

export { type LogFlags, noLogFlags } from './_log-line.ts'

type Place = Pick<HookContext, 'in' | 'out' | 'hook'>

/** The line without level and time: `prefix`, devices, link header, IP header and what it carries. */
export function logLine(prefix: string, flags: LogFlags, skb: Skb, place: Place): string {
  const line = new Line(flags, skb)
  line.add(`${prefix}IN=${place.in?.name ?? ''} OUT=${place.out?.name ?? ''} `)
  if (place.in !== null) addLinkHeader(line, place)
  const { networkOffset, family } = skb.packet
  if (family === 'ipv6') addIpv6(line, networkOffset, true)
  else addIpv4(line, networkOffset, true)
  return line.text
}

const ethernetBytes = 14
const macBytes = 6

/** Source: dump_mac_header(). Ethernet and loopback devices both have headers of 14 bytes. */
function addLinkHeader(line: Line, { hook, in: input, out }: Place): void {
  const { linkOffset, networkOffset } = line.packet
  // Behind routing the packet's device is the one it leaves by.
  const device = hook === 'POSTROUTING' ? out : input
  const typeOffset = networkOffset - 2
  const hasHeader = linkOffset >= 0 && ethernetBytes <= networkOffset - linkOffset
  if (line.flags.macDecode && device?.kind === 'ethernet') {
    if (!hasHeader) return
    line.add(`MACSRC=${line.hex(linkOffset + macBytes, macBytes, ':')} `)
    line.add(`MACDST=${line.hex(linkOffset, macBytes, ':')} MACPROTO=${line.hex(typeOffset, 2)} `)
    return
  }
  const header = hasHeader ? `${line.hex(linkOffset, 2 * macBytes, ':')}:${line.hex(typeOffset, 2, ':')}` : ''
  line.add(`MAC=${header} `)
}
