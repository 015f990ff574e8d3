/** TCP headers as TCPMSS and TCPOPTSTRIP read them. */
import { headerBytes, headerLength } from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'

/** Bytes of the header with its options, or -1 where it is cut off or absurd. */
export function readableTcp(packet: Packet): number {
  const { transportOffset: at, transportLength } = packet
  if (transportLength < headerBytes) return -1
  const length = headerLength(packet, at)
  return length < headerBytes || transportLength < length ? -1 : length
}

/**
 * Bytes of the option at `offset`. The end of the list counts as padding of one byte, and a length of 0 as 1. Source:
 * optlen(), net/netfilter/xt_TCPMSS.c.
 */
export const tcpOptionLength = (bytes: Uint8Array, offset: number): number =>
  bytes[offset]! <= 1 ? 1 : bytes[offset + 1]! || 1
