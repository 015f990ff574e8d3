/**
 * A table of the lab's own, beside the rules under test: it counts what reaches the local stack and keeps that
 * stack from answering, silences what the host would send of its own accord, and sets marks on arriving packets.
 *
 * Hooks of equal priority run newest first, so this table, made before everything else, has the very last word:
 * behind conntrack's confirmation, which stands at the same priority.
 */
import type { NetlinkSocket } from '../_netlink.ts'
import {
  expressions,
  flushChain,
  listRules,
  newBaseChain,
  newRule,
  newTable,
  readCounters,
  readRule,
  transaction,
} from './_nftables.ts'

const table = 'postern'
const last = 0x7fffffff
const first = -0x80000000

const loopbackIndex = 1
const IPPROTO_IGMP = 2
const IPPROTO_ICMPV6 = 58
/** MLD queries, reports and done; router and neighbour discovery; redirects. */
const discoveryTypes = [130, 137] as const
const MLD2_REPORT = 143

/** How many packets came to certain places. */
export interface Arrivals {
  /** Packets that the local stack was about to get, by a wire. */
  readonly deliveredByWire: number
  /** The same, by `lo`. */
  readonly deliveredByLo: number
  /** Packets that began in this host and came to OUTPUT, but for what the stack sends unasked. */
  readonly begun: number
  /** Packets that came to INPUT by a wire. */
  readonly entered: number
  /** Packets that came to FORWARD. */
  readonly passing: number
  /** Packets that passed all of FORWARD. */
  readonly forwarded: number
  /** Packets that passed all of POSTROUTING. */
  readonly sent: number
}

export class HelperTable {
  readonly #netlink: NetlinkSocket
  #mark = 0

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink
    const { count, verdict, ifFragment, ifInput, ifOwned, ifProtocol, ifTransportByte, ifWire } = expressions
    const rule = (chain: string, ...does: Buffer[]) => newRule('inet', table, chain, does)
    netlink.request(
      transaction([
        newTable('inet', table),
        newBaseChain('inet', table, 'mark', 'PREROUTING', first),
        newBaseChain('inet', table, 'own', 'OUTPUT', first),
        newBaseChain('inet', table, 'entered', 'INPUT', first),
        newBaseChain('inet', table, 'passing', 'FORWARD', first),
        newBaseChain('inet', table, 'delivered', 'INPUT', last),
        newBaseChain('inet', table, 'forwarded', 'FORWARD', last),
        newBaseChain('inet', table, 'sent', 'POSTROUTING', last),
        // What the steps send has an owner; what the stack does for itself has none.
        rule('own', ifOwned(), count(), verdict('accept')),
        rule('own', ifProtocol(IPPROTO_IGMP), verdict('drop')),
        rule('own', ifProtocol(IPPROTO_ICMPV6), ifTransportByte(...discoveryTypes), verdict('drop')),
        rule('own', ifProtocol(IPPROTO_ICMPV6), ifTransportByte(MLD2_REPORT, MLD2_REPORT), verdict('drop')),
        rule('own', count()),
        rule('entered', ifInput(loopbackIndex), verdict('accept')),
        rule('entered', count()),
        rule('passing', count()),
        rule('delivered', ifInput(loopbackIndex), count()),
        rule('delivered', ifWire(loopbackIndex), count()),
        // IPv6 puts fragments together behind INPUT, and complains of those that it cannot.
        rule('delivered', ifFragment(), verdict('accept')),
        rule('delivered', verdict('drop')),
        rule('forwarded', count()),
        rule('sent', count()),
      ]),
      'make the helper table',
    )
  }

  /** Every packet that arrives from now on gets this mark, before any table sees it. */
  setMark(mark: number): void {
    if (mark === this.#mark) return
    const changes = [flushChain('inet', table, 'mark')]
    if (mark !== 0) changes.push(newRule('inet', table, 'mark', [expressions.setMark(mark)]))
    this.#netlink.request(transaction(changes), 'set the mark of arriving packets')
    this.#mark = mark
  }

  read(): Arrivals {
    const counted = new Map<string, number[]>()
    for (const payload of this.#netlink.dump(listRules('inet'), 'read the helper table')) {
      const { chain, expressions: list } = readRule(payload)
      const counter = list.find(({ name }) => name === 'counter')
      if (counter) counted.set(chain, [...(counted.get(chain) ?? []), readCounters(counter.data).packets])
    }
    const of = (chain: string, place = 0): number => counted.get(chain)?.[place] ?? 0
    return {
      deliveredByLo: of('delivered', 0),
      deliveredByWire: of('delivered', 1),
      begun: of('own', 0) + of('own', 1),
      entered: of('entered'),
      passing: of('passing'),
      forwarded: of('forwarded'),
      sent: of('sent'),
    }
  }
}

/** What came between two readings. */
export const sinceThen = (before: Arrivals, after: Arrivals): Arrivals => ({
  deliveredByLo: after.deliveredByLo - before.deliveredByLo,
  deliveredByWire: after.deliveredByWire - before.deliveredByWire,
  begun: after.begun - before.begun,
  entered: after.entered - before.entered,
  passing: after.passing - before.passing,
  forwarded: after.forwarded - before.forwarded,
  sent: after.sent - before.sent,
})
