/** Changing packets in place, checksums kept right. */
import type { Address } from '../net/address.ts'
import { internetChecksum, pseudoHeaderSum } from '../net/checksum.ts'
import { adjustChecksum, refreshIpv4Checksum, setAddress, setU16 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { isUnspecified } from './address-class.ts'

/** One hop less. Preconditions: packet.ttl > 0. Source: ip_decrease_ttl(). */
export function decrementTtl(packet: Packet): void {
  const { bytes, networkOffset } = packet
  packet.ttl--
  if (packet.family === 'ipv6') {
    bytes[networkOffset + 7] = packet.ttl
    return
  }
  const before = packet.u16(networkOffset + 8)
  bytes[networkOffset + 8] = packet.ttl
  const checksum = adjustChecksum(packet.u16(networkOffset + 10), before, packet.u16(networkOffset + 8))
  setU16(bytes, networkOffset + 10, checksum)
}

/**
 * Fills in what a packet of the host's own making left open: the source address where it is zero, the IPv4 id where it
 * is zero and `nextId` is given, and the checksums over them. False when there is no source to fill in.
 */
export function completeEmission(
  packet: Packet,
  source: Address | null,
  nextId: (() => number) | null,
): boolean {
  const { bytes, networkOffset } = packet
  const lacksSource = isUnspecified(packet.source)
  if (lacksSource) {
    if (source === null) return false
    setAddress(bytes, packet.sourceOffset, source)
  }
  if (packet.family === 'ipv4') {
    if (packet.id === 0 && nextId !== null && !packet.dontFragment) {
      packet.id = nextId()
      setU16(bytes, networkOffset + 4, packet.id)
    }
    refreshIpv4Checksum(bytes, networkOffset)
  } else if (lacksSource && packet.protocol === ipProtocol.icmp6) {
    const at = packet.transportOffset
    setU16(bytes, at + 2, 0)
    const pseudo = pseudoHeaderSum(packet, packet.protocol, packet.transportLength)
    setU16(bytes, at + 2, internetChecksum(bytes, at, packet.endOffset, pseudo))
  }
  return true
}
