/**
 * How many connections stand under a key: what `-m connlimit` counts.
 *
 * A list holds the tuples that were counted; whether their connections live is looked up when the next packet is. So a
 * connection that was dropped before it was confirmed counts until then.
 * Kernel: __nf_conncount_add(), __nf_conncount_gc_list(), count_tree(), net/netfilter/nf_conncount.c, Linux 6.18.
 */
import type { ConnectionCounter, Skb, Zone } from '../../ext/context.ts'
import { connectionStatus, type TrackedConnection, tickAt } from './connection.ts'
import type { TupleTable } from './table.ts'
import { TcpTrack } from './tcp.ts'
import { tcpState } from './tcp-states.ts'
import { locateTransport, looksSame, TransportPlace, TupleKey } from './tuple.ts'
import { defaultZone, zoneFor, zoneIdOf } from './zone.ts'

interface Counted {
  readonly tuple: TupleKey
  readonly zone: Zone
}

interface List {
  counted: Counted[]
  /** When it was last rid of what lives no more, and its length then. */
  cleanTick: number
  cleanLength: number
}

/** Entries that one look at a list may remove, and that may be added within one tick without a look. */
const mostCollected = 64
/** Lists that may be there, empty ones included, before others are looked at for each new one. */
const quietLists = 256

export class ConnectionCounts implements ConnectionCounter {
  readonly #table: TupleTable
  readonly #hz: number
  readonly #lists = new Map<string, List>()

  constructor(table: TupleTable, hz: number) {
    this.#table = table
    this.#hz = hz
  }

  count(key: string, skb: Skb, nowNs: bigint): number {
    const tick = tickAt(nowNs, this.#hz)
    const subject = this.#subjectOf(skb, tick)
    if (subject === null) return 0
    const list = this.#lists.get(key)
    if (list === undefined) {
      this.#makeRoom(tick)
      this.#lists.set(key, { counted: [subject], cleanTick: tick, cleanLength: 0 })
      return 1
    }
    if (this.#add(list, subject, tick) === 'old' && list.counted.length > 0) this.#clean(list, tick)
    return list.counted.length
  }

  /** The packet's connection, or the one it seems to belong to; null where it has no tuple. */
  #subjectOf(skb: Skb, tick: number): (Counted & { connection: TrackedConnection | null }) | null {
    const known = skb.conntrack?.connection ?? null
    if (known !== null && known.template === null) {
      const connection = known as TrackedConnection
      return { tuple: copyOf(connection.originalNode), zone: connection.zone, connection }
    }
    const { bytes, family, networkOffset, endOffset } = skb.packet
    const place = new TransportPlace()
    const tuple = new TupleKey()
    if (family === null || !locateTransport(place, bytes, family, networkOffset, endOffset)) return null
    if (!tuple.read(bytes, family, networkOffset, place, endOffset, 0)) return null
    const zone = known === null ? defaultZone : zoneFor(known.template, 0)
    return { tuple, zone, connection: this.#table.findIn(zone, copyOf(tuple), tick)?.connection ?? null }
  }

  /** `old` where the connection is assured, and hence taken for counted. */
  #add(
    list: List,
    { connection, tuple, zone }: Counted & { connection: TrackedConnection | null },
    tick: number,
  ): 'new' | 'there' | 'old' {
    const isConfirmed = connection?.has(connectionStatus.confirmed) ?? false
    if (isConfirmed && connection!.has(connectionStatus.assured)) return 'old'
    const isJustClean = tick === list.cleanTick && list.counted.length - list.cleanLength < mostCollected
    if (isConfirmed || !isJustClean) {
      const isThere = this.#collect(
        list,
        tick,
        (other, live) => looksSame(other.tuple, tuple) && zoneIdOf(live.zone, 0) === zoneIdOf(zone, 0),
      )
      if (isThere) return 'there'
      list.cleanTick = tick
      list.cleanLength = list.counted.length
    }
    list.counted.push({ tuple, zone })
    return 'new'
  }

  #clean(list: List, tick: number): void {
    if (tick === list.cleanTick) return
    this.#collect(list, tick, () => false)
    list.cleanTick = tick
    list.cleanLength = list.counted.length
  }

  /** Removes what lives no more, up to the entry that `stopsAt` and as far as one look goes. True where it stopped. */
  #collect(
    list: List,
    tick: number,
    stopsAt: (counted: Counted, live: TrackedConnection) => boolean,
  ): boolean {
    const kept: Counted[] = []
    const { counted } = list
    let collected = 0
    let at = 0
    let hasStopped = false
    for (; at < counted.length && !hasStopped && collected <= mostCollected; at++) {
      const each = counted[at]!
      const live = this.#table.findIn(each.zone, each.tuple, tick)?.connection
      hasStopped = live !== undefined && stopsAt(each, live)
      if (live === undefined || (!hasStopped && isClosed(live))) collected++
      else kept.push(each)
    }
    if (collected > 0) list.counted = [...kept, ...counted.slice(at)]
    return hasStopped
  }

  /** Lists of senders that are heard no more go, a few for each new one. */
  #makeRoom(tick: number): void {
    if (this.#lists.size < quietLists) return
    let looks = 8
    for (const [key, list] of this.#lists) {
      if (looks-- === 0) break
      this.#clean(list, tick)
      this.#lists.delete(key)
      if (list.counted.length > 0) this.#lists.set(key, list)
    }
  }
}

function copyOf(tuple: TupleKey | TrackedConnection['originalNode']): TupleKey {
  const copy = new TupleKey()
  copy.copy(tuple)
  return copy
}

const isClosed = ({ track }: TrackedConnection): boolean =>
  track instanceof TcpTrack && (track.state === tcpState.timeWait || track.state === tcpState.close)
