/** IPv4 packets in log lines. Source: dump_ipv4_packet(), net/netfilter/nf_log_syslog.c, Linux 6.18. */
import { printIpv4Word } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { addBeside, addTcp, addUdp, icmpHeaderBytes, type Line, twoDigits } from './_log-line.ts'

const ipv4HeaderBytes = 20

/** Bytes of ICMP without which the kernel reads no further, by type. */
const icmpNeeds: Readonly<Record<number, number>> = {
  0: 4,
  3: icmpHeaderBytes + ipv4HeaderBytes,
  4: icmpHeaderBytes + ipv4HeaderBytes,
  5: icmpHeaderBytes + ipv4HeaderBytes,
  8: 4,
  11: icmpHeaderBytes + ipv4HeaderBytes,
  12: icmpHeaderBytes + ipv4HeaderBytes,
  13: 20,
  14: 20,
  17: 12,
  18: 12,
}

/** Quoted packets (not `outer`) are not looked into for a second quotation. */
export function addIpv4(line: Line, start: number, outer: boolean): void {
  const { packet, flags } = line
  if (!line.holds(start, ipv4HeaderBytes)) {
    line.add('TRUNCATED')
    return
  }
  const tos = packet.u8(start + 1)
  const fragment = packet.u16(start + 6)
  line.add(
    `SRC=${ipv4At(packet, start + 12)} DST=${ipv4At(packet, start + 16)} LEN=${packet.u16(start + 2)} `,
  )
  line.add(`TOS=0x${twoDigits(tos & 0x1e).toUpperCase()} PREC=0x${twoDigits(tos & 0xe0).toUpperCase()} `)
  line.add(`TTL=${packet.u8(start + 8)} ID=${packet.u16(start + 4)} `)
  if (fragment & 0x8000) line.add('CE ')
  if (fragment & 0x4000) line.add('DF ')
  if (fragment & 0x2000) line.add('MF ')
  const fragmentOffset = fragment & 0x1fff
  if (fragmentOffset > 0) line.add(`FRAG:${fragmentOffset} `)

  const headerBytes = (packet.u8(start) & 15) * 4
  const optionBytes = headerBytes - ipv4HeaderBytes
  if (flags.ipOptions && optionBytes > 0) {
    if (!line.holds(start + ipv4HeaderBytes, optionBytes)) {
      line.add('TRUNCATED')
      return
    }
    line.add(`OPT (${line.hex(start + ipv4HeaderBytes, optionBytes).toUpperCase()}) `)
  }
  const complete = addIpv4Payload(line, packet.u8(start + 9), fragmentOffset > 0, start + headerBytes, outer)
  if (complete && outer) addBeside(line)
}

/** False where the kernel gives up on the line. */
function addIpv4Payload(
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
    case ipProtocol.icmp:
      line.add('PROTO=ICMP ')
      if (!fragment) addIcmp(line, start, outer)
      return true
    case ipProtocol.ah:
      // A later fragment of AH does not even say what it is.
      if (!fragment) addSpi(line, 'PROTO=AH ', start, 12, 4)
      return true
    case ipProtocol.esp:
      if (fragment) line.add('PROTO=ESP ')
      else addSpi(line, 'PROTO=ESP ', start, 8, 0)
      return true
    default:
      line.add(`PROTO=${protocol} `)
      return true
  }
}

function addSpi(line: Line, name: string, start: number, headerBytes: number, spiOffset: number): void {
  line.add(name)
  if (!line.holds(start, headerBytes)) line.addIncomplete(start)
  else line.add(`SPI=0x${line.packet.u32(start + spiOffset).toString(16)} `)
}

function addIcmp(line: Line, start: number, outer: boolean): void {
  const { packet } = line
  if (!line.holds(start, icmpHeaderBytes)) {
    line.addIncomplete(start)
    return
  }
  const type = packet.u8(start)
  const code = packet.u8(start + 1)
  line.add(`TYPE=${type} CODE=${code} `)
  if (!line.holds(start, icmpNeeds[type] ?? 0)) {
    line.addIncomplete(start)
    return
  }
  switch (type) {
    case 0:
    case 8:
      line.add(`ID=${packet.u16(start + 4)} SEQ=${packet.u16(start + 6)} `)
      return
    case 12:
      line.add(`PARAMETER=${packet.u8(start + 4)} `)
      return
    case 5:
      line.add(`GATEWAY=${ipv4At(packet, start + 4)} `)
      break
    case 3:
    case 4:
    case 11:
      break
    default:
      return
  }
  if (outer) {
    line.add('[')
    addIpv4(line, start + icmpHeaderBytes, false)
    line.add('] ')
  }
  if (type === 3 && code === 4) line.add(`MTU=${packet.u16(start + 6)} `)
}

function ipv4At(packet: Packet, offset: number): string {
  return printIpv4Word(packet.u32(offset))
}
