/**
 * `-m ipcomp`: the compression parameter index of an IPComp header.
 *
 * Kernel: net/netfilter/xt_ipcomp.c, `comp_mt()`. Syntax: iptables extensions/libxt_ipcomp.c.
 */
import { flag } from '../../lang/options.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { listRange } from './_list.ts'
import { anySpi, explainSpi, givenSpis, printSpis, type Spis, spiHolds, spiRange } from './_spi.ts'
import { explainHeader, readableHeader, requireProtocol } from './_transport.ts'

export interface IpComp {
  readonly indices: Spis
  /** `--compres` was given, which the kernel does not look at. */
  readonly reserved: boolean
}

const headerBytes = 4

/** iptables leaves the range at 0 when none is asked for, where ah and esp take any. */
const zero: Spis = { low: 0, high: 0, inverted: false }

export const ipcomp = defineMatch<IpComp>()({
  name: 'ipcomp',
  families: bothFamilies,
  doc: 'Match IPComp packets by their compression parameter index.',
  options: {
    ipcompspi: spiRange,
    compres: flag({ doc: 'the reserved field; the kernel does not look at it' }),
  },
  examples: ['--ipcompspi 18', '! --ipcompspi 1:5 --compres'],
  impliedBy: [ipProtocol.ipcomp],

  parse: ({ ipcompspi, compres }) => ({
    indices: givenSpis(ipcompspi, zero),
    reserved: compres !== undefined,
  }),

  print: ({ indices, reserved }) =>
    [printSpis('ipcompspi', indices), reserved ? '--compres' : ''].filter((words) => words !== '').join(' '),

  list: ({ indices, reserved }) =>
    ` comp ${listRange('spi', indices, anySpi.high)}${reserved ? ' reserved' : ''}`,

  check: (_, rule) => requireProtocol(ipProtocol.ipcomp, rule),

  ...opaque<IpComp>('ipcomp', ({ indices }, skb, context) => {
    const at = readableHeader(skb, context, headerBytes)
    return at >= 0 && spiHolds(indices, skb.packet.u16(at + 2))
  }),

  explain: ({ indices }, skb, context) =>
    explainHeader(skb, context, headerBytes) ??
    explainSpi(indices, skb.packet.u16(context.transportOffset + 2), 'index'),
})
