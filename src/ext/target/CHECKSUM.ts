/**
 * `-j CHECKSUM`: fill in a checksum that was left to the network card.
 *
 * Kernel: net/netfilter/xt_CHECKSUM.c, `checksum_tg()`, Linux 6.18. Syntax: iptables extensions/libxt_CHECKSUM.c, 1.8.9.
 *
 * Only packets of local TCP and UDP sockets, and of virtual machines, come with a checksum yet to be computed. Packets
 * from a wire or a raw socket do not, and so nothing changes here: wrong checksums stay wrong (measured).
 */
import { flag } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

/** Nothing to say. */
export type FillChecksum = Readonly<Record<string, never>>

export const CHECKSUM = defineTarget<FillChecksum>()({
  name: 'CHECKSUM',
  families: bothFamilies,
  doc: 'Fill in a checksum that was left to the network card.',
  options: { 'checksum-fill': flag({ doc: 'compute it now', required: true }) },
  examples: ['--checksum-fill'],

  parse: () => ({}),
  print: () => '--checksum-fill',
  list: () => ' CHECKSUM fill',
  check: (_data, _rule, place) => requireTable('mangle', place, 'other tables do not change packets so'),

  act(_data, _skb, { note }) {
    note?.('its checksum was not left to the network card, so nothing changes')
    return { kind: 'continue' }
  },
})
