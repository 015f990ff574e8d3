/**
 * Header fields to bytes. Lengths and checksums are computed unless given; a field given is written as it is, even
 * when wrong, so tests can make absurd packets. Transport encoders that need a pseudo header take the addresses.
 *
 * Read first: RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792, RFC 4443.
 */
import type { Address } from './address.ts'
import { internetChecksum, onesComplementSum, sctpChecksum } from './checksum.ts'
import { ipProtocol } from './protocol.ts'

const nothing = new Uint8Array(0)

/** The arrays one behind the other, in a new one. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function setU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8
  bytes[offset + 1] = value
}

export function setU32(bytes: Uint8Array, offset: number, value: number): void {
  setU16(bytes, offset, value >>> 16)
  setU16(bytes, offset + 2, value)
}

/** Writes the 4 or 16 bytes of an address. */
export function setAddress(bytes: Uint8Array, offset: number, address: Address): void {
  for (const [index, word] of address.words.entries()) setU32(bytes, offset + 4 * index, word)
}

// --- Ethernet

export interface FrameFields {
  /** Six bytes each. */
  readonly destination: Uint8Array
  readonly source: Uint8Array
  readonly etherType: number
  /** Control words of VLAN tags, outermost first; all but the innermost get the service tag's type (802.1ad). */
  readonly vlan?: number | readonly number[]
}

/** An Ethernet frame, not padded to the 60 bytes that a wire wants. */
export function encodeFrame(fields: FrameFields, payload: Uint8Array): Uint8Array {
  const tags = fields.vlan === undefined ? [] : [fields.vlan].flat()
  const header = new Uint8Array(14 + 4 * tags.length)
  header.set(fields.destination, 0)
  header.set(fields.source, 6)
  for (const [index, tag] of tags.entries()) {
    setU16(header, 12 + 4 * index, index === tags.length - 1 ? 0x8100 : 0x88a8)
    setU16(header, 14 + 4 * index, tag)
  }
  setU16(header, header.length - 2, fields.etherType)
  return concatBytes(header, payload)
}

// --- IPv4

export interface Ipv4Fields {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  /** 64 by default. */
  readonly ttl?: number
  readonly id?: number
  readonly tos?: number
  readonly dontFragment?: boolean
  readonly moreFragments?: boolean
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number
  /** Padded with end-of-list bytes to a multiple of 4; at most 40. */
  readonly options?: Uint8Array
  readonly totalLength?: number
  readonly checksum?: number
}

export function encodeIpv4(fields: Ipv4Fields, payload: Uint8Array): Uint8Array {
  const headerLength = 20 + roundUp(fields.options?.length ?? 0, 4)
  const bytes = new Uint8Array(headerLength + payload.length)
  bytes[0] = 0x40 | (headerLength / 4)
  bytes[1] = fields.tos ?? 0
  setU16(bytes, 2, fields.totalLength ?? bytes.length)
  setU16(bytes, 4, fields.id ?? 0)
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0)
  setU16(bytes, 6, flags | (fields.fragmentOffset ?? 0))
  bytes[8] = fields.ttl ?? 64
  bytes[9] = fields.protocol
  setAddress(bytes, 12, fields.source)
  setAddress(bytes, 16, fields.destination)
  bytes.set(fields.options ?? nothing, 20)
  setU16(bytes, 10, fields.checksum ?? internetChecksum(bytes, 0, headerLength))
  bytes.set(payload, headerLength)
  return bytes
}

/** Computes the checksum of the IPv4 header at `offset` anew, after its fields were changed in place. */
export function refreshIpv4Checksum(bytes: Uint8Array, offset = 0): void {
  const end = offset + (bytes[offset]! & 15) * 4
  setU16(bytes, offset + 10, 0)
  setU16(bytes, offset + 10, internetChecksum(bytes, offset, end))
}

// --- IPv6

export interface Ipv6Fields {
  readonly source: Address
  readonly destination: Address
  /** The first next-header byte. */
  readonly nextHeader: number
  /** 64 by default. */
  readonly hopLimit?: number
  readonly trafficClass?: number
  readonly flowLabel?: number
  readonly payloadLength?: number
}

export function encodeIpv6(fields: Ipv6Fields, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length)
  setU32(bytes, 0, (0x60000000 | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0)) >>> 0)
  setU16(bytes, 4, fields.payloadLength ?? payload.length)
  bytes[6] = fields.nextHeader
  bytes[7] = fields.hopLimit ?? 64
  setAddress(bytes, 8, fields.source)
  setAddress(bytes, 24, fields.destination)
  bytes.set(payload, 40)
  return bytes
}

/** A hop-by-hop, destination or routing header: `body` is what follows its length byte, zero-padded (Pad1). */
export function encodeIpv6Extension(nextHeader: number, body: Uint8Array, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(roundUp(2 + body.length, 8))
  header[0] = nextHeader
  header[1] = header.length / 8 - 1
  header.set(body, 2)
  return concatBytes(header, payload)
}

export interface Ipv6FragmentFields {
  readonly nextHeader: number
  readonly id: number
  /** In units of 8 bytes. */
  readonly fragmentOffset: number
  readonly moreFragments: boolean
}

export function encodeIpv6Fragment(fields: Ipv6FragmentFields, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(8)
  header[0] = fields.nextHeader
  setU16(header, 2, (fields.fragmentOffset << 3) | (fields.moreFragments ? 1 : 0))
  setU32(header, 4, fields.id)
  return concatBytes(header, payload)
}

// --- Transports

/** Whose packet it is: for the pseudo header. */
export interface Ends {
  readonly source: Address
  readonly destination: Address
}

function withPseudoHeader(
  ends: Ends,
  protocol: number,
  bytes: Uint8Array,
  covered = bytes.length,
  length = bytes.length,
): number {
  let sum = protocol + (length >>> 16) + (length & 0xffff)
  for (const word of [...ends.source.words, ...ends.destination.words]) sum += (word >>> 16) + (word & 0xffff)
  return internetChecksum(bytes, 0, covered, sum)
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence?: number
  readonly acknowledgement?: number
  /** The flags byte: see `tcpFlag`. */
  readonly flags: number
  /** 65535 by default. */
  readonly window?: number
  readonly urgentPointer?: number
  /** Padded with end-of-list bytes to a multiple of 4; at most 40. */
  readonly options?: Uint8Array
  /** The four bits between data offset and flags. */
  readonly reserved?: number
  readonly checksum?: number
}

export function encodeTcp(fields: TcpFields, payload: Uint8Array, ends: Ends): Uint8Array {
  const headerLength = 20 + roundUp(fields.options?.length ?? 0, 4)
  const bytes = new Uint8Array(headerLength + payload.length)
  setU16(bytes, 0, fields.sourcePort)
  setU16(bytes, 2, fields.destinationPort)
  setU32(bytes, 4, fields.sequence ?? 0)
  setU32(bytes, 8, fields.acknowledgement ?? 0)
  bytes[12] = ((headerLength / 4) << 4) | (fields.reserved ?? 0)
  bytes[13] = fields.flags
  setU16(bytes, 14, fields.window ?? 65535)
  setU16(bytes, 18, fields.urgentPointer ?? 0)
  bytes.set(fields.options ?? nothing, 20)
  bytes.set(payload, headerLength)
  setU16(bytes, 16, fields.checksum ?? withPseudoHeader(ends, ipProtocol.tcp, bytes))
  return bytes
}

export interface UdpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  /** UDP: bytes of header and payload. UDP-Lite: bytes that the checksum covers, 0 for all. */
  readonly length?: number
  /** 0 means none (IPv4 only). */
  readonly checksum?: number
}

function encodeUdpHeader(fields: UdpFields, length: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length)
  setU16(bytes, 0, fields.sourcePort)
  setU16(bytes, 2, fields.destinationPort)
  setU16(bytes, 4, length)
  bytes.set(payload, 8)
  return bytes
}

export function encodeUdp(fields: UdpFields, payload: Uint8Array, ends: Ends): Uint8Array {
  const bytes = encodeUdpHeader(fields, fields.length ?? 8 + payload.length, payload)
  // A sum of zero is sent as all ones, because zero says "none" (RFC 768).
  setU16(bytes, 6, fields.checksum ?? (withPseudoHeader(ends, ipProtocol.udp, bytes) || 0xffff))
  return bytes
}

export function encodeUdpLite(fields: UdpFields, payload: Uint8Array, ends: Ends): Uint8Array {
  const coverage = fields.length ?? 0
  const bytes = encodeUdpHeader(fields, coverage, payload)
  const covered = coverage === 0 ? bytes.length : Math.min(coverage, bytes.length)
  setU16(bytes, 6, fields.checksum ?? (withPseudoHeader(ends, ipProtocol.udplite, bytes, covered) || 0xffff))
  return bytes
}

export interface IcmpFields {
  readonly type: number
  readonly code: number
  /** Bytes 4 to 7: id and sequence, MTU, gateway, pointer ... by type. */
  readonly rest?: number
  readonly checksum?: number
}

function encodeIcmpHeader(fields: IcmpFields, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length)
  bytes[0] = fields.type
  bytes[1] = fields.code
  setU32(bytes, 4, fields.rest ?? 0)
  bytes.set(payload, 8)
  return bytes
}

export function encodeIcmp(fields: IcmpFields, payload: Uint8Array): Uint8Array {
  const bytes = encodeIcmpHeader(fields, payload)
  setU16(bytes, 2, fields.checksum ?? internetChecksum(bytes, 0, bytes.length))
  return bytes
}

export function encodeIcmp6(fields: IcmpFields, payload: Uint8Array, ends: Ends): Uint8Array {
  const bytes = encodeIcmpHeader(fields, payload)
  setU16(bytes, 2, fields.checksum ?? withPseudoHeader(ends, ipProtocol.icmp6, bytes))
  return bytes
}

export interface SctpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly verificationTag?: number
  readonly checksum?: number
}

/** `chunks`: whole chunks, padded. */
export function encodeSctp(fields: SctpFields, chunks: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + chunks.length)
  setU16(bytes, 0, fields.sourcePort)
  setU16(bytes, 2, fields.destinationPort)
  setU32(bytes, 4, fields.verificationTag ?? 0)
  bytes.set(chunks, 12)
  setU32(bytes, 8, fields.checksum ?? sctpChecksum(bytes, 0, bytes.length))
  return bytes
}

export interface DccpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  /** 0 request to 9 syncack; see `dccpTypes`. */
  readonly type: number
  /** 48 bits. */
  readonly sequence?: number
  readonly checksum?: number
}

/** The generic header with long sequence numbers; `rest`: what the type adds, options and data, all covered. */
export function encodeDccp(
  fields: DccpFields,
  rest: Uint8Array,
  headerBytes: number,
  ends: Ends,
): Uint8Array {
  const bytes = new Uint8Array(16 + rest.length)
  const sequence = fields.sequence ?? 0
  setU16(bytes, 0, fields.sourcePort)
  setU16(bytes, 2, fields.destinationPort)
  bytes[4] = headerBytes / 4
  bytes[8] = (fields.type << 1) | 1
  setU16(bytes, 10, Math.floor(sequence / 2 ** 32))
  setU32(bytes, 12, sequence >>> 0)
  bytes.set(rest, 16)
  setU16(bytes, 6, fields.checksum ?? withPseudoHeader(ends, ipProtocol.dccp, bytes))
  return bytes
}

/** An AH header before `payload`; the integrity value is 12 zero bytes. Source: RFC 4302 section 2. */
export function encodeAh(
  fields: { readonly nextHeader: number; readonly spi: number; readonly sequence?: number },
  payload: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(24)
  header[0] = fields.nextHeader
  header[1] = header.length / 4 - 2
  setU32(header, 4, fields.spi)
  setU32(header, 8, fields.sequence ?? 0)
  return concatBytes(header, payload)
}

/** An ESP header; `payload` stands for the ciphertext. Source: RFC 4303 section 2. */
export function encodeEsp(
  fields: { readonly spi: number; readonly sequence?: number },
  payload: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(8)
  setU32(header, 0, fields.spi)
  setU32(header, 4, fields.sequence ?? 0)
  return concatBytes(header, payload)
}

/** A version 0 GRE header, with a key where one is given. Source: RFC 2784, RFC 2890. */
export function encodeGre(
  fields: { readonly protocol: number; readonly key?: number },
  payload: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(fields.key === undefined ? 4 : 8)
  if (fields.key !== undefined) {
    header[0] = 0x20
    setU32(header, 4, fields.key)
  }
  setU16(header, 2, fields.protocol)
  return concatBytes(header, payload)
}

/**
 * The value of a checksum field after 16-bit words that it covers changed from `before` to `after` (sums of the words,
 * as `onesComplementSum` gives). RFC 1624, equation 3.
 */
export function adjustChecksum(checksum: number, before: number, after: number): number {
  return ~onesComplementSum(nothing, 0, 0, (~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff
}

const roundUp = (length: number, unit: number): number => Math.ceil(length / unit) * unit
