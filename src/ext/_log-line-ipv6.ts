/** IPv6 packets in log lines. Source: dump_ipv6_packet(), net/netfilter/nf_log_syslog.c, Linux 6.18. */
import { printLongAddress } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { addBeside, addTcp, addUdp, icmpHeaderBytes, type Line } from './_log-line.ts'

const ipv6HeaderBytes = 40

/** Source: nf_ip6_ext_hdr(). */
const ipv6Extensions: readonly number[] = [
  ipProtocol.hopByHop,
  ipProtocol.routing,
  ipProtocol.fragment,
  ipProtocol.esp,
  ipProtocol.ah,
  ipProtocol.destination,
]

export function addIpv6(line: Line, start: number, outer: boolean): void {
  const { packet } = line
  if (!line.holds(start, ipv6HeaderBytes)) {
    line.add('TRUNCATED')
    return
  }
  const first = packet.u32(start)
  line.add(`SRC=${ipv6At(packet, start + 8)} DST=${ipv6At(packet, start + 24)} `)
  line.add(`LEN=${packet.u16(start + 4) + ipv6HeaderBytes} TC=${(first >>> 20) & 255} `)
  line.add(`HOPLIMIT=${packet.u8(start + 7)} FLOWLBL=${first & 0xfffff} `)

  let protocol = packet.u8(start + 6)
  let at = start + ipv6HeaderBytes
  let fragment = false
  while (ipv6Extensions.includes(protocol)) {
    if (!line.holds(at, 2)) {
      line.add('TRUNCATED')
      return
    }
    const length = addExtension(line, protocol, at, fragment)
    if (length === null) return
    if (protocol === ipProtocol.fragment && (packet.u16(at + 2) & 0xfff8) > 0) fragment = true
    protocol = packet.u8(at)
    at += length
  }
  const complete = addIpv6Payload(line, protocol, fragment, at, outer)
  if (complete && outer) addBeside(line)
}

/** Bytes of the extension header, or null where the kernel gives up on the line. */
function addExtension(line: Line, protocol: number, at: number, fragment: boolean): number | null {
  const { packet, flags } = line
  const verbose = flags.ipOptions
  if (verbose) line.add('OPT ( ')
  const end = (text: string): null => {
    if (verbose) line.add(text)
    return null
  }
  let length = (packet.u8(at + 1) + 1) * 8
  switch (protocol) {
    case ipProtocol.fragment: {
      line.add('FRAG:')
      if (!line.holds(at, 8)) {
        line.add('TRUNCATED ')
        return null
      }
      const field = packet.u16(at + 2)
      line.add(`${field & 0xfff8} ${field & 1 ? 'INCOMPLETE ' : ''}ID:${line.hex(at + 4, 4)} `)
      length = 8
      break
    }
    case ipProtocol.ah:
      if (verbose) {
        line.add('AH ')
        if (fragment) return end(')')
        if (!line.holds(at, 12)) return end(`INCOMPLETE [${line.rest(at)} bytes] )`)
        line.add(`SPI=0x${packet.u32(at + 4).toString(16)} `)
      }
      length = (packet.u8(at + 1) + 2) * 4
      break
    case ipProtocol.esp:
      if (fragment) return end('ESP )')
      if (!line.holds(at, 8)) return end(`ESP INCOMPLETE [${line.rest(at)} bytes] )`)
      return end(`ESP SPI=0x${packet.u32(at).toString(16)} )`)
    default:
      if (fragment) return end(')')
  }
  if (verbose) line.add(') ')
  return length
}

function addIpv6Payload(
  line: Line,
  protocol: number,
  fragment: boolean,
  start: number,
  outer: boolean,
): boolean {
  switch (protocol) {
    case ipProtocol.tcp:
      return addTcp(line, fragment, start)
    case ipProtocol.udp:
    case ipProtocol.udplite:
      return addUdp(line, protocol, fragment, start)
    case ipProtocol.icmp6:
      line.add('PROTO=ICMPv6 ')
      return fragment || addIcmp6(line, start, outer)
    default:
      line.add(`PROTO=${protocol} `)
      return true
  }
}

function addIcmp6(line: Line, start: number, outer: boolean): boolean {
  const { packet } = line
  if (!line.holds(start, icmpHeaderBytes)) {
    line.addIncomplete(start)
    return false
  }
  const type = packet.u8(start)
  line.add(`TYPE=${type} CODE=${packet.u8(start + 1)} `)
  if (type === 128 || type === 129) line.add(`ID=${packet.u16(start + 4)} SEQ=${packet.u16(start + 6)} `)
  if (type < 1 || 4 < type) return true
  if (type === 4) line.add(`POINTER=${line.hex(start + 4, 4)} `)
  if (outer) {
    line.add('[')
    addIpv6(line, start + icmpHeaderBytes, false)
    line.add('] ')
  }
  if (type === 2) line.add(`MTU=${packet.u32(start + 4)} `)
  return true
}

function ipv6At(packet: Packet, offset: number): string {
  return printLongAddress({ family: 'ipv6', words: [0, 4, 8, 12].map((at) => packet.u32(offset + at)) })
}
