/**
 * `-m esp`: the security parameter index of an ESP header.
 *
 * Kernel: net/netfilter/xt_esp.c, `esp_mt()`. Syntax: iptables extensions/libxt_esp.c.
 */
import { esp as header } from '../../net/headers/ipsec.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { listRange } from './_list.ts'
import { anySpi, explainSpi, givenSpis, printSpis, type Spis, spiHolds, spiRange } from './_spi.ts'
import { explainHeader, readableHeader, requireProtocol } from './_transport.ts'

export const esp = defineMatch<Spis>()({
  name: 'esp',
  families: bothFamilies,
  doc: 'Match ESP packets by their security parameter index.',
  options: { espspi: spiRange },
  examples: ['--espspi 500', '! --espspi 0:255'],
  impliedBy: [ipProtocol.esp],

  parse: ({ espspi }) => givenSpis(espspi),

  print: (data) => printSpis('espspi', data),

  list: (data) => ` esp ${listRange('spi', data, anySpi.high)}`.trimEnd(),

  check: (_, rule) => requireProtocol(ipProtocol.esp, rule),

  ...opaque<Spis>('esp', (data, skb, context) => {
    const at = readableHeader(skb, context, header.headerBytes)
    return at >= 0 && spiHolds(data, header.spi(skb.packet, at))
  }),

  explain: (data, skb, context) =>
    explainHeader(skb, context, header.headerBytes) ??
    explainSpi(data, header.spi(skb.packet, context.transportOffset)),
})
