/** Packets for the tests of this room. */
import { type Address, parseAddress } from '../address.ts'
import { decodeFrame, decodeIp } from '../decode.ts'
import * as encode from '../encode.ts'
import { Packet } from '../packet.ts'
import { ipProtocol } from '../protocol.ts'

export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (octet) => Number.parseInt(octet, 16))

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('')

export const v4 = { source: parseAddress('198.51.100.7')!, destination: parseAddress('203.0.113.1')! }
export const v6 = { source: parseAddress('2001:db8::7')!, destination: parseAddress('2001:db8:1::1')! }

export function decoded(bytes: Uint8Array): Packet {
  const packet = new Packet()
  decodeIp(packet, bytes)
  return packet
}

export function decodedFrame(bytes: Uint8Array): Packet {
  const packet = new Packet()
  decodeFrame(packet, bytes)
  return packet
}

type Ends = { readonly source: Address; readonly destination: Address }

/** A plain IP header before a transport. */
export const wrap = (ends: Ends, protocol: number, transport: Uint8Array): Uint8Array =>
  ends.source.family === 'ipv4'
    ? encode.encodeIpv4({ ...ends, protocol }, transport)
    : encode.encodeIpv6({ ...ends, nextHeader: protocol }, transport)

/** One packet of each protocol that has a checksum, with a payload of odd length. */
export function wrappedTransports(ends: Ends) {
  const ports = { sourcePort: 4000, destinationPort: 22 }
  const payload = fromHex('68656c6c6f')
  const icmp = { type: 8, code: 0, rest: 0x00070001 }
  const chunk = fromHex('03000010 00000001 0000ffff 00000000')
  return [
    { name: 'TCP', protocol: ipProtocol.tcp, bytes: encode.encodeTcp({ ...ports, flags: 2 }, payload, ends) },
    { name: 'UDP', protocol: ipProtocol.udp, bytes: encode.encodeUdp(ports, payload, ends) },
    { name: 'UDP-Lite', protocol: ipProtocol.udplite, bytes: encode.encodeUdpLite(ports, payload, ends) },
    {
      name: 'UDP-Lite with coverage 8',
      protocol: ipProtocol.udplite,
      bytes: encode.encodeUdpLite({ ...ports, length: 8 }, payload, ends),
    },
    { name: 'SCTP', protocol: ipProtocol.sctp, bytes: encode.encodeSctp(ports, chunk) },
    {
      name: 'DCCP',
      protocol: ipProtocol.dccp,
      bytes: encode.encodeDccp({ ...ports, type: 0, sequence: 5 }, fromHex('00000001'), 20, ends),
    },
    ends.source.family === 'ipv4'
      ? { name: 'ICMP', protocol: ipProtocol.icmp, bytes: encode.encodeIcmp(icmp, payload) }
      : { name: 'ICMPv6', protocol: ipProtocol.icmp6, bytes: encode.encodeIcmp6(icmp, payload, ends) },
  ]
}
