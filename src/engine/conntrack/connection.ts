/** One tracked connection (`struct nf_conn`). */
import type { Connection, ConnectionCounters, Tuple, Zone } from '../../ext/context.ts'
import type { ProxiedConnection } from '../synproxy/proxied.ts'
import type { ConnectionHelp } from './helper.ts'
import type { SctpTrack } from './sctp.ts'
import type { SequenceOffsets } from './sequence.ts'
import type { TcpTrack } from './tcp.ts'
import { type TupleKey, TupleNode, type TupleWords, tupleOf } from './tuple.ts'
import { defaultZone, zoneIdOf } from './zone.ts'

/** IPS_* bits. Source: include/uapi/linux/netfilter/nf_conntrack_common.h. */
export const connectionStatus = {
  expected: 1 << 0,
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  sourceNat: 1 << 4,
  destinationNat: 1 << 5,
  sequenceAdjust: 1 << 6,
  sourceNatDone: 1 << 7,
  destinationNatDone: 1 << 8,
  dying: 1 << 9,
  fixedTimeout: 1 << 10,
  template: 1 << 11,
  natClash: 1 << 12,
  helper: 1 << 13,
} as const

/** What the protocol remembers: a record, or for UDP the tick until which it is no stream. */
export type ProtocolTrack = TcpTrack | SctpTrack | number

/** Where the tuples of a connection are kept. */
export interface TupleStore {
  /** A copy of one direction. */
  nodeOf(connection: TrackedConnection, way: 0 | 1): TupleNode
  /** The same, into a key. */
  copyTo(connection: TrackedConnection, way: 0 | 1, key: TupleKey): void
}

/** Those of a connection that is in no table: not yet, or no more. */
export class LooseTuples implements TupleStore {
  readonly #nodes: readonly [original: TupleNode, reply: TupleNode]

  constructor(original: TupleNode, reply: TupleNode) {
    this.#nodes = [original, reply]
  }

  nodeOf(_connection: TrackedConnection, way: 0 | 1): TupleNode {
    return this.#nodes[way]
  }

  copyTo(_connection: TrackedConnection, way: 0 | 1, key: TupleKey): void {
    key.copy(this.#nodes[way])
  }
}

const noTuples: TupleStore = { nodeOf: refuseTuples, copyTo: refuseTuples }

function refuseTuples(): never {
  throw new Error('the connection has no tuples yet')
}

export class TrackedConnection implements Connection {
  /** Set by the table that it goes into and out of. */
  tuples: TupleStore
  /** Its place in the table; -1 outside. */
  slot = -1
  /** Of the table: which of its packets asked for it last. */
  usedAt = 0
  status = 0
  mark = 0
  /** Before the connection is confirmed: ticks that it will live from then on. Afterwards: the tick it ends at. */
  timeout = 0
  track: ProtocolTrack = 0
  counters: ConnectionCounters | null = null
  labels: bigint | null = null
  readonly zone: Zone
  /** Index of the device whose address masquerading took; 0 for none. */
  masqueradeDevice = 0
  /** Where a rule attached a helper. */
  help: ConnectionHelp | null = null
  /** Null until the length of a segment was changed on the way, or a SYN proxy knows the numbers of both sides. */
  sequence: SequenceOffsets | null = null
  /** Where a SYN proxy opened it. */
  proxied: ProxiedConnection | null = null
  /** The connection that announced this one; it may be over. */
  master: TrackedConnection | null = null
  /** Counts up; listings follow it. */
  readonly serial: number
  readonly hz: number

  private constructor(serial: number, hz: number, zone: Zone, tuples: TupleStore) {
    this.serial = serial
    this.hz = hz
    this.zone = zone
    this.tuples = tuples
  }

  /** A new one. Preconditions: `key` holds the original tuple; afterwards it holds the reply. */
  static begin(key: TupleKey, serial: number, hz: number, zone: Zone = defaultZone): TrackedConnection {
    const connection = new TrackedConnection(serial, hz, zone, noTuples)
    key.setZone(zoneIdOf(zone, 0))
    const original = new TupleNode(connection, key, false)
    key.invert()
    key.setZone(zoneIdOf(zone, 1))
    connection.tuples = new LooseTuples(original, new TupleNode(connection, key, true))
    return connection
  }

  /** One that a table kept in its own way: see `Slab`. */
  static wake(serial: number, hz: number, tuples: TupleStore, slot: number): TrackedConnection {
    const connection = new TrackedConnection(serial, hz, defaultZone, tuples)
    connection.slot = slot
    return connection
  }

  get originalNode(): TupleNode {
    return this.tuples.nodeOf(this, 0)
  }

  get replyNode(): TupleNode {
    return this.tuples.nodeOf(this, 1)
  }

  /** Writes one direction into a key. */
  copyTuple(way: 0 | 1, key: TupleKey): void {
    this.tuples.copyTo(this, way, key)
  }

  /** How its answers will look. Preconditions: it is not in the table. */
  replaceReply(words: TupleWords): void {
    this.tuples = new LooseTuples(this.originalNode, new TupleNode(this, words, true))
  }

  /** It is no template: those are made by CT. */
  get template(): null {
    return null
  }

  get original(): Tuple {
    return tupleOf(this.originalNode)
  }

  get reply(): Tuple {
    return tupleOf(this.replyNode)
  }

  get helper(): string | null {
    return this.help?.helper.name ?? null
  }

  has(bits: number): boolean {
    return (this.status & bits) === bits
  }

  isExpired(tick: number): boolean {
    return this.timeout <= tick
  }

  /**
   * Whole seconds left, 0 when time is over, and 0 until the connection is confirmed: the kernel then takes the span
   * for a moment since it booted, which is past unless that was just now. Source: nf_ct_expires(), measured.
   */
  timeoutSeconds(nowNs: bigint): number {
    return this.has(connectionStatus.confirmed) ? this.secondsLeft(tickAt(nowNs, this.hz)) : 0
  }

  secondsLeft(tick: number): number {
    const ticks = this.has(connectionStatus.confirmed) ? this.timeout - tick : this.timeout
    return Math.max(0, Math.floor(ticks / this.hz))
  }
}

let tickBegins = 0n
let tickEnds = 0n
let lastHz = 0
let lastTick = 0

/** The timer tick of a moment. Many packets come within one, so the last answer is kept. */
export function tickAt(nowNs: bigint, hz: number): number {
  if (tickBegins <= nowNs && nowNs < tickEnds && hz === lastHz) return lastTick
  const perSecond = BigInt(hz)
  const tick = (nowNs * perSecond) / 1_000_000_000n
  lastHz = hz
  lastTick = Number(tick)
  // Of a tick that begins between two nanoseconds, the first whole one.
  tickBegins = nowNs < 0n ? nowNs : (tick * 1_000_000_000n + perSecond - 1n) / perSecond
  tickEnds = nowNs < 0n ? nowNs : ((tick + 1n) * 1_000_000_000n + perSecond - 1n) / perSecond
  return lastTick
}
