/** Link addresses of the hosts around: nobody waits for ARP or neighbour discovery. */
import type { Device, RouteType } from '../ext/context.ts'
import { type Address, printAddress } from '../net/address.ts'
import { encodeFrame } from '../net/encode.ts'
import { etherType } from '../net/protocol.ts'
import { isMulticast } from './address-class.ts'
import { neighbourMac } from './config.ts'

/** By printed address. */
export type Neighbours = ReadonlyMap<string, Uint8Array>

const everybody = new Uint8Array(6).fill(0xff)

/** The frame in which a packet goes to its next hop. Source: arp_mc_map(), ndisc_mc_map(), ip_eth_mc_map(). */
export function encodeToNeighbour(
  packet: Uint8Array,
  nextHop: Address,
  type: RouteType,
  device: Device,
  neighbours: Neighbours,
): Uint8Array {
  const { family } = nextHop
  const fields = { source: device.mac, etherType: etherType[family] }
  if (type === 'BROADCAST') return encodeFrame({ ...fields, destination: everybody }, packet)
  if (isMulticast(nextHop)) return encodeFrame({ ...fields, destination: groupMac(nextHop) }, packet)
  const destination = neighbours.get(printAddress(nextHop)) ?? neighbourMac(nextHop)
  return encodeFrame({ ...fields, destination }, packet)
}

/** 01:00:5e and 23 bits (RFC 1112 section 6.4), or 33:33 and 32 bits (RFC 2464 section 7). */
function groupMac({ family, words }: Address): Uint8Array {
  const last = words.at(-1)!
  return family === 'ipv4'
    ? Uint8Array.of(1, 0, 0x5e, (last >>> 16) & 127, (last >>> 8) & 255, last & 255)
    : Uint8Array.of(0x33, 0x33, last >>> 24, (last >>> 16) & 255, (last >>> 8) & 255, last & 255)
}
