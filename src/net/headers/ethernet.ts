/** The Ethernet header. Read first: include/uapi/linux/if_ether.h, RFC 7042. */
import type { Packet } from '../packet.ts'

export const headerBytes = 14
export const macBytes = 6
/** From the start of the frame. */
export const destinationOffset = 0
export const sourceOffset = 6

/**
 * Six octets, separated by colons: `02:00:00:00:00:01`, upper or lower case, each octet one or two digits. Null for
 * anything else.
 */
export function parseMac(text: string): Uint8Array | null {
  const octets = text.split(':')
  if (octets.length !== macBytes) return null
  if (!octets.every((octet) => /^[0-9a-fA-F]{1,2}$/.test(octet))) return null
  return Uint8Array.from(octets, (octet) => Number.parseInt(octet, 16))
}

/** Lower case, two digits an octet; `offset` is where the address begins in `bytes`. */
export function printMac(bytes: Uint8Array, offset = 0): string {
  const octets = Array.from(bytes.subarray(offset, offset + macBytes), (octet) =>
    octet.toString(16).padStart(2, '0'),
  )
  return octets.join(':')
}

/** The group bit: broadcast or multicast. */
export const isGroupMac = (bytes: Uint8Array, offset = 0): boolean => (bytes[offset]! & 1) !== 0

export function isBroadcastMac(bytes: Uint8Array, offset = 0): boolean {
  for (let at = offset; at < offset + macBytes; at++) if (bytes[at] !== 0xff) return false
  return true
}

/** Whether the packet's frame begins with a whole Ethernet header. */
export const hasEthernet = (packet: Packet): boolean =>
  packet.linkOffset >= 0 && packet.linkOffset + headerBytes <= packet.bytes.length
