/** Packets of the notation to text: canonical, so equal packets print alike. */
import { type Address, printAddress } from '../address.ts'
import { printCircumstances } from '../circumstances.ts'
import { printMac } from '../headers/ethernet.ts'
import { defaultBody, encodeIpText, headerTransport } from './encode.ts'
import type { Checksum, Extension, Fields, IpText, PacketLine } from './line.ts'
import { type Key, printHex, printPayload, sameBytes, sameValue } from './values.ts'

/** The canonical text of a line; `parsePacketLine` gives the same line back. */
export function printPacketLine(line: PacketLine): string {
  const attributes = [
    ...(line.mark === 0 ? [] : [`mark=0x${line.mark.toString(16)}`]),
    ...(line.sourceMac === null ? [] : [`mac=${printMac(line.sourceMac)}`]),
    ...(line.destinationMac === null ? [] : [`dmac=${printMac(line.destinationMac)}`]),
    ...(line.vlan === null ? [] : [`vlan=${line.vlan}`]),
    ...(line.uid === null ? [] : [`uid=${line.uid}`]),
    ...(line.gid === null ? [] : [`gid=${line.gid}`]),
    ...printCircumstances(line.circumstances),
  ]
  const { content } = line
  const words =
    content.kind === 'ip'
      ? printIpText(content.packet, attributes)
      : [content.kind, `hex=${printHex(content.bytes)}`, ...attributes]
  return [line.device ?? 'out', ...words].join(' ')
}

/** The words of one packet; `attributes` go before a quoted packet, which ends the line. */
function printIpText(text: IpText, attributes: readonly string[]): string[] {
  const { family } = text.source
  const transport = headerTransport(text)
  const ports = transport?.hasPorts ?? false
  const words = [
    typeof text.protocol === 'number' ? `proto=${text.protocol}` : text.protocol,
    printEnd(text.source, ports ? text.sourcePort : null),
    '>',
    printEnd(text.destination, ports ? text.destinationPort : null),
  ]
  if (transport !== null) {
    words.push(...(transport.printWords?.(text.fields, family) ?? []))
    words.push(...printFields(transport.keys(text.fields, family), text.fields))
  }
  const queryHasId = transport !== null && 'id' in transport.keys(text.fields, family)
  words.push(...printIpFields(text, queryHasId ? 'ipid' : 'id'))
  words.push(...printChecksum('sum', 'badsum', text.transportChecksum))
  words.push(...printBody(text), ...attributes)
  if (text.quoted !== null) words.push('[', ...printIpText(text.quoted, []), ']')
  return words
}

function printEnd(address: Address, port: number | null): string {
  const text = printAddress(address)
  if (port === null) return text
  return address.family === 'ipv4' ? `${text}:${port}` : `[${text}]:${port}`
}

function printFields(keys: Readonly<Record<string, Key>>, fields: Fields): string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const value = fields[name] ?? key.default
    return sameValue(value, key.default) ? [] : [`${name}=${key.print(value)}`]
  })
}

function printIpFields(text: IpText, idKey: string): string[] {
  const words: string[] = []
  if (text.ttl !== 64) words.push(`ttl=${text.ttl}`)
  if (text.id !== 0) words.push(`${idKey}=${text.id}`)
  if (text.tos !== 0) words.push(`tos=0x${text.tos.toString(16)}`)
  if (text.flowLabel !== 0) words.push(`flow=0x${text.flowLabel.toString(16)}`)
  if (text.dontFragment) words.push('df')
  if (text.fragment !== null) words.push(`frag=${text.fragment.offset}${text.fragment.more ? '+' : ''}`)
  if (text.options.length > 0) words.push(`opts=${printHex(text.options)}`)
  if (!hasPlainExtensions(text)) words.push(`ext=${text.extensions.map(printExtension).join(',')}`)
  words.push(...printChecksum('ipsum', 'badipsum', text.headerChecksum))
  return words
}

/** Whether the extensions are as without `ext=`: none but a fragment header. */
const hasPlainExtensions = ({ extensions }: IpText): boolean =>
  extensions.length === 0 || (extensions.length === 1 && extensions[0]!.kind === 'frag')

const printExtension = ({ kind, body }: Extension): string =>
  sameBytes(body, defaultBody[kind]) ? kind : `${kind}:${printHex(body)}`

function printChecksum(key: string, badWord: string, checksum: Checksum): string[] {
  if (checksum === 'right') return []
  return [checksum === 'bad' ? badWord : `${key}=0x${checksum.toString(16).padStart(4, '0')}`]
}

/** Trailing zeroes that are worth a `len=`. */
const manyZeroes = 8

function printBody(text: IpText): string[] {
  const { payload } = text
  const zeroes = payload.length - 1 - payload.findLastIndex((octet) => octet !== 0)
  const isPadded = zeroes > 0 && (zeroes === payload.length || zeroes >= manyZeroes)
  const shown = isPadded ? payload.subarray(0, payload.length - zeroes) : payload
  const words: string[] = []
  if (isPadded) words.push(`len=${encodeIpText({ ...text, cutBytes: null }).length}`)
  if (shown.length > 0) words.push(`payload=${printPayload(shown)}`)
  if (text.cutBytes !== null) words.push(`cut=${text.cutBytes}`)
  return words
}
