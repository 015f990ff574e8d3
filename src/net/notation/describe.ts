/** Decoded packets to lines of the notation, exactly: what words cannot say is given in hex. */
import { decodeIp } from '../decode.ts'
import { Packet } from '../packet.ts'
import { ipProtocol } from '../protocol.ts'
import {
  badChecksum,
  defaultLine,
  defaultText,
  encodeIpText,
  headerTransport,
  readChecksum,
  withoutDefaults,
} from './encode.ts'
import {
  type Checksum,
  type Content,
  type Extension,
  emptyBytes,
  type IpText,
  type PacketLine,
} from './line.ts'
import type { Transport } from './transport.ts'
import { transportByNumber } from './transports.ts'
import { sameBytes } from './values.ts'

export interface DescribeOptions {
  readonly mark?: number
  /** Tells the MAC addresses and VLAN tag of the frame, too. */
  readonly link?: boolean
  /** Leaves the payload's bytes out, only its length stays: for people. The line then means a packet of zeroes. */
  readonly brief?: boolean
}

/**
 * The line of a decoded packet. It encodes to the same bytes, from the IP header to the end of the packet (or of the
 * capture); what follows as link padding is left out.
 */
export function describePacket(
  packet: Packet,
  device: string | null,
  options: DescribeOptions = {},
): PacketLine {
  const { bytes, linkOffset } = packet
  const tellsLink = (options.link ?? false) && linkOffset >= 0
  const content = describeContent(packet)
  return {
    ...defaultLine,
    device,
    mark: options.mark ?? 0,
    destinationMac: tellsLink ? bytes.slice(linkOffset, linkOffset + 6) : null,
    sourceMac: tellsLink ? bytes.slice(linkOffset + 6, linkOffset + 12) : null,
    vlan: tellsLink && packet.vlanTag >= 0 ? packet.vlanTag : null,
    content: options.brief && content.kind === 'ip' ? { kind: 'ip', packet: brief(content.packet) } : content,
  }
}

/** Of a wrong checksum only that it is wrong stays; of parts of a packet, whose checksum covers more, nothing. */
function brief(text: IpText): IpText {
  const isPart = text.cutBytes !== null || text.fragment !== null
  return {
    ...text,
    payload: new Uint8Array(text.payload.length),
    transportChecksum: isPart || text.transportChecksum === 'right' ? 'right' : 'bad',
    quoted: text.quoted && brief(text.quoted),
  }
}

function describeContent(packet: Packet): Content {
  if (packet.family === null && packet.linkOffset >= 0) {
    return { kind: 'frame', bytes: packet.bytes.slice(packet.linkOffset) }
  }
  const text = packet.family === null ? null : describeIp(packet)
  if (text !== null) return { kind: 'ip', packet: text }
  return { kind: 'raw', bytes: packet.bytes.slice(packet.networkOffset) }
}

/** Null where no words give these bytes. */
function describeIp(packet: Packet): IpText | null {
  if (packet.protocol < 0 || packet.transportOffset < 0) return null
  const present = packet.bytes.slice(packet.networkOffset, packet.endOffset)
  const cutBytes = packet.missingBytes > 0 ? present.length : null
  const transport = transportByNumber(packet.protocol)
  const whole = new Packet()
  decodeIp(whole, completed(packet, present, transport))
  if (whole.transportOffset < 0 || whole.endOffset < whole.transportOffset) return null

  const base = describeHeader(whole, cutBytes)
  if (base === null) return null
  for (const text of [describeTransport(whole, base, transport), describeBare(whole, base)]) {
    const exact = text && settleChecksums(text, whole)
    if (exact && sameBytes(encodeIpText(exact), present)) return withoutDefaults(exact)
  }
  return null
}

/**
 * A packet that was cut, filled up to its full length: a header that was cut gets the values that stand for "unknown", the
 * rest is zero.
 */
function completed(packet: Packet, present: Uint8Array, transport: Transport | null): Uint8Array {
  if (packet.missingBytes === 0) return present
  const bytes = new Uint8Array(present.length + packet.missingBytes)
  const header = packet.transportOffset - packet.networkOffset
  if (transport !== null && header + transport.headerBytes <= bytes.length) {
    const { source, destination } = packet
    const fields = { ...transport.defaults(source.family), ...transport.unknown }
    const heading = { source, destination, sourcePort: 0, destinationPort: 0 }
    const blank = transport.encode(fields, heading, emptyBytes)
    bytes.set(blank.subarray(0, transport.headerBytes), header)
  }
  bytes.set(present)
  return bytes
}

/** The IP header; null for extension headers that lead beyond the packet. */
function describeHeader(packet: Packet, cutBytes: number | null): IpText | null {
  const isIpv4 = packet.family === 'ipv4'
  const extensions = isIpv4 ? [] : describeExtensions(packet)
  if (extensions === null) return null
  const { source, destination, ttl, id, tos, flowLabel, dontFragment } = packet
  const isFragment = packet.isFragment || packet.fragmentHeaderOffset >= 0
  return {
    ...defaultText,
    ...{ source, destination, ttl, id, tos, flowLabel, dontFragment, extensions, cutBytes },
    protocol: packet.protocol,
    fragment: isFragment ? { offset: packet.fragmentOffset, more: packet.moreFragments } : null,
    options: isIpv4
      ? packet.bytes.slice(packet.networkOffset + 20, packet.networkOffset + packet.networkHeaderLength)
      : emptyBytes,
  }
}

const extensionKind: Readonly<Record<number, Extension['kind']>> = {
  [ipProtocol.hopByHop]: 'hop',
  [ipProtocol.routing]: 'route',
  [ipProtocol.destination]: 'dst',
  [ipProtocol.ah]: 'ah',
  [ipProtocol.fragment]: 'frag',
}

function describeExtensions(packet: Packet): Extension[] | null {
  const extensions: Extension[] = []
  let nextHeader = packet.nextHeader
  let at = packet.networkOffset + packet.networkHeaderLength
  while (at < packet.transportOffset) {
    const kind = extensionKind[nextHeader]
    if (kind === undefined) return null
    const length = packet.u8(at + 1)
    const end = at + (kind === 'frag' ? 8 : kind === 'ah' ? (length + 2) * 4 : (length + 1) * 8)
    if (packet.endOffset < end) return null
    extensions.push({ kind, body: kind === 'frag' ? emptyBytes : packet.bytes.slice(at + 2, end) })
    nextHeader = packet.u8(at)
    at = end
  }
  return extensions
}

/** All that follows the IP headers as payload. */
const describeBare = (packet: Packet, base: IpText): IpText => ({
  ...base,
  payload: packet.bytes.slice(packet.transportOffset, packet.endOffset),
})

function describeTransport(packet: Packet, base: IpText, transport: Transport | null): IpText | null {
  if (transport === null || !transport.families.includes(base.source.family)) return null
  const named = { ...base, protocol: transport.word }
  const at = packet.transportOffset
  if (packet.fragmentOffset > 0) return describeBare(packet, named)
  if (packet.transportLength < transport.headerBytes) return null
  const found = transport.decode(packet, at, packet.endOffset)
  if (found === null) return null
  const payload = packet.bytes.slice(found.payloadOffset, packet.endOffset)
  const quotes = transport.quotes?.(found.fields, base.source.family) ?? false
  const quoted = quotes ? describeQuoted(payload) : null
  return {
    ...named,
    sourcePort: transport.hasPorts ? packet.u16(at) : 0,
    destinationPort: transport.hasPorts ? packet.u16(at + 2) : 0,
    fields: found.fields,
    payload: quoted === null ? payload : emptyBytes,
    quoted,
  }
}

/** The packet that an ICMP error quotes, often cut; null where the bytes are not just that. */
function describeQuoted(bytes: Uint8Array): IpText | null {
  const packet = new Packet()
  decodeIp(packet, bytes, 0, -1, Number.MAX_SAFE_INTEGER)
  const text = packet.family === null || packet.endOffset !== bytes.length ? null : describeIp(packet)
  return text !== null && sameBytes(encodeIpText(text), bytes) ? text : null
}

/** The same packet with its checksums said as they are in `packet`; null where the lengths differ. */
function settleChecksums(text: IpText, packet: Packet): IpText | null {
  const right = encodeIpText({ ...text, cutBytes: null })
  const { bytes } = packet
  if (right.length !== packet.endOffset) return null
  const compare = (header: number, place: NonNullable<Transport['checksum']>): Checksum => {
    const isCut = text.cutBytes !== null && text.cutBytes < header + place.at + place.bytes
    const actual = readChecksum(bytes, header, place)
    const expected = readChecksum(right, header, place)
    if (isCut || actual === expected) return 'right'
    return actual === badChecksum(expected) ? 'bad' : actual
  }
  const place = headerTransport(text)?.checksum ?? null
  return {
    ...text,
    headerChecksum: packet.family === 'ipv4' ? compare(0, { at: 10, bytes: 2 }) : 'right',
    transportChecksum: place === null ? 'right' : compare(packet.transportOffset, place),
  }
}
