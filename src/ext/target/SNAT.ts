/**
 * `-j SNAT`: give the connection another source.
 *
 * Kernel: net/netfilter/xt_nat.c, xt_snat_target_v1(), Linux 6.18. Syntax: iptables extensions/libxt_NAT.c, 1.8.9.
 */
import { flag, value } from '../../lang/options.ts'
import type { NatRange } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { listFlags, parseTo, printFlags, printTo, requireNat } from './_nat.ts'

/** A shifted range has base port 0 here: the kernel's SNAT cannot be told another. */
export type Snat = NatRange

export const SNAT = defineTarget<Snat>()({
  name: 'SNAT',
  families: bothFamilies,
  needsConntrack: true,
  doc: 'Give the connection another source.',
  options: {
    'to-source': value(parseTo, {
      doc: 'the new source, or a range of them',
      metavar: '[ADDRESS[-ADDRESS]][:PORT[-PORT]]',
      required: true,
    }),
    random: flag({ doc: 'take ports at random' }),
    'random-fully': flag({ doc: 'take ports at random, and never the old one' }),
    persistent: flag({ doc: 'give a client the same address for every destination' }),
  },
  examples: ['--to-source 203.0.113.1', '--to-source 2001:db8::1-2001:db8::5 --random --persistent'],

  parse(given) {
    const to = given['to-source']!.value
    return {
      ...to,
      basePort: to.basePort === null ? null : 0,
      random: given.random !== undefined,
      randomFully: given['random-fully'] !== undefined,
      persistent: given.persistent !== undefined,
    }
  },

  print: (data, family) => `--to-source ${printTo(data, family)}${printFlags(data)}`,
  list: (data, { family }) => ` to:${printTo(data, family)}${listFlags(data)}`,

  check: (_data, _rule, place) =>
    requireNat(['POSTROUTING', 'INPUT'], place, 'the source changes behind routing'),

  decides: () => true,
  act: (data, _skb, context) => context.nat?.translate(data) ?? { kind: 'continue' },
})
