/** `icmp A > B echo-request id=7 seq=1`, `icmp A > B port-unreachable [ udp B:53 > A:4000 ]`, `icmp A > B type=40 code=2` */
import type { Family } from '../address.ts'
import { encodeIcmp, encodeIcmp6 } from '../encode.ts'
import * as header from '../headers/icmp.ts'
import { ipProtocol } from '../protocol.ts'
import type { Fields } from './line.ts'
import { numberOf, type Transport } from './transport.ts'
import { ipv4Address, type Key, number } from './values.ts'

const selectors = {
  type: number(8, 'ICMP type', { default: -1 }),
  code: number(8, 'ICMP code', { default: -1 }),
}

/** How the four bytes behind the checksum are divided, by type: key, bits, and how far left it stands. */
interface Part {
  readonly name: string
  readonly key: Key
  readonly bits: number
  readonly shift: number
}

const query: readonly Part[] = [
  { name: 'id', key: number(16, 'id of the query'), bits: 16, shift: 16 },
  { name: 'seq', key: number(16, 'sequence number of the query'), bits: 16, shift: 0 },
]
const mtu16: readonly Part[] = [
  { name: 'mtu', key: number(16, 'largest packet that fits'), bits: 16, shift: 0 },
]
const mtu32: readonly Part[] = [
  { name: 'mtu', key: number(32, 'largest packet that fits'), bits: 32, shift: 0 },
]
const gateway: readonly Part[] = [
  { name: 'gateway', key: ipv4Address('the better gateway'), bits: 32, shift: 0 },
]
const pointer8: readonly Part[] = [
  { name: 'pointer', key: number(8, 'offset of the fault'), bits: 8, shift: 24 },
]
const pointer32: readonly Part[] = [
  { name: 'pointer', key: number(32, 'offset of the fault'), bits: 32, shift: 0 },
]
const opaque: readonly Part[] = [
  { name: 'rest', key: number(32, 'bytes 4 to 7', { hex: true }), bits: 32, shift: 0 },
]

function partsOf(family: Family, fields: Fields): readonly Part[] {
  const type = numberOf(fields, 'type')
  if (header.isQuery(family, type)) return query
  if (family === 'ipv6') return type === 2 ? mtu32 : type === 4 ? pointer32 : opaque
  if (type === 3 && numberOf(fields, 'code') === 4) return mtu16
  return type === 5 ? gateway : type === 12 ? pointer8 : opaque
}

function restOf(family: Family, fields: Fields): number {
  return partsOf(family, fields).reduce(
    (rest, { name, shift }) => rest + numberOf(fields, name) * 2 ** shift,
    0,
  )
}

function icmpTransport(word: string, family: Family, protocol: number): Transport {
  return {
    word,
    number: protocol,
    families: [family],
    hasPorts: false,
    checksum: { at: 2, bytes: 2 },
    defaults: () => ({ type: family === 'ipv4' ? 8 : 128, code: 0 }),
    selectors,
    keys: (fields) => Object.fromEntries(partsOf(family, fields).map(({ name, key }) => [name, key])),
    readWord(text) {
      const entry = header.findName(family, text)
      return entry === null || entry.name === 'any' ? null : { type: entry.type, code: entry.code ?? 0 }
    },
    words: () => header.namesOf(family).map(({ name }) => name),
    printWords(fields) {
      const type = numberOf(fields, 'type')
      const code = numberOf(fields, 'code')
      const name =
        header.nameOf(family, type, code) ??
        (code === 0 && type !== 255 ? header.nameOf(family, type, null) : null)
      return name === null ? [`type=${type}`, `code=${code}`] : [name]
    },
    quotes: (fields) => header.isError(family, numberOf(fields, 'type')),
    headerBytes: header.headerBytes,
    encode(fields, heading, payload) {
      const values = {
        type: numberOf(fields, 'type'),
        code: numberOf(fields, 'code'),
        rest: restOf(family, fields),
      }
      return family === 'ipv4' ? encodeIcmp(values, payload) : encodeIcmp6(values, payload, heading)
    },
    decode(packet, at) {
      const fields: Record<string, number> = { type: header.type(packet, at), code: header.code(packet, at) }
      const rest = header.rest(packet, at)
      for (const { name, bits, shift } of partsOf(family, fields)) {
        fields[name] = Math.floor(rest / 2 ** shift) % 2 ** bits
      }
      return { fields, payloadOffset: at + header.headerBytes }
    },
  }
}

export const icmp = icmpTransport('icmp', 'ipv4', ipProtocol.icmp)
export const icmp6 = icmpTransport('icmp6', 'ipv6', ipProtocol.icmp6)
