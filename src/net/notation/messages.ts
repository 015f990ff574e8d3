/** `sctp A:PORT > B:PORT chunks=init`, `dccp A:PORT > B:PORT request` */
import { concatBytes, encodeDccp, encodeSctp, setU16, setU32 } from '../encode.ts'
import * as dccpHeader from '../headers/dccp.ts'
import * as sctpHeader from '../headers/sctp.ts'
import type { Packet } from '../packet.ts'
import { ipProtocol } from '../protocol.ts'
import { emptyBytes } from './line.ts'
import { absent, bothFamilies, bytesOf, numberOf, portsOf, type Transport } from './transport.ts'
import { hexBytes, type Key, number, parseNumber, sameBytes } from './values.ts'

// --- SCTP

/** `init-ack` for iptables' INIT_ACK. */
const chunkWord = (name: string): string => name.toLowerCase().replaceAll('_', '-')
const chunkTypes = new Map(
  Object.entries(sctpHeader.chunkTypes).map(([name, type]) => [chunkWord(name), type]),
)
const chunkNames = new Map<number, string>([...chunkTypes].map(([name, type]) => [type, name]))

/** The value: type and flags of each chunk, two bytes. */
const chunks: Key = {
  doc: 'chunks by name or number, with flags behind a colon: init,data:3',
  default: emptyBytes,
  parse(text) {
    const bytes: number[] = []
    for (const item of text.split(',')) {
      const [name, flagText = '0', extra] = item.split(':')
      const type = chunkTypes.get(name!) ?? parseNumber(name!, 8)
      const flags = parseNumber(flagText, 8)
      if (typeof type !== 'number' || typeof flags !== 'number' || extra !== undefined) {
        return { wrong: `"${item}" is no chunk: ${[...chunkTypes.keys()].join(', ')}, or a number` }
      }
      bytes.push(type, flags)
    }
    return Uint8Array.from(bytes)
  },
  print(value) {
    const items: string[] = []
    const bytes = value as Uint8Array
    for (let at = 0; at < bytes.length; at += 2) {
      const name = chunkNames.get(bytes[at]!) ?? String(bytes[at])
      items.push(bytes[at + 1] === 0 ? name : `${name}:${bytes[at + 1]}`)
    }
    return items.join(',')
  },
}

/** Bare chunks: INIT and INIT_ACK with tag 1, a window of 65535 and a stream each way; others without a body. */
function encodeChunks(list: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < list.length; at += 2) {
    const type = list[at]!
    const opens = type === sctpHeader.chunkTypes.INIT || type === sctpHeader.chunkTypes.INIT_ACK
    const chunk = new Uint8Array(opens ? 20 : sctpHeader.chunkHeaderBytes)
    chunk[0] = type
    chunk[1] = list[at + 1]!
    setU16(chunk, 2, chunk.length)
    if (opens) {
      setU32(chunk, 4, 1)
      setU32(chunk, 8, 65535)
      setU32(chunk, 12, 0x00010001)
    }
    parts.push(chunk)
  }
  return concatBytes(...parts)
}

/** The list of chunks in [start, end), if `encodeChunks` gives just these bytes; else empty. */
function decodeChunks(packet: Packet, start: number, end: number): Uint8Array {
  const list: number[] = []
  if (start + sctpHeader.chunkHeaderBytes <= end) {
    for (let at = start; at >= 0; at = sctpHeader.nextChunk(packet, at, end)) {
      list.push(sctpHeader.chunkType(packet, at), sctpHeader.chunkFlags(packet, at))
    }
  }
  const bytes = Uint8Array.from(list)
  return sameBytes(encodeChunks(bytes), packet.bytes.slice(start, end)) ? bytes : emptyBytes
}

export const sctp: Transport = {
  word: 'sctp',
  number: ipProtocol.sctp,
  families: bothFamilies,
  hasPorts: true,
  checksum: { at: 8, bytes: 4 },
  defaults: () => ({}),
  keys: () => ({ tag: number(32, 'verification tag', { hex: true }), chunks }),
  headerBytes: sctpHeader.headerBytes,
  encode: (fields, heading, payload) =>
    encodeSctp(
      { ...portsOf(heading), verificationTag: numberOf(fields, 'tag') },
      concatBytes(encodeChunks(bytesOf(fields, 'chunks')), payload),
    ),
  decode(packet, at, end) {
    const list = decodeChunks(packet, at + sctpHeader.headerBytes, end)
    const payloadOffset = list.length > 0 ? end : at + sctpHeader.headerBytes
    return { fields: { tag: sctpHeader.verificationTag(packet, at), chunks: list }, payloadOffset }
  },
}

// --- DCCP

const typeWords = dccpHeader.typeNames.map((name) => name.toLowerCase())
const longHeaderBytes = 16

export const dccp: Transport = {
  word: 'dccp',
  number: ipProtocol.dccp,
  families: bothFamilies,
  hasPorts: true,
  checksum: { at: 6, bytes: 2 },
  defaults: () => ({ type: 0 }),
  selectors: { type: number(4, 'packet type by number', absent) },
  keys: () => ({
    seq: number(48, 'sequence number'),
    dccpopt: hexBytes(1008, 4, 'options in hex'),
  }),
  readWord(word) {
    const type = typeWords.indexOf(word)
    return type < 0 ? null : { type }
  },
  words: () => typeWords,
  printWords(fields) {
    const type = numberOf(fields, 'type')
    return [typeWords[type] ?? `type=${type}`]
  },
  headerBytes: longHeaderBytes,
  encode(fields, heading, payload) {
    const type = numberOf(fields, 'type')
    const rest = concatBytes(new Uint8Array(dccpHeader.typeBytes[type] ?? 0), bytesOf(fields, 'dccpopt'))
    const values = { ...portsOf(heading), type, sequence: numberOf(fields, 'seq') }
    return encodeDccp(values, concatBytes(rest, payload), longHeaderBytes + rest.length, heading)
  },
  decode(packet, at, end) {
    const type = dccpHeader.type(packet, at)
    const optionsStart = at + longHeaderBytes + (dccpHeader.typeBytes[type] ?? 0)
    const payloadOffset = at + dccpHeader.headerLength(packet, at)
    if (!dccpHeader.isLong(packet, at) || payloadOffset < optionsStart || end < payloadOffset) return null
    const dccpopt = packet.bytes.slice(optionsStart, payloadOffset)
    return { fields: { type, seq: dccpHeader.sequence(packet, at), dccpopt }, payloadOffset }
  },
}
