/**
 * Which tuples are in use, as translation asks: it must not make two connections look the same.
 *
 * Kernel: nf_conntrack_tuple_taken(), nf_conntrack_core.c; nf_nat_used_tuple_new(), nf_nat_used_tuple_harder(),
 * nf_nat_bysource, nf_nat_core.c; Linux 6.18.
 */
import type { Zone } from '../../ext/context.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import type { TupleTable } from './table.ts'
import { TcpTrack } from './tcp.ts'
import { tcpState } from './tcp-states.ts'
import { isBefore } from './tcp-window.ts'
import { looksSame, protocolOf, sameTuple, TupleKey, type TupleNode } from './tuple.ts'
import { zoneIdOf } from './zone.ts'

const translatedBits =
  connectionStatus.sourceNat | connectionStatus.destinationNat | connectionStatus.sequenceAdjust

const isTranslated = ({ status }: TrackedConnection): boolean => (status & translatedBits) !== 0

export class TakenTuples {
  readonly #table: TupleTable
  readonly #tick: number
  readonly #mayClash: (protocol: number) => boolean
  readonly #evict: (connection: TrackedConnection) => void
  readonly random16: () => number

  constructor(parts: {
    readonly table: TupleTable
    readonly tick: number
    mayClash(protocol: number): boolean
    evict(connection: TrackedConnection): void
    random16(): number
  }) {
    this.#table = parts.table
    this.#tick = parts.tick
    this.#mayClash = parts.mayClash
    this.#evict = parts.evict
    this.random16 = parts.random16
  }

  /** Whether another connection's packets look like answers to this tuple. */
  isTaken(tuple: TupleKey, own: TrackedConnection): boolean {
    const node = this.#answering(tuple, own)
    if (node === null || node.connection === own) return false
    return !sameTuple(node.connection.originalNode, own.originalNode)
  }

  /**
   * As `isTaken`, for a connection that keeps its looks: two that began at once in both directions do not count, as they
   * are told apart when they are confirmed.
   */
  isTakenUnchanged(tuple: TupleKey, own: TrackedConnection): boolean {
    if (!this.isTaken(tuple, own)) return false
    if (!this.#mayClash(protocolOf(tuple)) || isTranslated(own)) return true
    const node = this.#findIn(own.zone, tuple) ?? this.#findIn(own.zone, tuple, 'inverted')
    if (node === null) return false
    return isTranslated(node.connection) || !looksSame(node.connection.originalNode, own.replyNode)
  }

  /** As `isTaken`; a closed TCP connection in the way is removed where the new one cannot be mixed up with it. */
  isTakenAfterEviction(tuple: TupleKey, own: TrackedConnection): boolean {
    if (!(own.track instanceof TcpTrack) || own.track.state !== tcpState.synSent)
      return this.isTaken(tuple, own)
    const node = this.#answering(tuple, own)
    if (node === null) return false
    const old = node.connection
    const isEvictable =
      node.isReply &&
      old.track instanceof TcpTrack &&
      old.track.state >= tcpState.timeWait &&
      old.has(connectionStatus.sourceNat) &&
      !old.has(connectionStatus.fixedTimeout) &&
      isBefore(old.track.ends[0].end, own.track.ends[0].end)
    if (!isEvictable) return true
    this.#evict(old)
    return false
  }

  /** Connections that begin with the same source in the same zone, newest first. */
  withSource(tuple: TupleKey, zone: Zone): Iterable<TrackedConnection> {
    return this.#table.withSource(tuple, zone, this.#tick)
  }

  /** Looks where the answers of `own` are kept. Source: nf_conntrack_tuple_taken(). */
  #answering(tuple: TupleKey, { zone }: TrackedConnection): TupleNode | null {
    const reply = new TupleKey()
    reply.copy(tuple)
    if (!reply.invert()) return null
    const replyZone = zoneIdOf(zone, 1)
    reply.setZone(replyZone)
    return this.#table.find(reply, this.#tick, replyZone === zoneIdOf(zone, 0) ? 'any' : 'reply')
  }

  #findIn(zone: Zone, tuple: TupleKey, form: 'as-is' | 'inverted' = 'as-is'): TupleNode | null {
    const key = new TupleKey()
    key.copy(tuple)
    return form === 'inverted' && !key.invert() ? null : this.#table.findIn(zone, key, this.#tick)
  }
}
