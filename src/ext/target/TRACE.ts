/**
 * `-j TRACE`: tell the kernel log of every rule that the packet meets from now on.
 *
 * Kernel: net/netfilter/xt_TRACE.c, and trace_packet() of ip_tables.c and ip6_tables.c, Linux 6.18. Syntax: iptables
 * extensions/libxt_TRACE.c, 1.8.9.
 */
import { bothFamilies, defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

/** Nothing to say. */
export type Trace = Readonly<Record<string, never>>

export const TRACE = defineTarget<Trace>()({
  name: 'TRACE',
  families: bothFamilies,
  doc: 'Tell the kernel log of every rule that the packet meets from now on.',
  options: {},
  examples: [''],

  parse: () => ({}),
  print: () => '',
  check: (_data, _rule, place) =>
    requireTable('raw', place, 'a trace begins where packets begin their way through the tables'),

  act(_data, skb) {
    skb.traced = true
    return { kind: 'continue' }
  },
})
