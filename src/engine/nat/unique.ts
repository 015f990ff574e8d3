/**
 * Choosing what a connection shall look like from the other side: in the range that a rule gives, and unlike every other
 * connection.
 *
 * Kernel: get_unique_tuple() and what it calls, net/netfilter/nf_nat_core.c, Linux 6.18.
 */
import type { NatRange, Zone } from '../../ext/context.ts'
import type { Address } from '../../net/address.ts'
import { jhash2, swapBytes } from '../../net/jhash.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { TrackedConnection } from '../conntrack/connection.ts'
import { protocolOf, TupleKey, type TupleWords } from '../conntrack/tuple.ts'
import type { Manipulation } from './manipulate.ts'

/** What the choice must not collide with. */
export interface TakenTuples {
  /** Whether another connection's packets look like answers to this tuple. */
  isTaken(tuple: TupleKey, own: TrackedConnection): boolean
  /**
   * As `isTaken`, for a connection that keeps its looks: two that began at once in both directions do not count, as they
   * are told apart when they are confirmed.
   */
  isTakenUnchanged(tuple: TupleKey, own: TrackedConnection): boolean
  /** As `isTaken`; a closed TCP connection in the way is removed where the new one cannot be mixed up with it. */
  isTakenAfterEviction(tuple: TupleKey, own: TrackedConnection): boolean
  /** Connections that begin with the same source in the same zone, newest first. */
  withSource(tuple: TupleKey, zone: Zone): Iterable<TrackedConnection>
  /** 16 random bits; where they are a port in the range, the search begins with it. */
  random16(): number
}

/** Source: NF_NAT_MAX_ATTEMPTS, NF_NAT_HARDER_THRESH. */
const mostAttempts = 128
const evictionAttempts = mostAttempts / 4

/** Changes `tuple`, which is how the connection looks so far, into the choice. */
export function chooseTuple(
  tuple: TupleKey,
  range: NatRange,
  manipulation: Manipulation,
  own: TrackedConnection,
  taken: TakenTuples,
): void {
  const isRandom = range.random || range.randomFully
  if (manipulation === 'source' && !isRandom) {
    if (isInRange(tuple, range)) {
      if (!taken.isTakenUnchanged(tuple, own)) return
    } else if (takeOverMapping(tuple, range, own, taken)) return
  }
  chooseAddress(tuple, range, manipulation, own.zone.id)
  if (!isRandom) {
    if (range.ports === null) {
      if (!taken.isTaken(tuple, own)) return
    } else if (range.basePort === null && portIsInRange(tuple, range.ports, manipulation)) {
      if (range.ports.min === range.ports.max || !taken.isTaken(tuple, own)) return
    }
  }
  choosePort(tuple, range, manipulation, own, taken)
}

/** A source that is mapped already keeps its mapping for new destinations. Source: find_appropriate_src(). */
function takeOverMapping(
  tuple: TupleKey,
  range: NatRange,
  own: TrackedConnection,
  taken: TakenTuples,
): boolean {
  for (const other of taken.withSource(tuple, own.zone)) {
    const mapped = new TupleKey()
    mapped.copy(other.replyNode)
    mapped.invert()
    mapped.copyDestination(tuple)
    if (!isInRange(mapped, range)) continue
    // The first that fits decides, even if it is taken.
    if (taken.isTaken(mapped, own)) return false
    tuple.copy(mapped)
    return true
  }
  return false
}

function isInRange(tuple: TupleWords, { addresses, ports }: NatRange): boolean {
  if (addresses !== null && !isBetween(sourceWords(tuple), addresses.min, addresses.max)) return false
  return ports === null || portIsInRange(tuple, ports, 'source')
}

const sourceWords = ({ source, rest }: TupleWords): number[] => [source, ...rest.slice(0, rest.length / 2)]

function isBetween(words: readonly number[], min: Address, max: Address): boolean {
  return compare(words, min.words) >= 0 && compare(words, max.words) <= 0
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    const [left, right] = [a[at]! >>> 0, b[at]! >>> 0]
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

type PortRange = NonNullable<NatRange['ports']>

/** The part of a tuple that may be varied: a port, an ICMP id, a GRE key; null where there is none. */
function variablePart(tuple: TupleWords, manipulation: Manipulation): 'source' | 'destination' | null {
  switch (protocolOf(tuple)) {
    case ipProtocol.icmp:
    case ipProtocol.icmp6:
      return 'source'
    case ipProtocol.gre:
    case ipProtocol.tcp:
    case ipProtocol.udp:
    case ipProtocol.udplite:
    case ipProtocol.sctp:
      return manipulation
    default:
      return null
  }
}

const partOf = (tuple: TupleWords, part: 'source' | 'destination'): number =>
  part === 'source' ? tuple.ports >>> 16 : tuple.ports & 0xffff

function portIsInRange(tuple: TupleWords, { min, max }: PortRange, manipulation: Manipulation): boolean {
  const part = variablePart(tuple, manipulation)
  if (part === null) return true
  const port = partOf(tuple, part)
  return min <= port && port <= max
}

/**
 * One address of several is picked by a hash of both ends (of the source alone for `--persistent`), which has no seed:
 * the same client meets a server from the same address always.
 *
 * Source: find_best_ips_proto(). Words are hashed as a little-endian machine reads them.
 */
function chooseAddress(tuple: TupleKey, range: NatRange, manipulation: Manipulation, zone: number): void {
  if (range.addresses === null) return
  const { min, max } = range.addresses
  if (compare(min.words, max.words) === 0) {
    tuple.setAddress(manipulation, min.words)
    return
  }
  const source = [tuple.source, ...tuple.rest.slice(0, 3)].map(swapBytes)
  const destination = [tuple.destination, ...tuple.rest.slice(3)].map(swapBytes)
  const padded = [...source, 0, 0, 0].slice(0, 4)
  const last = destination[destination.length - 1]!
  let hash = jhash2(padded, range.persistent ? 0 : last ^ zone)
  let isBelow = false
  const words = min.words.map((lowest, at) => {
    const least = isBelow ? 0 : lowest
    const span = isBelow ? 0xffffffff : (max.words[at]! - lowest + 1) >>> 0
    const word = (least + scaleTo(hash, span)) >>> 0
    if (word !== max.words[at]!) isBelow = true
    // Where the destination is chosen, its new words stand there already.
    const mixed = manipulation === 'destination' ? swapBytes(word) : destination[at]!
    if (!range.persistent) hash = (hash ^ mixed) >>> 0
    return word
  })
  tuple.setAddress(manipulation, words)
}

/** Source: reciprocal_scale(). */
const scaleTo = (value: number, span: number): number => Number((BigInt(value) * BigInt(span)) >> 32n)

/** Source: nf_nat_l4proto_unique_tuple(). */
function choosePort(
  tuple: TupleKey,
  range: NatRange,
  manipulation: Manipulation,
  own: TrackedConnection,
  taken: TakenTuples,
): void {
  const protocol = protocolOf(tuple)
  const part = variablePart(tuple, manipulation)
  // GRE has keys to vary only where PPTP's helper made the connection.
  if (part === null || protocol === ipProtocol.gre) return
  const isIcmp = protocol === ipProtocol.icmp || protocol === ipProtocol.icmp6
  const current = partOf(tuple, part)
  if (range.ports === null && !isIcmp && manipulation === 'destination') return
  const { min, max } = range.ports ?? (isIcmp ? { min: 0, max: 65535 } : unprivilegedLike(current))
  const low = isIcmp ? min : Math.min(min, max)
  const size = isIcmp ? max - min + 1 : Math.abs(max - min) + 1

  const isRandom = range.random || range.randomFully
  let offset =
    range.basePort !== null
      ? (current - range.basePort) & 0xffff
      : isRandom || manipulation === 'source'
        ? (taken.random16() - low) & 0xffff
        : 0
  for (let attempts = Math.min(size, mostAttempts); ; attempts = Math.floor(attempts / 2)) {
    for (let attempt = 0; attempt < attempts; attempt++, offset = (offset + 1) & 0xffff) {
      tuple.setPort(part, (low + (offset % size)) & 0xffff)
      const mayEvict = attempts - attempt <= evictionAttempts
      if (!(mayEvict ? taken.isTakenAfterEviction(tuple, own) : taken.isTaken(tuple, own))) return
    }
    if (attempts >= size || attempts < 16) return
    offset = (taken.random16() - low) & 0xffff
  }
}

/** Ports stay in their class: below 512 (which once proved who asks), reserved, or free. */
function unprivilegedLike(port: number): PortRange {
  if (port < 512) return { min: 1, max: 511 }
  return port < 1024 ? { min: 600, max: 1023 } : { min: 1024, max: 65535 }
}
