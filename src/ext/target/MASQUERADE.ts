/**
 * `-j MASQUERADE`: give the connection the host's own address as its source.
 *
 * Kernel: net/netfilter/nf_nat_masquerade.c, xt_MASQUERADE.c, Linux 6.18. Syntax: iptables extensions/libxt_NAT.c, 1.8.9.
 */
import { say } from '../../lang/diagnostic.ts'
import { flag, value } from '../../lang/options.ts'
import { isUnconditional } from '../../lang/reach.ts'
import type { NatRange } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { listFlags, parsePorts, printFlags, printPorts, requireNat, wholeRange } from './_nat.ts'

/** Without addresses; a shifted range has base port 0, as in SNAT. */
export type Masquerade = NatRange

export const MASQUERADE = defineTarget<Masquerade>()({
  name: 'MASQUERADE',
  families: bothFamilies,
  needsConntrack: true,
  doc: "Give the connection the host's own address as its source.",
  options: {
    'to-ports': value((text, environment) => parsePorts(text, environment), {
      doc: 'the new source port, or a range of them',
      metavar: 'PORT[-PORT]',
    }),
    random: flag({ doc: 'take ports at random' }),
    'random-fully': flag({ doc: 'take ports at random, and never the old one' }),
  },
  examples: ['', '--random --random-fully'],

  parse(given) {
    const to = given['to-ports']?.value
    return {
      ...wholeRange,
      ports: to?.ports ?? null,
      basePort: to?.basePort == null ? null : 0,
      random: given.random !== undefined,
      randomFully: given['random-fully'] !== undefined,
    }
  },

  print: (data) =>
    `${data.ports === null ? '' : ` --to-ports ${printPorts(data)}`}${printFlags(data)}`.trimStart(),
  list: (data) => `${data.ports === null ? '' : ` masq ports: ${printPorts(data)}`}${listFlags(data)}`,

  check: (_data, _rule, place) =>
    requireNat(['POSTROUTING'], place, 'it needs to know the way the packet takes'),

  decides: () => true,
  advise: (_data, rule) =>
    isUnconditional(rule)
      ? say(
          'MASQUERADE/everywhere',
          'every connection that leaves gets the address of its way out, by every interface',
          {
            notes: [
              'also those into the own networks, whose servers then see this host in the place of their clients',
            ],
            help: '-o with the interface that leads outside',
          },
        )
      : null,
  act: (data, _skb, context) => context.nat?.masquerade(data) ?? { kind: 'continue' },
})
