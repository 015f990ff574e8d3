/**
 * The TCP options that tell about windows.
 *
 * Kernel: tcp_options(), tcp_sack(), net/netfilter/nf_conntrack_proto_tcp.c, Linux 6.18. Both stop at the first option
 * that does not fit.
 */
import { isBefore, type Segment, type TcpEnd, tcpFlag } from './tcp-window.ts'

const endOfList = 0
const noOperation = 1
const windowScale = 3
const sackPermitted = 4
const sack = 5

/** RFC 7323 section 2.3. */
const highestScale = 14

/** NOP, NOP, timestamp of 10 bytes: by far the most common, and it holds no SACK. */
const alignedTimestamp = 0x0101080a

/** Walks the options; `visit` gets kind, offset of the kind octet, and length, and returns true to end the walk. */
function eachOption(segment: Segment, visit: (kind: number, at: number, length: number) => boolean): void {
  const { bytes } = segment.packet
  const end = segment.headerOffset + segment.headerLength
  for (let at = segment.headerOffset + 20; at < end; ) {
    const kind = bytes[at]!
    if (kind === endOfList) return
    if (kind === noOperation) {
      at++
      continue
    }
    if (end - at < 2) return
    const length = bytes[at + 1]!
    if (length < 2 || length > end - at || visit(kind, at, length)) return
    at += length
  }
}

/** Notes what a SYN offers: window scale, selective acknowledgements. Without any option what was noted stays. */
export function readSynOptions(segment: Segment, sender: TcpEnd): void {
  if (segment.headerLength === 20) return
  const { bytes } = segment.packet
  sender.scale = 0
  sender.flags &= tcpFlag.beLiberal
  eachOption(segment, (kind, at, length) => {
    if (kind === sackPermitted && length === 2) sender.flags |= tcpFlag.sackPermitted
    if (kind === windowScale && length === 3) {
      sender.scale = Math.min(bytes[at + 2]!, highestScale)
      sender.flags |= tcpFlag.windowScale
    }
    return false
  })
}

/** The highest right edge of the first SACK option's blocks, or `ack` where none lies higher. */
export function readSackEdge(segment: Segment, ack: number): number {
  const { packet, headerOffset, headerLength } = segment
  if (headerLength === 20) return ack
  if (headerLength === 32 && packet.u32(headerOffset + 20) === alignedTimestamp) return ack
  let highest = ack
  eachOption(segment, (kind, at, length) => {
    if (kind !== sack || length < 10 || (length - 2) % 8 !== 0) return false
    for (let block = at + 2; block < at + length; block += 8) {
      const edge = packet.u32(block + 4) | 0
      if (isBefore(highest, edge)) highest = edge
    }
    return true
  })
  return highest
}
