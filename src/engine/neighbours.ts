/** Link addresses of the hosts around: nobody waits for ARP or neighbour discovery. */
import type { Device, RouteType } from '../ext/context.ts'
import { type Address, printAddress } from '../net/address.ts'
import { setU16 } from '../net/encode.ts'
import { etherType } from '../net/protocol.ts'
import { isMulticast } from './address-class.ts'
import { neighbourMac } from './config.ts'
import { everybody } from './link.ts'

/** By printed address. */
export type Neighbours = ReadonlyMap<string, Uint8Array>

/** The frame in which a packet goes to its next hop. Source: arp_mc_map(), ndisc_mc_map(), ip_eth_mc_map(). */
export function encodeToNeighbour(
  packet: Uint8Array,
  nextHop: Address,
  type: RouteType,
  device: Device,
  neighbours: Neighbours,
): Uint8Array {
  const frame = new Uint8Array(ethernetHeaderBytes + packet.length)
  frame.set(macToward(nextHop, type, neighbours), 0)
  frame.set(device.mac, macBytes)
  setU16(frame, 2 * macBytes, etherType[nextHop.family])
  frame.set(packet, ethernetHeaderBytes)
  return frame
}

function macToward(nextHop: Address, type: RouteType, neighbours: Neighbours): Uint8Array {
  if (type === 'BROADCAST') return everybody
  if (isMulticast(nextHop)) return groupMac(nextHop)
  const given = neighbours.size === 0 ? undefined : neighbours.get(printAddress(nextHop))
  return given ?? neighbourMac(nextHop)
}

const macBytes = 6
const ethernetHeaderBytes = 14

/** 01:00:5e and 23 bits (RFC 1112 section 6.4), or 33:33 and 32 bits (RFC 2464 section 7). */
function groupMac({ family, words }: Address): Uint8Array {
  const last = words.at(-1)!
  return family === 'ipv4'
    ? Uint8Array.of(1, 0, 0x5e, (last >>> 16) & 127, (last >>> 8) & 255, last & 255)
    : Uint8Array.of(0x33, 0x33, last >>> 24, (last >>> 16) & 255, (last >>> 8) & 255, last & 255)
}
