/** The first look at a received frame: whom it is for, and whether it is a sound packet. */
import type { Device, PacketType } from '../ext/context.ts'
import type { Packet, PacketDefect } from '../net/packet.ts'
import { etherType } from '../net/protocol.ts'

const vlanIdMask = 0xfff
const macsLength = 12
const tagLength = 4

/** Source: eth_type_trans(), net/ethernet/eth.c. */
export function classifyFrame({ bytes, linkOffset }: Packet, { mac }: Device): PacketType {
  if (isMac(bytes, linkOffset, mac)) return 'host'
  if ((bytes[linkOffset]! & 1) === 0) return 'otherhost'
  return isMac(bytes, linkOffset, everybody) ? 'broadcast' : 'multicast'
}

/** The link's broadcast address. */
export const everybody = new Uint8Array(6).fill(0xff)

function isMac(bytes: Uint8Array, offset: number, mac: Uint8Array): boolean {
  for (let at = 0; at < mac.length; at++) if (bytes[offset + at] !== mac[at]) return false
  return true
}

/**
 * The frame without VLAN tags of id 0, which only carry a priority and which the kernel takes off; a tag with an id
 * belongs to a VLAN device and stays. Source: __netif_receive_skb_core(), net/core/dev.c.
 */
export function withoutPriorityTags(frame: Uint8Array): Uint8Array {
  let bytes = frame
  while (isPriorityTagged(bytes)) {
    const untagged = new Uint8Array(bytes.length - tagLength)
    untagged.set(bytes.subarray(0, macsLength))
    untagged.set(bytes.subarray(macsLength + tagLength), macsLength)
    bytes = untagged
  }
  return bytes
}

function isPriorityTagged(bytes: Uint8Array): boolean {
  if (bytes.length < macsLength + tagLength + 2) return false
  const type = (bytes[12]! << 8) | bytes[13]!
  const control = (bytes[14]! << 8) | bytes[15]!
  return (type === etherType.vlan || type === etherType.serviceVlan) && (control & vlanIdMask) === 0
}

/** Why a packet is dropped before any hook. */
export const defectText: Readonly<Record<PacketDefect, string>> = {
  'link-truncated': 'the frame is cut off',
  'not-ip': 'it is no IP packet',
  'ip-truncated': 'the IP header is cut off',
  'ip-version': 'the IP version is wrong',
  'ip-header-length': 'the IP header length is wrong',
  'ip-checksum': 'the IP header checksum is wrong',
  'ip-length': 'the IP length is wrong',
  'ip-extension': 'the hop-by-hop options are wrong',
}
