/**
 * Tuples: what a packet says about the connection it belongs to.
 *
 * Two classes hold the same words. `TupleKey` is a scratch pad that a packet is read into, without allocation;
 * `TupleNode` is one direction of a connection, copied from where the table keeps it. Words are signed 32-bit integers,
 * which the JavaScript engine keeps without boxing.
 * Kernel: nf_ct_get_tuple(), nf_ct_invert_tuple(), net/netfilter/nf_conntrack_core.c, Linux 6.18.
 */
import type { Tuple } from '../../ext/context.ts'
import { type Address, addressOf, type Family } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { extensionHeaderLength } from '../fragment-header.ts'
import type { TrackedConnection } from './connection.ts'
import { icmpInverse } from './icmp-types.ts'

/** What both classes have; `rest*` are the lower words of IPv6 addresses, 0 for IPv4. */
export interface TupleWords {
  readonly source: number
  readonly destination: number
  /** Source port (or ICMP id, or GRE key) * 65536 + destination port (or ICMP type * 256 + code). */
  readonly ports: number
  /** Protocol, family bit, zone: see `kindOf`. */
  readonly kind: number
  /** The other words of IPv6 addresses: three of the source, three of the destination. Empty for IPv4. */
  readonly rest: readonly number[]
}

const ipv6Bit = 1 << 8
const zoneShift = 16

/** Protocol in bits 0 to 7, family in bit 8, zone in bits 16 to 31. */
const kindOf = (family: Family, protocol: number, zone: number): number =>
  protocol | (family === 'ipv6' ? ipv6Bit : 0) | (zone << zoneShift)

export const isIpv6Kind = (kind: number): boolean => (kind & ipv6Bit) !== 0
export const familyOf = (tuple: TupleWords): Family => ((tuple.kind & ipv6Bit) === 0 ? 'ipv4' : 'ipv6')
export const protocolOf = (tuple: TupleWords): number => tuple.kind & 255
export const zoneOf = (tuple: TupleWords): number => tuple.kind >>> zoneShift
export const sourcePortOf = (tuple: TupleWords): number => tuple.ports >>> 16
export const destinationPortOf = (tuple: TupleWords): number => tuple.ports & 0xffff

export const noRest: readonly number[] = []

export function sameTuple(a: TupleWords, b: TupleWords): boolean {
  if (a.source !== b.source || a.destination !== b.destination || a.ports !== b.ports || a.kind !== b.kind)
    return false
  const { rest } = a
  for (let at = 0; at < rest.length; at++) if (rest[at] !== b.rest[at]) return false
  return true
}

/** As `sameTuple`, whatever zones they are in. */
export function looksSame(a: TupleWords, b: TupleWords): boolean {
  const { rest } = a
  return (
    a.source === b.source &&
    a.destination === b.destination &&
    a.ports === b.ports &&
    (a.kind & 0xffff) === (b.kind & 0xffff) &&
    rest.every((word, at) => word === b.rest[at])
  )
}

/** A 32-bit hash (signed). `seed` keeps senders from choosing packets that collide. */
export function hashTuple(tuple: TupleWords, seed: number): number {
  let hash = mix(mix(mix(mix(seed, tuple.source), tuple.destination), tuple.ports), tuple.kind)
  const { rest } = tuple
  for (let at = 0; at < rest.length; at++) hash = mix(hash, rest[at]!)
  return finish(hash)
}

/** Of source address and port, protocol and family: what a connection begins with. */
export function hashSource(tuple: TupleWords, seed: number): number {
  let hash = mix(mix(mix(seed, tuple.source), tuple.ports >>> 16), tuple.kind & 0xffff)
  for (let at = 0; at < tuple.rest.length / 2; at++) hash = mix(hash, tuple.rest[at]!)
  return finish(hash)
}

export function sameSource(a: TupleWords, b: TupleWords): boolean {
  if (a.source !== b.source || a.ports >>> 16 !== b.ports >>> 16 || (a.kind ^ b.kind) & 0xffff) return false
  for (let at = 0; at < a.rest.length / 2; at++) if (a.rest[at] !== b.rest[at]) return false
  return true
}

/** The finalizer of MurmurHash3. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** One round of MurmurHash3 (A. Appleby, public domain). */
function mix(hash: number, word: number): number {
  let scrambled = Math.imul(word, 0xcc9e2d51)
  scrambled = Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593)
  const mixed = hash ^ scrambled
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

/** Where a transport header stands, and of which protocol: the answer of `locateTransport`. */
export class TransportPlace {
  protocol = 0
  offset = 0
}

/**
 * Finds the transport header of the IP packet at `networkOffset`; false where conntrack gives up: a later fragment, a
 * header that is cut off, IPv6 without next header.
 *
 * Source: ipv4_get_l4proto(), ipv6_get_l4proto().
 */
export function locateTransport(
  place: TransportPlace,
  bytes: Uint8Array,
  family: Family,
  networkOffset: number,
  endOffset: number,
): boolean {
  if (family === 'ipv4') {
    if (networkOffset + 20 > endOffset) return false
    if ((bytes[networkOffset + 6]! & 0x1f) !== 0 || bytes[networkOffset + 7] !== 0) return false
    place.protocol = bytes[networkOffset + 9]!
    place.offset = networkOffset + (bytes[networkOffset]! & 15) * 4
    return place.offset <= endOffset
  }
  if (networkOffset + 40 > endOffset) return false
  let nextHeader = bytes[networkOffset + 6]!
  let offset = networkOffset + 40
  for (;;) {
    const length = extensionHeaderLength(bytes, nextHeader, offset, endOffset)
    if (length === null) break
    if (length < 0) return false
    if (nextHeader === ipProtocol.fragment) {
      if (offset + 4 > endOffset) return false
      if (bytes[offset + 2] !== 0 || (bytes[offset + 3]! & 0xf8) !== 0) return false
    }
    nextHeader = bytes[offset]!
    offset += length
  }
  place.protocol = nextHeader
  place.offset = offset
  return true
}

export class TupleKey implements TupleWords {
  source = 0
  destination = 0
  ports = 0
  kind = 0
  rest: number[] = []

  /**
   * Reads addresses, and ports where the protocol has them; false where the header is too short for them, or GRE
   * carries something else than PPP.
   */
  read(
    bytes: Uint8Array,
    family: Family,
    networkOffset: number,
    place: TransportPlace,
    endOffset: number,
    zone: number,
  ): boolean {
    const { protocol } = place
    this.kind = kindOf(family, protocol, zone)
    if (family === 'ipv4') {
      this.source = word(bytes, networkOffset + 12)
      this.destination = word(bytes, networkOffset + 16)
      // Writing the length costs, even where it is the same.
      if (this.rest.length > 0) this.rest.length = 0
    } else {
      this.source = word(bytes, networkOffset + 8)
      this.destination = word(bytes, networkOffset + 24)
      for (let at = 0; at < 3; at++) {
        this.rest[at] = word(bytes, networkOffset + 12 + 4 * at)
        this.rest[at + 3] = word(bytes, networkOffset + 28 + 4 * at)
      }
    }
    return this.#readPorts(bytes, place.offset, endOffset - place.offset, protocol)
  }

  #readPorts(bytes: Uint8Array, at: number, present: number, protocol: number): boolean {
    this.ports = 0
    switch (protocol) {
      case ipProtocol.tcp:
      case ipProtocol.udp:
      case ipProtocol.udplite:
      case ipProtocol.sctp:
        if (present < 4) return false
        this.ports = word(bytes, at)
        return true
      case ipProtocol.icmp:
      case ipProtocol.icmp6:
        if (present < 8) return false
        this.ports = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at]! << 8) | bytes[at + 1]!
        return true
      case ipProtocol.gre:
        return this.#readGre(bytes, at, present)
      default:
        return true
    }
  }

  /** Only version 1 (PPTP, RFC 2637) tells connections apart, by the call id. Source: gre_pkt_to_tuple(). */
  #readGre(bytes: Uint8Array, at: number, present: number): boolean {
    if (present < 4 || (bytes[at + 1]! & 7) !== 1) return true
    if (present < 8) return true
    if (((bytes[at + 2]! << 8) | bytes[at + 3]!) !== greProtocolPpp) return false
    this.ports = (bytes[at + 6]! << 8) | bytes[at + 7]!
    return true
  }

  setZone(id: number): void {
    this.kind = (this.kind & 0xffff) | (id << zoneShift)
  }

  copy(from: TupleWords): void {
    this.source = from.source
    this.destination = from.destination
    this.ports = from.ports
    this.kind = from.kind
    this.rest = from.rest.slice()
  }

  /** Takes over destination address and destination port. */
  copyDestination(from: TupleWords): void {
    this.destination = from.destination
    this.ports = (this.ports & ~0xffff) | (from.ports & 0xffff)
    for (let at = 3; at < this.rest.length; at++) this.rest[at] = from.rest[at]!
  }

  setAddress(end: 'source' | 'destination', words: readonly number[]): void {
    if (end === 'source') this.source = words[0]! | 0
    else this.destination = words[0]! | 0
    const offset = end === 'source' ? -1 : 2
    for (let at = 1; at < words.length; at++) this.rest[at + offset] = words[at]! | 0
  }

  setPort(end: 'source' | 'destination', port: number): void {
    this.ports =
      end === 'source' ? (port << 16) | (this.ports & 0xffff) : (this.ports & ~0xffff) | (port & 0xffff)
  }

  equals(other: TupleWords): boolean {
    return sameTuple(this, other)
  }

  /** Turns the direction round; false where there is no answer to such a packet (most ICMP types). */
  invert(): boolean {
    const protocol = protocolOf(this)
    if (protocol === ipProtocol.icmp || protocol === ipProtocol.icmp6) {
      const inverse = icmpInverse(protocol, (this.ports >>> 8) & 255)
      if (inverse === null) return false
      this.ports = (this.ports & ~0xff00) | (inverse << 8)
    } else {
      this.ports = (this.ports << 16) | (this.ports >>> 16)
    }
    const { source, rest } = this
    this.source = this.destination
    this.destination = source
    for (let at = 0; at < rest.length / 2; at++) {
      const swapped = rest[at]!
      rest[at] = rest[at + 3]!
      rest[at + 3] = swapped
    }
    return true
  }
}

/** GRE_PROTO_PPP. Source: include/linux/netfilter/nf_conntrack_proto_gre.h. */
const greProtocolPpp = 0x880b

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** One direction of a connection: a copy of its words. */
export class TupleNode implements TupleWords {
  readonly source: number
  readonly destination: number
  readonly ports: number
  readonly kind: number
  readonly rest: readonly number[]
  readonly connection: TrackedConnection
  readonly isReply: boolean

  /** Takes the words over; `rest` of a key that is still used is copied. */
  constructor(connection: TrackedConnection, words: TupleWords, isReply: boolean) {
    this.connection = connection
    this.source = words.source
    this.destination = words.destination
    this.ports = words.ports
    this.kind = words.kind
    if (words instanceof TupleKey) this.rest = words.rest.length === 0 ? noRest : words.rest.slice()
    else this.rest = words.rest
    this.isReply = isReply
  }

  /** Whether the address at `offset` in a packet is this direction's destination. */
  hasDestination(bytes: Uint8Array, offset: number): boolean {
    if (word(bytes, offset) !== this.destination) return false
    for (let at = 3; at < this.rest.length; at++) {
      if (word(bytes, offset + 4 * (at - 2)) !== this.rest[at]) return false
    }
    return true
  }
}

const addressOfWords = (family: Family, first: number, rest: readonly number[]): Address =>
  addressOf(family, [first, ...rest])

/** The tuple in the form in which extensions see it. Allocates. */
export function tupleOf(node: TupleWords): Tuple {
  const family = familyOf(node)
  return {
    source: addressOfWords(family, node.source, node.rest.slice(0, 3)),
    destination: addressOfWords(family, node.destination, node.rest.slice(3)),
    protocol: protocolOf(node),
    sourcePort: sourcePortOf(node),
    destinationPort: destinationPortOf(node),
  }
}
