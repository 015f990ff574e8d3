/** A log line in the making, and what both families write in it: transports, and what the kernel keeps beside packets. */
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import type { Skb } from './context.ts'

/** What a rule wants to read besides the usual. */
export interface LogFlags {
  /** SEQ and ACK of TCP. */
  readonly tcpSequence: boolean
  /** The options of TCP, in hexadecimal. */
  readonly tcpOptions: boolean
  /** The options of IPv4, in hexadecimal; in IPv6 which extension headers there are. */
  readonly ipOptions: boolean
  /** User and group of the local socket that sent the packet. */
  readonly uid: boolean
  /** The link header as MACSRC, MACDST and MACPROTO. */
  readonly macDecode: boolean
}

export const noLogFlags: LogFlags = {
  tcpSequence: false,
  tcpOptions: false,
  ipOptions: false,
  uid: false,
  macDecode: false,
}

/** Characters the kernel's buffer takes: S_SIZE less the closing zero, the level and its mark. */
const lineLimit = 1016

export class Line {
  readonly flags: LogFlags
  readonly skb: Skb
  readonly packet: Packet
  #text = ''

  constructor(flags: LogFlags, skb: Skb) {
    this.flags = flags
    this.skb = skb
    this.packet = skb.packet
  }

  get text(): string {
    return this.#text.slice(0, lineLimit)
  }

  add(text: string): void {
    this.#text += text
  }

  /** Bytes of the packet from `offset` on (`skb->len - offset`). */
  rest(offset: number): number {
    return this.packet.endOffset - offset
  }

  holds(offset: number, length: number): boolean {
    return length <= this.rest(offset)
  }

  addIncomplete(offset: number): void {
    // The kernel prints an unsigned number, also where an absurd header length leads behind the end.
    this.add(`INCOMPLETE [${this.rest(offset) >>> 0} bytes] `)
  }

  hex(offset: number, length: number, separator = ''): string {
    const { bytes } = this.packet
    return Array.from(bytes.subarray(offset, offset + length), twoDigits).join(separator)
  }
}

export const twoDigits = (byte: number): string => byte.toString(16).padStart(2, '0')

// --- Transports

export const icmpHeaderBytes = 8

const tcpHeaderBytes = 20

/** From the highest bit of the two flag bytes: AE is the last of the reserved ones (RFC 9768). */
const tcpFlagNames = ['AE', 'CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN']

/** Source: nf_log_dump_tcp_header(). */
export function addTcp(line: Line, fragment: boolean, start: number): boolean {
  const { packet, flags } = line
  line.add('PROTO=TCP ')
  if (fragment) return true
  if (!line.holds(start, tcpHeaderBytes)) {
    line.addIncomplete(start)
    return false
  }
  line.add(`SPT=${packet.u16(start)} DPT=${packet.u16(start + 2)} `)
  if (flags.tcpSequence) line.add(`SEQ=${packet.u32(start + 4)} ACK=${packet.u32(start + 8)} `)
  const offsetAndFlags = packet.u16(start + 12)
  const reserved = (offsetAndFlags >>> 6) & 0x38
  line.add(`WINDOW=${packet.u16(start + 14)} RES=0x${twoDigits(reserved)} `)
  for (const [index, name] of tcpFlagNames.entries())
    if (offsetAndFlags & (0x100 >>> index)) line.add(`${name} `)
  line.add(`URGP=${packet.u16(start + 18)} `)

  const optionBytes = (offsetAndFlags >>> 12) * 4 - tcpHeaderBytes
  if (!flags.tcpOptions || optionBytes <= 0) return true
  if (!line.holds(start + tcpHeaderBytes, optionBytes)) {
    line.add('OPT (TRUNCATED)')
    return false
  }
  line.add(`OPT (${line.hex(start + tcpHeaderBytes, optionBytes).toUpperCase()}) `)
  return true
}

/** Source: nf_log_dump_udp_header(). */
export function addUdp(line: Line, protocol: number, fragment: boolean, start: number): boolean {
  const { packet } = line
  line.add(`PROTO=${protocol === ipProtocol.udp ? 'UDP' : 'UDPLITE'} `)
  if (fragment) return true
  if (!line.holds(start, 8)) {
    line.addIncomplete(start)
    return false
  }
  line.add(`SPT=${packet.u16(start)} DPT=${packet.u16(start + 2)} LEN=${packet.u16(start + 4)} `)
  return true
}

// --- What the kernel keeps beside the packet

export function addBeside(line: Line): void {
  const { mark, socket } = line.skb
  if (line.flags.uid && socket !== null && !socket.isKernel) line.add(`UID=${socket.uid} GID=${socket.gid} `)
  if (mark !== 0) line.add(`MARK=0x${mark.toString(16)} `)
}
