/**
 * `-m udp`: ports of a UDP header.
 *
 * Kernel: net/netfilter/xt_tcpudp.c, `udp_mt()`. Syntax: iptables extensions/libxt_udp.c.
 */
import { looselyParsedPortRange } from '../../lang/options.ts'
import * as header from '../../net/headers/udp.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { listPorts } from './_list.ts'
import {
  analysePorts,
  askedPorts,
  boundsOf,
  explainPorts,
  givenPorts,
  type Ports,
  portsHold,
  printPorts,
} from './_ports.ts'
import { explainHeader, readableHeader, requireProtocol, withCutHeader, withHeader } from './_transport.ts'

export interface Udp {
  readonly sourcePorts: Ports
  readonly destinationPorts: Ports
}

export const udp = defineMatch<Udp>()({
  name: 'udp',
  families: bothFamilies,
  doc: 'Match UDP packets by ports.',
  options: {
    sport: looselyParsedPortRange({ doc: 'source port or range', alias: ['source-port'], invertible: true }),
    dport: looselyParsedPortRange({
      doc: 'destination port or range',
      alias: ['destination-port'],
      invertible: true,
    }),
  },
  examples: ['--dport 53', '! --sport 1:1023 --dport 123', '--sport 67:68 --dport 67:68'],
  impliedBy: [ipProtocol.udp],

  parse: ({ sport, dport }) => ({ sourcePorts: givenPorts(sport), destinationPorts: givenPorts(dport) }),

  print: ({ sourcePorts, destinationPorts }) =>
    [printPorts('--sport', sourcePorts), printPorts('--dport', destinationPorts)]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ sourcePorts, destinationPorts }, form) =>
    ` udp${listPorts('spt', sourcePorts, 'udp', form)}${listPorts('dpt', destinationPorts, 'udp', form)}`,

  destinationPorts: ({ sourcePorts, destinationPorts }) => askedPorts(destinationPorts, sourcePorts === null),

  check: (_, rule) => requireProtocol(ipProtocol.udp, rule),

  evaluate: ({ sourcePorts, destinationPorts }, skb, context) => {
    const at = readableHeader(skb, context, header.headerBytes)
    return (
      at >= 0 &&
      portsHold(sourcePorts, header.sourcePort(skb.packet, at)) &&
      portsHold(destinationPorts, header.destinationPort(skb.packet, at))
    )
  },

  compile: ({ sourcePorts, destinationPorts }) => {
    const [sourceLow, sourceHigh, isSourceInverted] = boundsOf(sourcePorts)
    const [low, high, isInverted] = boundsOf(destinationPorts)
    return (skb, context) => {
      const at = readableHeader(skb, context, header.headerBytes)
      if (at < 0) return false
      const { packet } = skb
      const destination = packet.u16(at + 2)
      if ((low <= destination && destination <= high) === isInverted) return false
      const source = packet.u16(at)
      return (sourceLow <= source && source <= sourceHigh) !== isSourceInverted
    }
  },

  looksAt: () => 'flow',

  analyse: ({ sourcePorts, destinationPorts }, space) =>
    exactly(
      withHeader(space, header.headerBytes)
        .and(analysePorts(sourcePorts, 'sourcePort', space))
        .and(analysePorts(destinationPorts, 'destinationPort', space)),
    ),

  hotdrops: (_, space) => withCutHeader(space, header.headerBytes),

  explain: ({ sourcePorts, destinationPorts }, skb, context) =>
    explainHeader(skb, context, header.headerBytes) ??
    explainPorts('sport', sourcePorts, header.sourcePort(skb.packet, context.transportOffset)) ??
    explainPorts('dport', destinationPorts, header.destinationPort(skb.packet, context.transportOffset)),
})
