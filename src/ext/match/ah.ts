/**
 * `-m ah`: the authentication header, in IPv4 a protocol, in IPv6 an extension header.
 *
 * Kernel: net/ipv4/netfilter/ipt_ah.c, `ah_mt()`; net/ipv6/netfilter/ip6t_ah.c, `ah_mt6()`. Syntax: iptables
 * extensions/libipt_ah.c, libip6t_ah.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, uint32 } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import { ah as header } from '../../net/headers/ipsec.ts'
import { headerLength } from '../../net/headers/ipv6-extension.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { explainMissingWhole, locateWholeHeader } from './_header.ts'
import { listRange } from './_list.ts'
import { anySpi, explainSpi, givenSpis, printSpis, type Spis, spiHolds, spiRange } from './_spi.ts'
import { explainHeader, readableHeader, requireProtocol } from './_transport.ts'

export interface Ah {
  readonly spis: Spis
  /** IPv6: bytes of the whole header; 0, not inverted, is any. Null when not asked. */
  readonly length: Negatable<number> | null
  /** IPv6: the reserved field is zero. */
  readonly reservedIsZero: boolean
}

export const ah = defineMatch<Ah>()({
  name: 'ah',
  families: bothFamilies,
  doc: 'Match packets by their authentication header.',
  options: {
    ahspi: spiRange,
    ahlen: uint32({ doc: 'length of the header in bytes (IPv6 only)', invertible: true }),
    ahres: flag({ doc: 'the reserved field is zero (IPv6 only)' }),
  },
  examples: ['--ahspi 500', '! --ahspi 0:255', '--ahspi 7 --ahlen 24 --ahres'],
  impliedBy: [ipProtocol.ah],

  parse: ({ ahspi, ahlen, ahres }, { family }) => {
    if (family === 'ipv4' && (ahlen ?? ahres) !== undefined)
      return refuse('not-in-ipv4', '--ahlen and --ahres are for IPv6 only')
    const length = ahlen === undefined || (ahlen.value === 0 && !ahlen.inverted) ? null : ahlen
    return {
      spis: givenSpis(ahspi),
      length: length === null ? null : { value: length.value, inverted: length.inverted },
      reservedIsZero: ahres !== undefined,
    }
  },

  print: ({ spis, length, reservedIsZero }) =>
    [
      printSpis('ahspi', spis),
      length === null ? '' : `${length.inverted ? '! ' : ''}--ahlen ${length.value}`,
      reservedIsZero ? '--ahres' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: ({ spis, length, reservedIsZero }) =>
    [
      ` ah ${listRange('spi', spis, anySpi.high)}`,
      length === null ? '' : `length:${length.inverted ? '!' : ''}${length.value}`,
      reservedIsZero ? ' reserved' : '',
    ].join(''),

  check: (_, rule, { family }) => (family === 'ipv4' ? requireProtocol(ipProtocol.ah, rule) : null),

  ...opaque<Ah>('ah', (data, skb, context) => {
    const at = locate(skb, context)
    return at >= 0 && firstMiss(data, skb, at) === null
  }),

  explain: (data, skb, context) => {
    const missing =
      context.host.family === 'ipv4'
        ? explainHeader(skb, context, header.headerBytes)
        : explainMissingWhole(skb, ipProtocol.ah, header.headerBytes, 'authentication header')
    return missing ?? firstMiss(data, skb, locate(skb, context))
  },
})

const locate = (skb: Skb, context: HookContext): number =>
  context.host.family === 'ipv4'
    ? readableHeader(skb, context, header.headerBytes)
    : locateWholeHeader(skb, context, ipProtocol.ah, header.headerBytes)

function firstMiss({ spis, length, reservedIsZero }: Ah, { packet }: Skb, at: number): string | null {
  const spi = header.spi(packet, at)
  if (!spiHolds(spis, spi)) return explainSpi(spis, spi)
  const actual = headerLength(packet, at, ipProtocol.ah)
  // 0 stands for any length, even inverted.
  if (length !== null && length.value !== 0 && (actual === length.value) === length.inverted)
    return `length ${actual} is ${length.inverted ? '' : 'not '}${length.value}`
  if (reservedIsZero && header.reserved(packet, at) !== 0) return 'its reserved field is not zero'
  return null
}
