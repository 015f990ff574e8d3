/**
 * Connection tracking: which packets belong together, and what state their connection is in.
 *
 * A packet meets `in` at PREROUTING or OUTPUT (priority -200). If it begins a connection, that stays unconfirmed, known
 * to the packet alone, until `confirm` at the end of INPUT or POSTROUTING puts it into the table; a packet that is
 * dropped on the way leaves nothing behind.
 * Kernel: nf_conntrack_in(), __nf_conntrack_confirm(), net/netfilter/nf_conntrack_core.c, Linux 6.18.
 */
import type {
  ConnectionCounter,
  ConnectionTemplate,
  ConntrackState,
  Skb,
  TrackingServices,
} from '../../ext/context.ts'
import type { Hook } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import { netfilterChecksumOk } from '../../net/checksum.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { ProxiedConnection } from '../synproxy/proxied.ts'
import { connectionStatus, TrackedConnection, tickAt } from './connection.ts'
import { ConnectionCounts } from './count.ts'
import { Expectations } from './expectation.ts'
import { ConnectionHelp } from './helper.ts'
import { highestIcmpType, icmp6IsUntracked, icmpIsError } from './icmp-types.ts'
import { checksChecksum, type PacketAtHook } from './protocol.ts'
import type { ConntrackSettings } from './settings.ts'
import { TupleTable } from './table.ts'
import { TakenTuples } from './taken.ts'
import { closeTcp, TcpTrack } from './tcp.ts'
import { tcpState } from './tcp-states.ts'
import { canMerge, mayClash, trackerOf } from './trackers.ts'
import { familyOf, locateTransport, protocolOf, TransportPlace, TupleKey, type TupleNode } from './tuple.ts'
import { zoneFor, zoneIdOf } from './zone.ts'

/** What conntrack notes on a packet. */
export interface ConntrackInfo {
  readonly state: ConntrackState
  readonly isReply: boolean
  readonly connection: TrackedConnection | null
}

export const invalidInfo: ConntrackInfo = { state: 'INVALID', isReply: false, connection: null }
export const untrackedInfo: ConntrackInfo = { state: 'UNTRACKED', isReply: false, connection: null }
/**
 * Of what the host answers to an untracked packet: a direction without a connection. It looks INVALID, but is taken for
 * seen already: CT leaves it alone, and an error that belongs to nothing keeps it, even by way of `lo`.
 */
export const directionAlone: ConntrackInfo = { state: 'INVALID', isReply: false, connection: null }

/** Buckets in which the kernel looks for a connection to sacrifice. Source: NF_CT_EVICTION_RANGE. */
const evictionRange = 8

/** Places of the table looked at for ended connections while one packet is dealt with, and where it is full. */
const sweepPlaces = 8
const fullSweepPlaces = 2048

export class Conntrack implements PacketAtHook, TrackingServices {
  readonly settings: ConntrackSettings
  readonly expectations: Expectations
  readonly #table: TupleTable
  readonly #key = new TupleKey()
  readonly #place = new TransportPlace()
  #nextSerial = 1
  /** Connections in the table, ended ones included until they are swept. */
  #count = 0
  #countsTraffic: boolean
  /** Rules that speak of labels. */
  #labelUsers = 0

  // The packet at hand, for the trackers.
  packet!: Packet
  family: Family = 'ipv4'
  transportOffset = 0
  direction: 0 | 1 = 0
  mark = 0
  verifiesChecksum = false
  tick = 0

  /** `seed` decides which tuples fall together. */
  constructor(settings: ConntrackSettings, seed: number) {
    this.settings = settings
    this.expectations = new Expectations(settings.numbers.expect_max)
    this.#table = new TupleTable(seed, settings.hz)
    this.#countsTraffic = settings.numbers.acct !== 0
  }

  // --- What rules need

  countTraffic(): void {
    this.#countsTraffic = true
  }

  useLabels(): void {
    this.#labelUsers++
  }

  releaseLabels(): void {
    this.#labelUsers--
  }

  newCounter(): ConnectionCounter {
    return new ConnectionCounts(this.#table, this.settings.hz)
  }

  // --- Packets

  /** Connections in the table, as `nf_conntrack_count` says. */
  get count(): number {
    return this.#count
  }

  /**
   * Finds or begins the packet's connection and notes it on the packet. `drop` only where the table is full.
   *
   * Packets that have their connection already (they come back by `lo`) and those that shall not be tracked pass; what
   * CT asked for is taken from the packet.
   * Preconditions: the packet is whole.
   */
  in(skb: Skb, hook: Hook, nowNs: bigint, tick = tickAt(nowNs, this.settings.hz)): 'accept' | 'drop' {
    if (skb.untracked) skb.conntrack = untrackedInfo
    const template = skb.conntrack?.connection?.template ?? null
    const isAttached = skb.conntrack === directionAlone
    if (skb.conntrack !== null && template === null && !isAttached) return 'accept'
    const { packet } = skb
    const { family } = packet
    skb.conntrack = invalidInfo
    if (family === null) return 'accept'
    this.#takeUp(skb, family, hook === 'PREROUTING', tick)
    const place = this.#place
    const { bytes, networkOffset, endOffset } = packet
    if (!locateTransport(place, bytes, family, networkOffset, endOffset)) return 'accept'
    this.transportOffset = place.offset
    if (place.protocol === (family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6)) {
      const info = this.#judgeIcmp(place.protocol, template)
      if (info === untrackedInfo) skb.untracked = true
      if (info !== null) {
        skb.conntrack = info === invalidInfo && isAttached ? directionAlone : info
        return 'accept'
      }
    }
    return this.#follow(skb, template, nowNs, null)
  }

  /**
   * As `in`, for a received packet of a flow: a whole one of TCP or UDP, decoded, of which nothing is known yet. `known` is what
   * was noted on an earlier packet of the same tuple; the very same is noted on this one, where it still holds.
   */
  inAgain(skb: Skb, known: ConntrackInfo, nowNs: bigint, tick: number): 'accept' | 'drop' {
    const { packet } = skb
    skb.conntrack = invalidInfo
    this.#takeUp(skb, packet.family!, true, tick)
    this.transportOffset = packet.transportOffset
    this.#place.protocol = packet.protocol
    this.#place.offset = packet.transportOffset
    const isFound = this.#table.findAgain(known.connection!, tick)
    this.direction = known.isReply ? 1 : 0
    return this.#follow(skb, null, nowNs, isFound ? known : null)
  }

  #takeUp(skb: Skb, family: Family, verifiesChecksum: boolean, tick: number): void {
    this.packet = skb.packet
    this.family = family
    this.mark = skb.mark
    this.tick = tick
    this.verifiesChecksum = verifiesChecksum
    this.#table.turn()
    const ended = this.#table.sweep(sweepPlaces, tick)
    for (let at = 0; at < ended.length; at++) this.#end(ended[at]!)
  }

  /** Finds the packet's connection, unless it is known already, and has its protocol judge it. */
  #follow(
    skb: Skb,
    template: ConnectionTemplate | null,
    nowNs: bigint,
    known: ConntrackInfo | null,
  ): 'accept' | 'drop' {
    const { protocol } = this.#place
    let hint = known
    for (;;) {
      const found = hint === null ? this.#resolve(template, nowNs) : hint.connection!
      if (found === null) return 'accept'
      if (found === 'full') {
        skb.conntrack = null
        return 'drop'
      }
      const connection = found
      const isReply = this.direction === 1
      const wasAnswered = connection.has(connectionStatus.seenReply)
      const verdict = trackerOf(protocol)(connection, this, this.settings)
      if (verdict === 'repeat') {
        this.#end(connection)
        hint = null
        continue
      }
      if (verdict === 'invalid') return 'accept'
      const isExpected = connection.has(connectionStatus.expected)
      const state = isReply || wasAnswered ? 'ESTABLISHED' : isExpected ? 'RELATED' : 'NEW'
      if (isReply) connection.status |= connectionStatus.seenReply
      skb.conntrack = hint?.state === state ? hint : { state, isReply, connection }
      return 'accept'
    }
  }

  /**
   * Puts the packet's connection into the table if it begins one; the last thing at INPUT and POSTROUTING.
   *
   * `drop` where another connection took the tuple meanwhile, and it is not the same.
   */
  confirm(skb: Skb, nowNs: bigint, tick = tickAt(nowNs, this.settings.hz)): 'accept' | 'drop' {
    const info = skb.conntrack as ConntrackInfo | null
    const connection = info?.connection ?? null
    if (connection === null || info!.isReply || connection.has(connectionStatus.confirmed)) return 'accept'
    if (connection.has(connectionStatus.dying)) return 'drop'
    const { originalNode, replyNode, zone } = connection
    const isOneZone = zoneIdOf(zone, 0) === zoneIdOf(zone, 1)
    const rival =
      this.#table.find(originalNode, tick, isOneZone ? 'any' : 'original') ??
      this.#table.find(replyNode, tick, isOneZone ? 'any' : 'reply')
    if (rival !== null) {
      if (connection.help !== null) this.expectations.removeOf(connection)
      return this.#yieldTo(rival, skb, info!, tick)
    }
    connection.timeout += tick
    this.#table.insert(connection)
    connection.status |= connectionStatus.confirmed
    this.#count++
    return 'accept'
  }

  /** For translation. `random16` gives 16 random bits. */
  takenTuples(nowNs: bigint, random16: () => number): TakenTuples {
    return new TakenTuples({
      table: this.#table,
      tick: tickAt(nowNs, this.settings.hz),
      mayClash,
      evict: (connection) => this.#end(connection),
      random16,
    })
  }

  /** Ends the connection of a packet that must go no further. Source: nf_ct_kill(). */
  endConnection(skb: Skb): void {
    const connection = (skb.conntrack as ConntrackInfo | null)?.connection ?? null
    if (connection !== null) this.#end(connection)
  }

  /**
   * Notes on a packet that the host sends in answer to another that it belongs to the other's connection, against its
   * direction. REJECT does so with its resets. Source: nf_conntrack_attach().
   */
  attach(answer: Skb, cause: Skb): void {
    const info = cause.conntrack as ConntrackInfo | null
    if (cause.untracked) answer.conntrack = directionAlone
    if (info === null || info.connection === null) return
    answer.conntrack = { state: 'RELATED', isReply: !info.isReply, connection: info.connection }
  }

  /** The host resets the packet's TCP connection. Source: nf_ct_set_closing(). */
  close(skb: Skb, nowNs: bigint): void {
    const connection = (skb.conntrack as ConntrackInfo | null)?.connection ?? null
    if (connection === null || protocolOf(connection.originalNode) !== ipProtocol.tcp) return
    closeTcp(connection, tickAt(nowNs, this.settings.hz), this.settings)
  }

  /**
   * Tracking of a family begins again after a while in which no rule wanted it: what was known of the windows of open
   * TCP connections is no longer true. Source: nf_ct_tcp_fixup(), net/netfilter/nf_conntrack_proto.c.
   */
  resume(family: Family): void {
    for (const { track, originalNode } of this.#table.connections()) {
      if (familyOf(originalNode) !== family || !(track instanceof TcpTrack)) continue
      if (track.state !== tcpState.established) continue
      for (const end of track.ends) end.maxWindow = 0
    }
  }

  /** The connections that live, in the order of their beginning. */
  list(nowNs: bigint): TrackedConnection[] {
    const tick = tickAt(nowNs, this.settings.hz)
    return [...this.#table.connections()]
      .filter((connection) => !connection.isExpired(tick))
      .sort((a, b) => a.serial - b.serial)
  }

  refresh(connection: TrackedConnection, ticks: number): void {
    if (!connection.has(connectionStatus.fixedTimeout)) {
      connection.timeout = connection.has(connectionStatus.confirmed) ? this.tick + ticks : ticks
    }
    this.#account(connection)
  }

  kill(connection: TrackedConnection): void {
    this.#account(connection)
    this.#end(connection)
  }

  #account(connection: TrackedConnection): void {
    const { counters } = connection
    if (counters === null) return
    counters.packets[this.direction]++
    counters.bytes[this.direction] += this.packet.endOffset - this.packet.networkOffset
  }

  #end(connection: TrackedConnection): void {
    if (connection.has(connectionStatus.dying)) return
    connection.status |= connectionStatus.dying
    if (connection.help !== null) this.expectations.removeOf(connection)
    if (!connection.has(connectionStatus.confirmed)) return
    this.#table.remove(connection)
    this.#count--
  }

  /** The packet's connection, a new one if there is none, and its direction; null where the packet can begin none. */
  #resolve(template: ConnectionTemplate | null, nowNs: bigint): TrackedConnection | null | 'full' {
    const { packet, family } = this
    const key = this.#key
    if (!key.read(packet.bytes, family, packet.networkOffset, this.#place, packet.endOffset, 0)) return null
    const zone = zoneFor(template, this.mark)
    const known = this.#table.findConnectionIn(zone, key, this.tick)
    this.direction = known !== null && this.#table.foundReply ? 1 : 0
    if (known !== null) return known
    if (!key.invert()) return null
    key.invert()
    key.setZone(zoneIdOf(zone, 0))
    const { max } = this.settings.numbers
    if (max !== 0 && this.#count >= max && !this.#makeRoom(this.#table.hash(key))) return 'full'
    const expectation = this.expectations.meet(key, zone, this.tick)
    const connection = TrackedConnection.begin(key, this.#nextSerial++, this.settings.hz, zone)
    if (this.#countsTraffic) connection.counters = { packets: [0, 0], bytes: [0, 0] }
    if (this.#labelUsers > 0) connection.labels = 0n
    if (template?.isProxied) connection.proxied = new ProxiedConnection()
    if (expectation !== null) {
      connection.status |= connectionStatus.expected
      connection.master = expectation.master
      connection.mark = expectation.master.mark
      expectation.whenMet?.(connection, nowNs)
    } else if (template !== null && template.helper !== null) {
      connection.help = new ConnectionHelp(template.helper)
      connection.status |= connectionStatus.helper
    }
    return connection
  }

  /**
   * Ends the connections that are not assured in the first of the buckets in reach that has any. Failing that, those whose
   * time is over in a part of the table that does not take long (the kernel's worker comes round in its own time).
   *
   * Source: early_drop().
   */
  #makeRoom(hash: number): boolean {
    for (const bucket of this.#table.neighbours(hash, this.settings.numbers.buckets, evictionRange)) {
      const victims = bucket.filter(
        (connection) => !connection.has(connectionStatus.assured) && !connection.isExpired(this.tick),
      )
      for (const connection of victims) this.#end(connection)
      if (victims.length > 0) return true
    }
    const ended = this.#table.sweep(fullSweepPlaces, this.tick)
    for (const connection of ended) this.#end(connection)
    return ended.length > 0
  }

  /**
   * An ICMP error belongs to the connection of the packet that it quotes, neighbour discovery to none; null for
   * everything that is tracked like any packet.
   *
   * Source: nf_conntrack_icmpv4_error(), nf_conntrack_icmpv6_error().
   */
  #judgeIcmp(protocol: number, template: ConnectionTemplate | null): ConntrackInfo | null {
    const { packet, transportOffset } = this
    if (packet.endOffset - transportOffset < 8) return invalidInfo
    if (checksChecksum(this, this.settings) && !netfilterChecksumOk(packet, protocol)) return invalidInfo
    const type = packet.u8(transportOffset)
    if (protocol === ipProtocol.icmp) {
      if (type > highestIcmpType) return invalidInfo
    } else if (icmp6IsUntracked(type)) return untrackedInfo
    if (!icmpIsError(protocol, type)) return null
    return this.#findQuoted(transportOffset + 8, template)
  }

  /** Source: nf_conntrack_inet_error(). */
  #findQuoted(innerOffset: number, template: ConnectionTemplate | null): ConntrackInfo {
    const { packet, family } = this
    const { bytes, endOffset } = packet
    const place = this.#place
    const key = this.#key
    if (!locateTransport(place, bytes, family, innerOffset, endOffset)) return invalidInfo
    if (!key.read(bytes, family, innerOffset, place, endOffset, 0) || !key.invert()) return invalidInfo
    const node = this.#table.findIn(zoneFor(template, this.mark), key, this.tick)
    // It must be sent to the one whose packet it quotes, or anybody could speak about other people's connections.
    if (node === null || !node.hasDestination(bytes, packet.destinationOffset)) return invalidInfo
    return { state: 'RELATED', isReply: node.isReply, connection: node.connection }
  }

  /**
   * Two packets began the same connection at once. The later one joins the earlier, where the protocol is used to that
   * and no translation tells them apart; or it is kept for a second, to be found by its reply tuple alone.
   *
   * Source: nf_ct_resolve_clash(), nf_ct_resolve_clash_harder().
   */
  #yieldTo(rival: TupleNode, skb: Skb, info: ConntrackInfo, tick: number): 'accept' | 'drop' {
    const loser = info.connection!
    if (!mayClash(protocolOf(rival))) return 'drop'
    const join = (winner: TrackedConnection): boolean => {
      if (!canMerge(winner, loser)) return false
      if (loser.counters !== null && winner.counters !== null) {
        const way = info.isReply ? 1 : 0
        winner.counters.packets[way]++
        winner.counters.bytes[way] += loser.counters.bytes[way]
      }
      skb.conntrack = { ...info, connection: winner }
      return true
    }
    if (join(rival.connection)) return 'accept'
    const isOneZone = zoneIdOf(loser.zone, 0) === zoneIdOf(loser.zone, 1)
    const answered = this.#table.find(loser.replyNode, tick, isOneZone ? 'any' : 'reply')
    if (answered !== null) return join(answered.connection) ? 'accept' : 'drop'
    loser.timeout = tick + this.settings.hz
    loser.status |= connectionStatus.fixedTimeout | connectionStatus.natClash | connectionStatus.confirmed
    this.#table.insert(loser)
    this.#count++
    return 'accept'
  }
}
