/**
 * Expectations: connections that another one, the master, has announced. The first packet of such a connection is
 * RELATED.
 *
 * Kernel: net/netfilter/nf_conntrack_expect.c, Linux 6.18. Of what the kernel offers, the helpers that are modelled use
 * this much: address and port of the destination and address of the source are known, the source port is open, and an
 * expectation is met once.
 */
import type { Zone } from '../../ext/context.ts'
import type { Family } from '../../net/address.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import type { HelperDefinition } from './helper.ts'
import { printTuple } from './listing.ts'
import { familyOf, protocolOf, TupleKey, tupleOf } from './tuple.ts'

export class Expectation {
  readonly master: TrackedConnection
  readonly helper: HelperDefinition
  /** Of the first packet; the source port is 0 and means any. */
  readonly tuple: TupleKey
  /** Where the master is translated: settles the translation of the connection that was met. Kernel: `expectfn`. */
  readonly whenMet: ((connection: TrackedConnection, nowNs: bigint) => void) | null
  /** Timer tick at which it is given up. */
  endsAt = 0
  /** Counts up; listings follow it. */
  serial = 0

  constructor(
    master: TrackedConnection,
    helper: HelperDefinition,
    tuple: TupleKey,
    whenMet: Expectation['whenMet'] = null,
  ) {
    this.master = master
    this.helper = helper
    this.tuple = new TupleKey()
    this.tuple.copy(tuple)
    this.tuple.setPort('source', 0)
    this.tuple.setZone(master.zone.id)
    this.whenMet = whenMet
  }
}

/** `busy`: another connection expects the same; `full`: the host expects as much as it may. */
export type ExpectResult = 'expected' | 'busy' | 'full'

export class Expectations {
  /** By what all packets that meet it have in common. Two that have it in common clash, so there is one at most. */
  readonly #byMeeting = new Map<string, Expectation>()
  readonly #most: number
  #nextSerial = 1

  /** `most`: how many the host may have at once. */
  constructor(most: number) {
    this.#most = most
  }

  /**
   * Announces a connection. A master that says so again begins the time anew; one that announces more than its helper
   * allows forgets the oldest.
   *
   * Source: nf_ct_expect_related().
   */
  expect(expectation: Expectation, tick: number, hz: number): ExpectResult {
    this.#expire(tick)
    const { master, helper } = expectation
    const key = meetingKey(expectation.tuple)
    const same = this.#byMeeting.get(key)
    if (same !== undefined && same.master !== master) return 'busy'
    this.#byMeeting.delete(key)
    const others = this.of(master)
    if (others.length >= helper.mostExpected) this.remove(others[0]!)
    if (this.#byMeeting.size >= this.#most) return 'full'
    expectation.endsAt = tick + helper.expectSeconds * hz
    expectation.serial = this.#nextSerial++
    this.#byMeeting.set(key, expectation)
    return 'expected'
  }

  /** The expectation that a packet meets, which is no longer expected then; null for nearly every packet. */
  meet(tuple: TupleKey, zone: Zone, tick: number): Expectation | null {
    if (this.#byMeeting.size === 0) return null
    const inZone = new TupleKey()
    inZone.copy(tuple)
    inZone.setZone(zone.id)
    const found = this.#byMeeting.get(meetingKey(inZone))
    if (found === undefined || isOver(found, tick)) return null
    // Who was not let out yet has announced nothing.
    if (!found.master.has(connectionStatus.confirmed)) return null
    this.remove(found)
    return found
  }

  remove(expectation: Expectation): void {
    const key = meetingKey(expectation.tuple)
    if (this.#byMeeting.get(key) === expectation) this.#byMeeting.delete(key)
  }

  /** With their master goes what it announced. */
  removeOf(master: TrackedConnection): void {
    for (const expectation of this.of(master)) this.remove(expectation)
  }

  /** Oldest first. */
  of(master: TrackedConnection): Expectation[] {
    return [...this.#byMeeting.values()].filter((expectation) => expectation.master === master)
  }

  /** Those that wait, oldest first. */
  list(tick: number): Expectation[] {
    this.#expire(tick)
    return [...this.#byMeeting.values()].sort((a, b) => a.serial - b.serial)
  }

  #expire(tick: number): void {
    for (const expectation of [...this.#byMeeting.values()]) {
      if (isOver(expectation, tick)) this.remove(expectation)
    }
  }
}

const isOver = ({ endsAt, master }: Expectation, tick: number): boolean =>
  endsAt <= tick || (master.has(connectionStatus.confirmed) && master.isExpired(tick))

function meetingKey({ kind, source, destination, rest, ports }: TupleKey): string {
  return `${kind} ${source} ${destination} ${ports & 0xffff} ${rest.join(' ')}`
}

const familyNumber: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 }

/** A line of `/proc/net/nf_conntrack_expect`, without its end. Source: exp_seq_show(). */
export function printExpectation({ tuple, helper, endsAt }: Expectation, tick: number, hz: number): string {
  const seconds = Math.floor((endsAt - tick) / hz)
  return [
    `${seconds} l3proto = ${familyNumber[familyOf(tuple)]} proto=${protocolOf(tuple)} `,
    `${printTuple(tupleOf(tuple))}${helper.name}`,
  ].join('')
}
