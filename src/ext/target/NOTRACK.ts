/**
 * `-j NOTRACK`: keep connection tracking away from the packet, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_CT.c, notrack_tg(), Linux 6.18. Syntax: iptables extensions/libxt_CT.c, 1.8.9.
 *
 * The rule alone does not make the kernel track connections (measured); where nothing does, it changes nothing that
 * can be seen.
 */
import { bothFamilies, defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

/** Nothing to say. */
export type Notrack = Readonly<Record<string, never>>

export const NOTRACK = defineTarget<Notrack>()({
  name: 'NOTRACK',
  families: bothFamilies,
  doc: 'Keep connection tracking away from the packet.',
  options: {},
  examples: [''],

  parse: () => ({}),
  print: () => '',
  listName: 'CT',
  list: () => ' NOTRACK',
  check: (_data, _rule, place) =>
    requireTable('raw', place, 'later tables see packets that are tracked already'),

  act(_data, skb) {
    if (skb.conntrack === null) skb.untracked = true
    return { kind: 'continue' }
  },
})
