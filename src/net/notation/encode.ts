/** Packets of the notation to bytes. */
import * as encode from '../encode.ts'
import { ipProtocol } from '../protocol.ts'
import { type Checksum, type Extension, emptyBytes, type IpText, type PacketLine } from './line.ts'
import type { Transport } from './transport.ts'
import { transportByWord } from './transports.ts'
import { sameValue } from './values.ts'

/**
 * The IP packet that the line says.
 *
 * Preconditions: content.kind is not `frame`.
 */
export function encodePacketLine(line: PacketLine): Uint8Array {
  const { content } = line
  if (content.kind === 'frame')
    throw new Error('a line that gives a frame in hex has no IP packet of its own')
  return content.kind === 'raw' ? content.bytes : encodeIpText(content.packet)
}

/** The Ethernet frame that the line says; `macs` fill in what it leaves open. */
export function encodeFrameLine(
  line: PacketLine,
  macs: { readonly source: Uint8Array; readonly destination: Uint8Array },
): Uint8Array {
  if (line.content.kind === 'frame') return line.content.bytes
  const packet = encodePacketLine(line)
  return encode.encodeFrame(
    {
      source: line.sourceMac ?? macs.source,
      destination: line.destinationMac ?? macs.destination,
      etherType: packet[0]! >>> 4 === 6 ? 0x86dd : 0x0800,
      ...(line.vlan === null ? {} : { vlan: line.vlan }),
    },
    packet,
  )
}

/** The transport whose header the text describes; null where `payload` is all there is. */
export function headerTransport(text: Pick<IpText, 'protocol' | 'fragment'>): Transport | null {
  const isLaterFragment = text.fragment !== null && text.fragment.offset > 0
  return isLaterFragment || typeof text.protocol === 'number' ? null : transportByWord(text.protocol)
}

export const protocolNumber = ({ protocol }: Pick<IpText, 'protocol'>): number =>
  typeof protocol === 'number' ? protocol : transportByWord(protocol)!.number

/** What `badsum` writes: certainly not right, and not zero, which means "none" in UDP. */
export const badChecksum = (right: number): number => (right ^ 0x8000) >>> 0 || 0x4000

export function encodeIpText(text: IpText): Uint8Array {
  const whole = text.source.family === 'ipv4' ? encodeIpv4(text) : encodeIpv6(text)
  return text.cutBytes === null ? whole : whole.slice(0, text.cutBytes)
}

function encodeIpv4(text: IpText): Uint8Array {
  const bytes = encode.encodeIpv4(
    {
      ...text,
      protocol: protocolNumber(text),
      moreFragments: text.fragment?.more ?? false,
      fragmentOffset: text.fragment?.offset ?? 0,
    },
    encodeTransport(text),
  )
  overwriteChecksum(bytes, { at: 10, bytes: 2 }, text.headerChecksum)
  return bytes
}

const extensionNumber: Readonly<Record<Extension['kind'], number>> = {
  hop: ipProtocol.hopByHop,
  route: ipProtocol.routing,
  dst: ipProtocol.destination,
  ah: ipProtocol.ah,
  frag: ipProtocol.fragment,
}

function encodeIpv6(text: IpText): Uint8Array {
  let nextHeader = protocolNumber(text)
  let rest = encodeTransport(text)
  for (const extension of text.extensions.toReversed()) {
    rest = encodeExtension(text, extension, nextHeader, rest)
    nextHeader = extensionNumber[extension.kind]
  }
  const { source, destination, ttl, tos, flowLabel } = text
  return encode.encodeIpv6(
    { source, destination, nextHeader, hopLimit: ttl, trafficClass: tos, flowLabel },
    rest,
  )
}

function encodeExtension(
  text: IpText,
  extension: Extension,
  nextHeader: number,
  rest: Uint8Array,
): Uint8Array {
  switch (extension.kind) {
    case 'frag': {
      const { offset = 0, more = false } = text.fragment ?? {}
      return encode.encodeIpv6Fragment(
        { nextHeader, id: text.id, fragmentOffset: offset, moreFragments: more },
        rest,
      )
    }
    case 'ah': {
      const header = encode.concatBytes(
        Uint8Array.of(nextHeader, (extension.body.length + 2) / 4 - 2),
        extension.body,
      )
      return encode.concatBytes(header, rest)
    }
    default:
      return encode.encodeIpv6Extension(nextHeader, extension.body, rest)
  }
}

function encodeTransport(text: IpText): Uint8Array {
  const payload = text.quoted === null ? text.payload : encodeIpText(text.quoted)
  const transport = headerTransport(text)
  if (transport === null) return payload
  const bytes = transport.encode(text.fields, text, payload)
  if (transport.checksum !== null) overwriteChecksum(bytes, transport.checksum, text.transportChecksum)
  return bytes
}

function overwriteChecksum(
  bytes: Uint8Array,
  place: NonNullable<Transport['checksum']>,
  checksum: Checksum,
): void {
  if (checksum === 'right') return
  const value = checksum === 'bad' ? badChecksum(readChecksum(bytes, 0, place)) : checksum
  if (place.bytes === 4) encode.setU32(bytes, place.at, value)
  else encode.setU16(bytes, place.at, value)
}

/** The checksum field of the header at `header`. */
export function readChecksum(
  bytes: Uint8Array,
  header: number,
  place: NonNullable<Transport['checksum']>,
): number {
  const field = bytes.subarray(header + place.at, header + place.at + place.bytes)
  return field.reduce((value, octet) => value * 256 + octet, 0)
}

/** The same text without fields that only say the default. */
export function withoutDefaults(text: IpText): IpText {
  const transport = headerTransport(text)
  if (transport === null) return { ...text, fields: {} }
  const keys = transport.keys(text.fields, text.source.family)
  const told = Object.entries(text.fields).filter(([name, value]) => {
    const key = keys[name]
    return key === undefined || !sameValue(value, key.default)
  })
  return { ...text, fields: Object.fromEntries(told) }
}

/** What a line has where it says nothing. */
export const defaultLine = {
  mark: 0,
  sourceMac: null,
  destinationMac: null,
  vlan: null,
  uid: null,
  gid: null,
  circumstances: {},
} as const

/** What a packet has where its text says nothing. */
export const defaultText = {
  sourcePort: 0,
  destinationPort: 0,
  fields: {},
  transportChecksum: 'right',
  payload: emptyBytes,
  quoted: null,
  ttl: 64,
  id: 0,
  tos: 0,
  flowLabel: 0,
  dontFragment: false,
  fragment: null,
  options: emptyBytes,
  extensions: [],
  headerChecksum: 'right',
  cutBytes: null,
} as const satisfies Partial<IpText>

/** Bodies of extension headers where none is given. */
export const defaultBody: Readonly<Record<Extension['kind'], Uint8Array>> = {
  hop: Uint8Array.of(1, 4, 0, 0, 0, 0),
  dst: Uint8Array.of(1, 4, 0, 0, 0, 0),
  route: new Uint8Array(6),
  ah: new Uint8Array(22),
  frag: new Uint8Array(0),
}
