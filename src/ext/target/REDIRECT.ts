/**
 * `-j REDIRECT`: turn the connection to this host.
 *
 * Kernel: net/netfilter/nf_nat_redirect.c, xt_REDIRECT.c, Linux 6.18. Syntax: iptables extensions/libxt_NAT.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, value } from '../../lang/options.ts'
import type { NatRange } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import {
  listFlags,
  newDestination,
  parsePorts,
  printFlags,
  printPorts,
  requireNat,
  wholeRange,
} from './_nat.ts'

/** Without addresses. */
export type Redirect = NatRange

export const REDIRECT = defineTarget<Redirect>()({
  name: 'REDIRECT',
  families: bothFamilies,
  needsConntrack: true,
  doc: 'Turn the connection to this host.',
  options: {
    'to-ports': value(
      (text, environment) => {
        const ports = parsePorts(text, environment)
        return ports.basePort === null
          ? ports
          : refuse('shifted-range', 'is a shifted range, which REDIRECT does not know', {
              said: 'Shifted portmap ranges not supported with this kernel',
            })
      },
      { doc: 'the new destination port, or a range of them', metavar: 'PORT[-PORT]' },
    ),
    random: flag({ doc: 'take ports at random' }),
  },
  examples: ['', '--random'],

  parse: (given) => ({
    ...wholeRange,
    ports: given['to-ports']?.value.ports ?? null,
    random: given.random !== undefined,
  }),

  print: (data) =>
    `${data.ports === null ? '' : ` --to-ports ${printPorts(data)}`}${printFlags(data)}`.trimStart(),
  list: (data) => `${data.ports === null ? '' : ` redir ports ${printPorts(data)}`}${listFlags(data)}`,

  newDestination: (data) => newDestination(data, 'local'),

  check: (_data, _rule, place) =>
    requireNat(['PREROUTING', 'OUTPUT'], place, 'the destination changes before routing'),

  decides: () => true,
  act: (data, _skb, context) => context.nat?.redirect(data) ?? { kind: 'continue' },
})
