/** The transports that the notation has words for: one entry each in `transports`, found by word or number. */
import { encodeAh, encodeEsp, encodeGre, encodeUdp, encodeUdpLite } from '../encode.ts'
import * as gre from '../headers/gre.ts'
import { ah, esp } from '../headers/ipsec.ts'
import * as udp from '../headers/udp.ts'
import { ipProtocol } from '../protocol.ts'
import { icmp, icmp6 } from './icmp.ts'
import type { Fields } from './line.ts'
import { dccp, sctp } from './messages.ts'
import { tcp } from './tcp.ts'
import { absent, bothFamilies, numberOf, portsOf, type Transport } from './transport.ts'
import { number } from './values.ts'

const noDefaults = (): Fields => ({})

const udpTransport: Transport = {
  word: 'udp',
  number: ipProtocol.udp,
  families: bothFamilies,
  hasPorts: true,
  checksum: { at: 6, bytes: 2 },
  defaults: noDefaults,
  keys: () => ({ udplen: number(16, 'length in the UDP header, where it lies', absent) }),
  headerBytes: udp.headerBytes,
  encode: (fields, heading, payload) =>
    encodeUdp(
      { ...portsOf(heading), length: numberOf(fields, 'udplen', 8 + payload.length) },
      payload,
      heading,
    ),
  decode(packet, at, end) {
    const length = udp.length(packet, at)
    const fields = length === end + packet.missingBytes - at ? {} : { udplen: length }
    return { fields, payloadOffset: at + udp.headerBytes }
  },
}

const udpLite: Transport = {
  ...udpTransport,
  word: 'udplite',
  number: ipProtocol.udplite,
  keys: () => ({ coverage: number(16, 'bytes that the checksum covers, 0 for all') }),
  encode: (fields, heading, payload) =>
    encodeUdpLite({ ...portsOf(heading), length: numberOf(fields, 'coverage') }, payload, heading),
  decode: (packet, at) => ({
    fields: { coverage: udp.length(packet, at) },
    payloadOffset: at + udp.headerBytes,
  }),
}

const ahTransport: Transport = {
  word: 'ah',
  number: ipProtocol.ah,
  // In IPv6 it is an extension header: `ext=ah`.
  families: ['ipv4'],
  hasPorts: false,
  checksum: null,
  defaults: noDefaults,
  keys: () => ({
    spi: number(32, 'security parameters index', { hex: true }),
    seq: number(32, 'sequence number'),
    next: number(8, 'protocol of what follows'),
  }),
  headerBytes: 24,
  encode: (fields, _heading, payload) =>
    encodeAh(
      {
        nextHeader: numberOf(fields, 'next'),
        spi: numberOf(fields, 'spi'),
        sequence: numberOf(fields, 'seq'),
      },
      payload,
    ),
  decode: (packet, at) => ({
    fields: { spi: ah.spi(packet, at), seq: ah.sequence(packet, at), next: ah.nextHeader(packet, at) },
    payloadOffset: at + 24,
  }),
}

const espTransport: Transport = {
  word: 'esp',
  number: ipProtocol.esp,
  families: bothFamilies,
  hasPorts: false,
  checksum: null,
  defaults: noDefaults,
  keys: () => ({
    spi: number(32, 'security parameters index', { hex: true }),
    seq: number(32, 'sequence number'),
  }),
  headerBytes: esp.headerBytes,
  encode: (fields, _heading, payload) =>
    encodeEsp({ spi: numberOf(fields, 'spi'), sequence: numberOf(fields, 'seq') }, payload),
  decode: (packet, at) => ({
    fields: { spi: esp.spi(packet, at), seq: esp.sequence(packet, at) },
    payloadOffset: at + esp.headerBytes,
  }),
}

const greTransport: Transport = {
  word: 'gre',
  number: ipProtocol.gre,
  families: bothFamilies,
  hasPorts: false,
  checksum: null,
  defaults: noDefaults,
  keys: () => ({
    type: number(16, 'EtherType of what is carried', { hex: true, default: 0x0800 }),
    key: number(32, 'tunnel key', absent),
  }),
  headerBytes: gre.headerBytes,
  encode(fields, _heading, payload) {
    const key = fields.key === undefined ? {} : { key: numberOf(fields, 'key') }
    return encodeGre({ protocol: numberOf(fields, 'type', 0x0800), ...key }, payload)
  },
  decode(packet, at, end) {
    const hasKey = gre.hasKey(packet, at)
    if (hasKey && end < at + 8) return null
    const key = hasKey ? { key: gre.key(packet, at) } : {}
    return { fields: { type: gre.protocol(packet, at), ...key }, payloadOffset: at + (hasKey ? 8 : 4) }
  },
}

export const transports: readonly Transport[] = [
  ...[tcp, udpTransport, udpLite, icmp, icmp6],
  ...[sctp, dccp, ahTransport, espTransport, greTransport],
]

export const transportByWord = (word: string): Transport | null =>
  transports.find((transport) => transport.word === word) ?? null

export const transportByNumber = (protocol: number): Transport | null =>
  transports.find((transport) => transport.number === protocol) ?? null
