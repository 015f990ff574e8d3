/** The part of a line that says one IP packet: protocol, ends, words and keys, and a quoted packet in brackets. */
import { type Address, type Family, parseAddress } from '../address.ts'
import { concatBytes } from '../encode.ts'
import { defaultText, encodeIpText, headerTransport } from './encode.ts'
import { emptyBytes, type Fields, type IpText } from './line.ts'
import { ipKeyNames, readFragment, readIpFields, takeIpWords } from './parse-fields.ts'
import type { Transport } from './transport.ts'
import { transportByWord, transports } from './transports.ts'
import { number, parseNumber, parsePayload } from './values.ts'
import { Complaint, type Cursor, didYouMean, Given, type Item, type Word } from './words.ts'

/** The source port where none is said. */
export const defaultSourcePort = 40000

export const isProtocolWord = (text: string): boolean =>
  transportByWord(text) !== null || text === 'icmpv6' || /^(proto=)?\d+$/.test(text)

/** Reads up to the end or the closing bracket. What it does not know stays in `given`. */
export function readIpText(cursor: Cursor, base: IpText | null, given: Given): IpText {
  const protocolWord = cursor.peek
  const ends = { protocol: readProtocol(cursor, base), ...readEnds(cursor, base) }
  const family = commonFamily(ends.source, ends.destination)
  const protocol = protocolOf(ends.protocol, family, protocolWord)

  cursor.takeGiven(given)
  const bracket = cursor.peek
  const quoted = bracket?.text === '[' ? readQuoted(cursor) : null

  const words = takeIpWords(given)
  const kept =
    base === null ? {} : base.source.family !== family ? {} : base.protocol === protocol ? base : ipPart(base)
  const text: IpText = {
    ...defaultText,
    ...kept,
    source: ends.source.address,
    destination: ends.destination.address,
    protocol,
    fragment: readFragment(given, kept.fragment ?? null),
  }
  const transport = headerTransport(text)
  const ports = readPorts(transport, ends, base)
  const fields = readFields(given, transport, text)
  return readBody(
    given,
    readIpFields(given, { ...text, ...ports, fields }, words),
    transport,
    quoted,
    bracket,
  )
}

/** Keys that this packet may have, for suggestions. */
export function keyNames(text: IpText): string[] {
  const transport = headerTransport(text)
  return [...ipKeyNames, ...Object.keys(transport?.keys(text.fields, text.source.family) ?? {})]
}

/** What stays of a base when the protocol changes. */
function ipPart(base: IpText): Partial<IpText> {
  const { ttl, id, tos, flowLabel, dontFragment, fragment, options, extensions } = base
  return { ttl, id, tos, flowLabel, dontFragment, fragment, options, extensions }
}

function readProtocol(cursor: Cursor, base: IpText | null): string | number {
  const word = cursor.peek
  if (base !== null && (word === null || !isProtocolWord(word.text))) return base.protocol
  const { text } = cursor.take('the protocol')
  if (text === 'icmpv6') return 'icmp6'
  if (transportByWord(text) !== null) return text
  const numeric = /^(?:proto=)?(\d+)$/.exec(text)
  const value = numeric === null ? null : parseNumber(numeric[1]!, 8)
  if (typeof value === 'number') return value
  const names = transports.map((transport) => transport.word)
  const help = didYouMean(text, names) ?? `one of ${names.join(', ')}, or proto=NUMBER`
  throw new Complaint(word!, `"${text}" is no protocol`, help)
}

/** `icmp` between IPv6 addresses means ICMPv6; other protocols that the family lacks are refused. */
function protocolOf(protocol: string | number, family: Family, word: Word | null): string | number {
  if (typeof protocol === 'number') return protocol
  const transport = transportByWord(protocol)!
  if (transport.families.includes(family)) return protocol
  if (protocol === 'icmp') return 'icmp6'
  const help = protocol === 'ah' ? 'use ext=ah' : `use icmp, or proto=${transport.number}`
  throw new Complaint(word!, `${protocol} has no form in ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`, help)
}

// --- Ends

interface End {
  readonly address: Address
  readonly port: number | null
  readonly at: { readonly start: number; readonly end: number }
}

function readEnds(cursor: Cursor, base: IpText | null): { source: End; destination: End } {
  const known = (address: Address): End => ({ address, port: null, at: cursor.end })
  const isEnd = (word: Word | null): boolean => word !== null && /^[^=]*[.:][^=]*$/.test(word.text)
  const source =
    base !== null && !isEnd(cursor.peek)
      ? known(base.source)
      : readEnd(cursor, 'the source', base?.source ?? null)
  if (base !== null && cursor.peek?.text !== '>') return { source, destination: known(base.destination) }
  const arrow = cursor.take('> and the destination')
  if (arrow.text !== '>') {
    throw new Complaint(
      arrow,
      `expected > and the destination, found "${arrow.text}"`,
      'SOURCE > DESTINATION, with blanks',
    )
  }
  return { source, destination: readEnd(cursor, 'the destination', base?.destination ?? null) }
}

/** `A`, `A:PORT`, `[A6]:PORT`; `:PORT` where the address is known. */
function readEnd(cursor: Cursor, what: string, known: Address | null): End {
  const word = cursor.take(what)
  const { text } = word
  const bracketed = /^\[(.*)\](?::(.*))?$/.exec(text)
  const plain = /^([^:]*)(?::([^:]*))?$/.exec(text)
  const [, addressText = text, portText] = bracketed ?? plain ?? [text, text]
  const address = addressText === '' && known !== null ? known : parseAddress(addressText)
  if (address === null) {
    const help = text === '>' ? undefined : 'like 203.0.113.1:22 or [2001:db8::1]:22'
    throw new Complaint(word, `${what} is not an address: "${text}"`, help)
  }
  if (portText === undefined) return { address, port: null, at: word }
  const port = parseNumber(portText, 16)
  if (typeof port === 'number') return { address, port, at: word }
  throw new Complaint({ start: word.end - portText.length, end: word.end }, `port: ${port.wrong}`)
}

function commonFamily(source: End, destination: End): Family {
  const { family } = source.address
  if (family === destination.address.family) return family
  throw new Complaint(destination.at, 'the source and the destination are of different families')
}

function readPorts(
  transport: Transport | null,
  { source, destination }: { readonly source: End; readonly destination: End },
  base: IpText | null,
): Pick<IpText, 'sourcePort' | 'destinationPort'> {
  if (transport?.hasPorts) {
    const destinationPort = destination.port ?? (base?.destinationPort || null)
    if (destinationPort === null) {
      throw new Complaint(destination.at, `${transport.word} wants a destination port`, 'write ADDRESS:PORT')
    }
    return { sourcePort: source.port ?? (base?.sourcePort || defaultSourcePort), destinationPort }
  }
  const end = source.port === null ? destination : source
  if (end.port === null) return { sourcePort: 0, destinationPort: 0 }
  const why = transport === null ? 'a later fragment, or a protocol by number,' : transport.word
  throw new Complaint(end.at, `${why} has no ports`, 'leave the port out')
}

// --- The transport's own words and keys

function readFields(given: Given, transport: Transport | null, text: IpText): Fields {
  const { family } = text.source
  const bare = given.takeBare()
  if (transport === null) {
    const [word] = bare
    if (word === undefined) return {}
    throw new Complaint(
      word,
      `"${word.text}" means nothing here`,
      'there is no transport header: payload= gives the bytes',
    )
  }
  let fields: Record<string, number | Uint8Array> = { ...transport.defaults(family), ...text.fields }
  for (const word of bare) fields = { ...fields, ...readBareWord(word, transport, family) }
  for (const [name, key] of Object.entries(transport.selectors ?? {})) {
    const item = given.take(name)
    if (item !== null) fields[name] = item.parse(key)
  }
  for (const [name, key] of Object.entries(transport.keys(fields, family))) {
    const item = given.take(name)
    if (item !== null) fields[name] = item.parse(key)
  }
  return fields
}

function readBareWord(word: Word, transport: Transport, family: Family): Fields {
  const fields = transport.readWord?.(word.text, family) ?? null
  if (fields !== null) return fields
  const known = [...(transport.words?.(family) ?? []), 'df', 'badsum', 'badipsum']
  throw new Complaint(word, `"${word.text}" is no word of ${transport.word}`, didYouMean(word.text, known))
}

// --- Payload, length, quoted packet

function readQuoted(cursor: Cursor): IpText {
  cursor.take()
  const given = new Given()
  const text = readIpText(cursor, null, given)
  given.refuseRest(keyNames(text))
  const close = cursor.take('the closing ]')
  if (close.text !== ']') throw new Complaint(close, 'expected ]')
  return text
}

const lengthKey = number(17, 'bytes of the whole packet, from the IP header on')
const cutKey = number(17, 'only so many bytes of the packet are there')

/** Settles the payload, and what its length depends on. */
function readBody(
  given: Given,
  text: IpText,
  transport: Transport | null,
  quoted: IpText | null,
  bracket: Word | null,
) {
  if (quoted !== null && !(transport?.quotes?.(text.fields, text.source.family) ?? false)) {
    throw new Complaint(
      bracket!,
      'only ICMP errors quote a packet',
      'for example: icmp A > B port-unreachable [ ... ]',
    )
  }
  const payload = given.take('payload')
  const length = given.take('len')
  const cut = given.take('cut')
  if (payload !== null && quoted !== null)
    throw new Complaint(payload.word, 'the quoted packet is the payload')

  const body = { ...text, cutBytes: null, quoted: payload === null ? (quoted ?? text.quoted) : null }
  if (payload !== null) body.payload = readPayload(payload)
  else if (length !== null || quoted !== null) body.payload = emptyBytes
  checkLength(body, payload?.at ?? bracket)
  if (length !== null) body.payload = padPayload(body, length)
  return { ...body, cutBytes: cut === null ? text.cutBytes : readCut(body, cut) }
}

function readPayload(item: Item): Uint8Array {
  const bytes = parsePayload(item.value)
  if (bytes instanceof Uint8Array) return bytes
  throw new Complaint(item.at, bytes.wrong)
}

const mostBytes = (text: IpText): number => (text.source.family === 'ipv4' ? 65535 : 65575)

function checkLength(text: IpText, at: { readonly start: number; readonly end: number } | null): void {
  const bytes = encodeIpText(text).length
  if (at !== null && bytes > mostBytes(text)) {
    throw new Complaint(at, `the packet has ${bytes} bytes: ${mostBytes(text)} at most`)
  }
}

function padPayload(text: IpText, item: Item): Uint8Array {
  const wanted = item.parse(lengthKey) as number
  const needed = encodeIpText(text).length
  if (wanted < needed)
    throw new Complaint(item.at, `${wanted} is too short: headers and payload take ${needed} bytes`)
  if (mostBytes(text) < wanted)
    throw new Complaint(item.at, `${wanted} is too long: ${mostBytes(text)} at most`)
  if (text.quoted !== null && needed < wanted)
    throw new Complaint(item.at, `with the quoted packet it is ${needed}`)
  return concatBytes(text.payload, new Uint8Array(wanted - needed))
}

function readCut(text: IpText, item: Item): number {
  const bytes = item.parse(cutKey) as number
  const least = text.source.family === 'ipv4' ? 20 + text.options.length : 40
  const whole = encodeIpText(text).length
  if (least <= bytes && bytes < whole) return bytes
  throw new Complaint(
    item.at,
    `${bytes} cannot be: from the IP header, ${least}, to less than the whole packet, ${whole}`,
  )
}
