/** Link addresses of the hosts around: nobody waits for ARP or neighbour discovery. */
import type { Device, RouteType } from '../ext/context.ts'
import { type Address, addressOf, printAddress } from '../net/address.ts'
import { ByteArena } from '../net/byte-arena.ts'
import { setU16 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { etherType } from '../net/protocol.ts'
import { isMulticast } from './address-class.ts'
import { neighbourMac } from './config.ts'
import { everybody } from './link.ts'

/** By printed address. */
export type Neighbours = ReadonlyMap<string, Uint8Array>

/** IPv4 neighbours whose link addresses are remembered. */
const places = 1024

export class NeighbourLink {
  readonly #neighbours: Neighbours
  readonly #arena = new ByteArena()
  /** Of the last IPv4 neighbours, in places by address. */
  readonly #addresses = new Uint32Array(places)
  readonly #macs: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(places).fill(undefined)

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours
  }

  /** The frame in which a packet goes to its next hop. Source: arp_mc_map(), ndisc_mc_map(), ip_eth_mc_map(). */
  encode(packet: Uint8Array, nextHop: Address, type: RouteType, device: Device): Uint8Array {
    const frame = this.#arena.take(ethernetHeaderBytes + packet.length)
    writeMacs(frame, this.macToward(nextHop, type), device.mac)
    setU16(frame, 2 * macBytes, etherType[nextHop.family])
    frame.set(packet, ethernetHeaderBytes)
    return frame
  }

  macToward(nextHop: Address, type: RouteType): Uint8Array {
    if (type === 'BROADCAST') return everybody
    return nextHop.family === 'ipv4' ? this.#macOf(nextHop.words[0]!) : this.#find(nextHop)
  }

  /** As `macToward` the packet's own destination. */
  macTowardDestination(packet: Packet, type: RouteType): Uint8Array {
    if (type === 'BROADCAST') return everybody
    return packet.family === 'ipv4'
      ? this.#macOf(packet.u32(packet.destinationOffset))
      : this.#find(packet.destination)
  }

  #macOf(address: number): Uint8Array {
    const place = Math.imul(address, 0x9e3779b1) >>> 22
    const known = this.#macs[place]
    if (known !== undefined && this.#addresses[place] === address) return known
    const mac = this.#find(addressOf('ipv4', [address]))
    this.#addresses[place] = address
    this.#macs[place] = mac
    return mac
  }

  #find(nextHop: Address): Uint8Array {
    if (isMulticast(nextHop)) return groupMac(nextHop)
    const given = this.#neighbours.size === 0 ? undefined : this.#neighbours.get(printAddress(nextHop))
    return given ?? neighbourMac(nextHop)
  }
}

const macBytes = 6
const ethernetHeaderBytes = 14

/** Into the Ethernet header at the beginning of a frame. */
export function writeMacs(frame: Uint8Array, destination: Uint8Array, source: Uint8Array): void {
  for (let at = 0; at < macBytes; at++) {
    frame[at] = destination[at]!
    frame[macBytes + at] = source[at]!
  }
}

/** 01:00:5e and 23 bits (RFC 1112 section 6.4), or 33:33 and 32 bits (RFC 2464 section 7). */
function groupMac({ family, words }: Address): Uint8Array {
  const last = words.at(-1)!
  return family === 'ipv4'
    ? Uint8Array.of(1, 0, 0x5e, (last >>> 16) & 127, (last >>> 8) & 255, last & 255)
    : Uint8Array.of(0x33, 0x33, last >>> 24, (last >>> 16) & 255, (last >>> 8) & 255, last & 255)
}
