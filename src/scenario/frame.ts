/** Puts a link header before an IP packet, as the last hop on the wire would have. */
import { type HostConfig, type InterfaceConfig, neighbourMac } from '../engine/config.ts'
import { type Address, lengthOfMask, prefixContains, printAddress } from '../net/address.ts'
import { decodeIp } from '../net/decode.ts'
import { encodeFrame } from '../net/encode.ts'
import { encodeFrameLine, encodePacketLine, type PacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { etherType } from '../net/protocol.ts'

export interface Macs {
  readonly source: Uint8Array
  readonly destination: Uint8Array
}

/** The frame that a line of the packet notation says; what it leaves open is as `macsFor` has it. */
export function frameOfLine(host: HostConfig, line: PacketLine): Uint8Array {
  if (line.content.kind === 'frame') return line.content.bytes
  return encodeFrameLine(line, macsFor(host, line.device!, encodePacketLine(line)))
}

/** The frame in which a bare IP packet arrives; `sourceMac` where it is known. */
export function frameOfPacket(
  host: HostConfig,
  device: string,
  packet: Uint8Array,
  sourceMac: Uint8Array | null,
): Uint8Array {
  const macs = macsFor(host, device, packet)
  const type = packet[0]! >>> 4 === 6 ? etherType.ipv6 : etherType.ipv4
  return encodeFrame({ ...macs, source: sourceMac ?? macs.source, etherType: type }, packet)
}

/**
 * The link addresses with which `packet` arrives on a device: to the device's MAC (or broadcast, or multicast, where
 * the IP destination is), from the MAC of the neighbour that stands on the way back to the source.
 */
function macsFor(host: HostConfig, deviceName: string, packet: Uint8Array): Macs {
  // Nobody configures lo: its own MAC and that of who sends there are zeros.
  if (deviceName === 'lo') return { source: new Uint8Array(6), destination: new Uint8Array(6) }
  const device = host.interfaces.find(({ name }) => name === deviceName)!
  const header = new Packet()
  decodeIp(header, packet)
  // What is no whole IP header names nobody.
  if (header.family === null || header.defect === 'ip-truncated') {
    return { source: Uint8Array.of(2, 0, 0, 0, 0xff, 0xff), destination: device.mac }
  }
  return {
    destination: linkDestination(device, header.destination),
    source: linkSource(host, device, header.source),
  }
}

/** RFC 1112 section 6.4 and RFC 2464 section 7 for multicast; all ones for IPv4 broadcast. */
function linkDestination(device: InterfaceConfig, address: Address): Uint8Array {
  const { family, words } = address
  const last = words[words.length - 1]!
  if (family === 'ipv6') {
    return words[0]! >>> 24 === 0xff
      ? Uint8Array.of(0x33, 0x33, last >>> 24, (last >>> 16) & 255, (last >>> 8) & 255, last & 255)
      : device.mac
  }
  if (last >>> 28 === 0xe)
    return Uint8Array.of(1, 0, 0x5e, (last >>> 16) & 127, (last >>> 8) & 255, last & 255)
  const isBroadcast =
    last === 0xffffffff ||
    device.addresses.some(
      (prefix) =>
        prefix.address.family === 'ipv4' && lengthOfMask(prefix.mask)! < 31 && last === broadcastOf(prefix),
    )
  return isBroadcast ? new Uint8Array(6).fill(255) : device.mac
}

const broadcastOf = ({ address, mask }: InterfaceConfig['addresses'][number]): number =>
  (address.words[0]! | ~mask.words[0]!) >>> 0

function linkSource(host: HostConfig, device: InterfaceConfig, source: Address): Uint8Array {
  const neighbour = device.addresses.some((prefix) => prefixContains(prefix, source))
    ? source
    : (gatewayTo(host, device, source) ?? source)
  return host.neighbours.get(printAddress(neighbour)) ?? neighbourMac(neighbour)
}

/** The gateway of the longest route to `source` whose gateway is on this device. */
function gatewayTo(host: HostConfig, device: InterfaceConfig, source: Address): Address | null {
  let best: { length: number; via: Address } | null = null
  for (const { to, via } of host.routes) {
    if (via === null || !prefixContains(to, source)) continue
    if (!device.addresses.some((prefix) => prefixContains(prefix, via))) continue
    const length = lengthOfMask(to.mask) ?? 0
    if (best === null || best.length < length) best = { length, via }
  }
  return best?.via ?? null
}
