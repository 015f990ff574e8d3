/**
 * `-j DNAT`: give the connection another destination.
 *
 * Kernel: net/netfilter/xt_nat.c, xt_dnat_target_v2(), Linux 6.18. Syntax: iptables extensions/libxt_NAT.c, 1.8.9.
 */
import { flag, value } from '../../lang/options.ts'
import type { NatRange } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { listFlags, newDestination, parseTo, printFlags, printTo, requireNat } from './_nat.ts'

export type Dnat = NatRange

export const DNAT = defineTarget<Dnat>()({
  name: 'DNAT',
  families: bothFamilies,
  needsConntrack: true,
  doc: 'Give the connection another destination.',
  options: {
    'to-destination': value(parseTo, {
      doc: 'the new destination, or a range; BASE becomes its first port',
      metavar: '[ADDRESS[-ADDRESS]][:PORT[-PORT[/BASE]]]',
      required: true,
    }),
    random: flag({ doc: 'take ports at random' }),
    persistent: flag({ doc: 'give a client the same address always' }),
  },
  examples: ['--to-destination 192.168.1.9', '--to-destination 2001:db8::9 --random --persistent'],

  parse: (given) => ({
    ...given['to-destination']!.value,
    random: given.random !== undefined,
    randomFully: false,
    persistent: given.persistent !== undefined,
  }),

  print: (data, family) => `--to-destination ${printTo(data, family)}${printFlags(data)}`,
  list: (data, { family }) => ` to:${printTo(data, family)}${listFlags(data)}`,

  newDestination: (data) => newDestination(data, data.addresses),

  check: (_data, _rule, place) =>
    requireNat(['PREROUTING', 'OUTPUT'], place, 'the destination changes before routing'),

  decides: () => true,
  act: (data, _skb, context) => context.nat?.translate(data) ?? { kind: 'continue' },
})
