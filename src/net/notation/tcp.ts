/** `tcp A:PORT > B:PORT syn-ack seq=1 ack=1 mss=1460 sackok ts=1:0 wscale=7` */
import { concatBytes, encodeTcp, setU16, setU32 } from '../encode.ts'
import * as header from '../headers/tcp.ts'
import type { Packet } from '../packet.ts'
import { ipProtocol } from '../protocol.ts'
import { emptyBytes, type Fields } from './line.ts'
import { absent, bothFamilies, bytesOf, numberOf, portsOf, type Transport } from './transport.ts'
import { hexBytes, type Key, number, parseNumber, sameBytes } from './values.ts'

/** In the order of their printing. */
const flagNames = ['syn', 'fin', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'] as const

function parseFlags(word: string): number | null {
  if (word === 'none') return 0
  let flags = 0
  for (const name of word.split('-')) {
    const bit = header.flag[name as header.FlagName]
    if (bit === undefined) return null
    flags |= bit
  }
  return flags
}

/** Flag names joined by `-`, or `none`. */
export const printTcpFlags = (flags: number): string =>
  flagNames.filter((name) => flags & header.flag[name]).join('-') || 'none'

const timestamps: Key = {
  doc: 'timestamp value and echo reply, VALUE:ECHO',
  default: emptyBytes,
  parse(text) {
    const parts = text.split(':').map((part) => parseNumber(part, 32))
    const [value, echo] = parts
    if (parts.length !== 2 || typeof value !== 'number' || typeof echo !== 'number') {
      return { wrong: `"${text}" is not VALUE:ECHO, two numbers of 32 bits` }
    }
    const bytes = new Uint8Array(8)
    setU32(bytes, 0, value)
    setU32(bytes, 4, echo)
    return bytes
  },
  print(value) {
    const view = new DataView(Uint8Array.from(value as Uint8Array).buffer)
    return `${view.getUint32(0)}:${view.getUint32(4)}`
  },
}

const keys = {
  seq: number(32, 'sequence number'),
  ack: number(32, 'acknowledgement number'),
  win: number(16, 'window', { default: 65535 }),
  urgp: number(16, 'urgent pointer'),
  res: number(4, 'reserved bits'),
  mss: number(16, 'option: maximum segment size', absent),
  ts: timestamps,
  wscale: number(8, 'option: window scale', absent),
  tcpopt: hexBytes(40, 4, 'options in hex, behind those with names'),
}

export const tcp: Transport = {
  word: 'tcp',
  number: ipProtocol.tcp,
  families: bothFamilies,
  hasPorts: true,
  checksum: { at: 16, bytes: 2 },
  defaults: () => ({ flags: header.flag.syn }),
  unknown: { flags: 0 },
  keys: () => keys,
  readWord(word) {
    if (word === 'sackok') return { sackok: 1 }
    const flags = parseFlags(word)
    return flags === null ? null : { flags }
  },
  words: () => [...flagNames, 'none', 'sackok', 'syn-ack', 'fin-ack', 'psh-ack', 'rst-ack'],
  printWords: (fields) => [
    printTcpFlags(numberOf(fields, 'flags')),
    ...(fields.sackok === undefined ? [] : ['sackok']),
  ],
  headerBytes: header.headerBytes,
  encode: (fields, heading, payload) =>
    encodeTcp(
      {
        ...portsOf(heading),
        sequence: numberOf(fields, 'seq'),
        acknowledgement: numberOf(fields, 'ack'),
        flags: numberOf(fields, 'flags'),
        window: numberOf(fields, 'win', 65535),
        urgentPointer: numberOf(fields, 'urgp'),
        reserved: numberOf(fields, 'res'),
        options: concatBytes(namedOptions(fields), bytesOf(fields, 'tcpopt')),
      },
      payload,
      heading,
    ),
  decode(packet, at, end) {
    const headerLength = header.headerLength(packet, at)
    if (headerLength < header.headerBytes || end < at + headerLength) return null
    const fields = {
      seq: header.sequence(packet, at),
      ack: header.acknowledgement(packet, at),
      flags: header.flags(packet, at),
      win: header.window(packet, at),
      urgp: header.urgentPointer(packet, at),
      res: header.reserved(packet, at),
      ...decodeOptions(packet, at + header.headerBytes, at + headerLength),
    }
    return { fields, payloadOffset: at + headerLength }
  },
}

/** Options with names, laid out and padded as Linux does. Source: tcp_options_write(), net/ipv4/tcp_output.c. */
function namedOptions(fields: Fields): Uint8Array {
  const parts: number[] = []
  const hasTimestamps = fields.ts !== undefined
  const sackOk = fields.sackok !== undefined
  if (fields.mss !== undefined) {
    const mss = new Uint8Array(2)
    setU16(mss, 0, numberOf(fields, 'mss'))
    parts.push(header.optionKind.mss, 4, ...mss)
  }
  if (hasTimestamps) {
    parts.push(...(sackOk ? [header.optionKind.sackPermitted, 2] : [1, 1]))
    parts.push(header.optionKind.timestamps, 10, ...bytesOf(fields, 'ts'))
  }
  if (fields.wscale !== undefined) {
    parts.push(1, header.optionKind.windowScale, 3, numberOf(fields, 'wscale'))
  }
  if (sackOk && !hasTimestamps) parts.push(1, 1, header.optionKind.sackPermitted, 2)
  return Uint8Array.from(parts)
}

/** By name where that gives the same bytes back, in hex otherwise. */
function decodeOptions(packet: Packet, start: number, end: number): Fields {
  const bytes = packet.bytes.slice(start, end)
  const named: Record<string, number | Uint8Array> = {}
  for (let option = start; option >= 0 && option < end; option = header.nextOption(packet, option, end)) {
    const next = header.nextOption(packet, option, end)
    if (next < 0) break
    const kind = packet.u8(option)
    if (kind === header.optionKind.mss && next === option + 4) named.mss = packet.u16(option + 2)
    if (kind === header.optionKind.windowScale && next === option + 3) named.wscale = packet.u8(option + 2)
    if (kind === header.optionKind.sackPermitted) named.sackok = 1
    if (kind === header.optionKind.timestamps && next === option + 10) {
      named.ts = packet.bytes.slice(option + 2, next)
    }
  }
  if (sameBytes(namedOptions(named), bytes)) return named
  return { tcpopt: bytes }
}
