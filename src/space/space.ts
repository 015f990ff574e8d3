/**
 * Sets of packets and their algebra.
 *
 * A packet, for this room, is a point: a value for each field below. Fields that a packet lacks (ports of an
 * ICMP packet, the header of a later fragment) are told by the presence flags, never by a value.
 */
import type { Family } from '../net/address.ts'

/** Fields and their widths in bits. */
export const fieldBits = {
  protocol: 8,
  source: 128,
  destination: 128,
  sourcePort: 16,
  destinationPort: 16,
  tcpFlags: 8,
  /** ICMP or ICMPv6 type. */
  icmpType: 8,
  icmpCode: 8,
  ttl: 8,
  tos: 8,
  totalLength: 17,
  mark: 32,
  fragmentOffset: 13,
  moreFragments: 1,
  sourceMac: 48,
} as const
export type FieldName = keyof typeof fieldBits

/** Bits of a field in one family: an IPv4 address takes 32 of its 128. */
export const widthOf = (field: FieldName, family: Family): number =>
  family === 'ipv4' && (field === 'source' || field === 'destination') ? 32 : fieldBits[field]

/** A set of packets of one space; immutable. Operations on sets of different spaces throw. */
export interface PacketSet {
  and(other: PacketSet): PacketSet
  or(other: PacketSet): PacketSet
  not(): PacketSet
  /** Members of this set that the other lacks. */
  minus(other: PacketSet): PacketSet
  /** Whether the other holds every member of this set. */
  within(other: PacketSet): boolean
  has(point: Point): boolean
  isEmpty(): boolean
  equals(other: PacketSet): boolean
  /** Some member, or null when empty. */
  witness(): Point | null
}

/** What is certainly matched and what may be; the same set where the packet alone decides. */
export interface Bounds {
  readonly must: PacketSet
  readonly may: PacketSet
}

/**
 * Values of the fields (bigint where wider than 32 bits) and of free propositions: anything else that a match may
 * ask (`ctstate=NEW`, `in=eth0`, `tcp header present`), by name. Missing fields are 0, missing propositions false.
 */
export interface Point {
  readonly fields: Readonly<Partial<Record<FieldName, bigint>>>
  readonly facts: ReadonlySet<string>
}

export interface PacketSpace {
  readonly family: Family
  readonly all: PacketSet
  readonly none: PacketSet
  /** Names of the propositions asked so far, in the order of first use. */
  readonly facts: readonly string[]
  /** Nodes that all sets of this space take together; they live as long as the space. */
  readonly nodeCount: number
  /** Packets whose field, ANDed with `mask` (all ones when left out), equals `value`. */
  equal(field: FieldName, value: bigint, mask?: bigint): PacketSet
  /** Packets whose field lies in [low, high]. */
  between(field: FieldName, low: bigint, high: bigint): PacketSet
  /** Packets for which a named proposition holds. */
  fact(name: string): PacketSet
}

/** Bounds that coincide. */
export const exactly = (set: PacketSet): Bounds => ({ must: set, may: set })
