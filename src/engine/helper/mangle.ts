/**
 * Writing other words into what a TCP connection says, lengths and checksums kept right.
 *
 * Kernel: nf_nat_mangle_tcp_packet(), net/netfilter/nf_nat_helper.c, Linux 6.18.
 */
import { internetChecksum, pseudoHeaderSum } from '../../net/checksum.ts'
import { decodeIp } from '../../net/decode.ts'
import { concatBytes, refreshIpv4Checksum, setU16 } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'

const longestPacket = 65535

/** Puts `text` in the place of `length` bytes at `offset` (of `packet.bytes`); false where it becomes too long. */
export function replaceText(
  packet: Packet,
  transportAt: number,
  offset: number,
  length: number,
  text: string,
): boolean {
  const { bytes, networkOffset, endOffset, linkOffset, family } = packet
  const written = Uint8Array.from(text, (letter) => letter.charCodeAt(0))
  const changed = concatBytes(bytes.subarray(0, offset), written, bytes.subarray(offset + length, endOffset))
  const total = changed.length - networkOffset
  if (total > longestPacket) return false
  if (family === 'ipv4') {
    setU16(changed, networkOffset + 2, total)
    refreshIpv4Checksum(changed, networkOffset)
  } else setU16(changed, networkOffset + 4, total - 40)
  decodeIp(packet, changed, networkOffset, linkOffset)
  refreshTcpChecksum(packet, transportAt)
  return true
}

export function refreshTcpChecksum(packet: Packet, at: number): void {
  const { bytes, endOffset } = packet
  setU16(bytes, at + 16, 0)
  const pseudo = pseudoHeaderSum(packet, ipProtocol.tcp, endOffset - at)
  setU16(bytes, at + 16, internetChecksum(bytes, at, endOffset, pseudo))
}
