/** One tracked connection (`struct nf_conn`). */
import type { Connection, ConnectionCounters, Tuple, Zone } from '../../ext/context.ts'
import type { ConnectionHelp } from './helper.ts'
import type { SctpTrack } from './sctp.ts'
import type { TcpTrack } from './tcp.ts'
import { type TupleKey, TupleNode, tupleOf } from './tuple.ts'
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

export class TrackedConnection implements Connection {
  readonly originalNode: TupleNode
  replyNode: TupleNode
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
  /** The connection that announced this one; it may be over. */
  master: TrackedConnection | null = null
  /** Counts up; listings follow it. */
  readonly serial: number
  readonly hz: number

  /** Preconditions: `key` holds the original tuple; afterwards it holds the reply. */
  constructor(key: TupleKey, serial: number, hz: number, zone: Zone = defaultZone) {
    this.serial = serial
    this.hz = hz
    this.zone = zone
    key.setZone(zoneIdOf(zone, 0))
    this.originalNode = new TupleNode(this, key)
    key.invert()
    key.setZone(zoneIdOf(zone, 1))
    this.replyNode = new TupleNode(this, key)
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

/** The timer tick of a moment. */
export const tickAt = (nowNs: bigint, hz: number): number => Number((nowNs * BigInt(hz)) / 1_000_000_000n)
