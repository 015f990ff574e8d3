/**
 * `-m multiport`: up to fifteen ports or ranges of ports at once.
 *
 * Kernel: net/netfilter/xt_multiport.c, `multiport_mt()`. Syntax: iptables extensions/libxt_multiport.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { type OptionText, portList, type Range } from '../../lang/options.ts'
import type { Rule } from '../../lang/rule.ts'
import type { OptionSpec } from '../../lang/syntax.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { exactly, type FieldName, type PacketSet } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { portPrinter } from './_list.ts'
import { printRange } from './_ports.ts'
import { explainHeader, readableHeader, withCutHeader, withHeader } from './_transport.ts'

export interface Multiport {
  readonly side: 'source' | 'destination' | 'either'
  /** At most 15 places, where a range takes two. */
  readonly ports: readonly Range[]
  readonly inverted: boolean
}

/** Bytes of the two ports. */
const portBytes = 4

const protocols: readonly number[] = [
  ipProtocol.tcp,
  ipProtocol.udp,
  ipProtocol.udplite,
  ipProtocol.sctp,
  ipProtocol.dccp,
]

const optionOf = { source: 'sports', destination: 'dports', either: 'ports' } as const

export const multiport = defineMatch<Multiport>()({
  name: 'multiport',
  families: bothFamilies,
  doc: 'Match packets by a list of ports and port ranges.',
  options: {
    sports: ports({
      doc: 'source port is in the list',
      alias: ['source-ports'],
      excludes: ['dports', 'ports'],
    }),
    dports: ports({
      doc: 'destination port is in the list',
      alias: ['destination-ports'],
      excludes: ['sports', 'ports'],
    }),
    ports: ports({ doc: 'source or destination port is in the list', excludes: ['sports', 'dports'] }),
  },
  examples: ['--dports 22,80,443', '! --sports 53,1024:65535', '--ports 6000:6007'],

  parse: ({ sports, dports, ports }) => {
    const seen = sports ?? dports ?? ports
    if (seen === undefined)
      return refuse('no-ports', 'multiport needs one of --sports, --dports and --ports', {
        said: 'multiport expection an option',
      })
    const side = sports ? 'source' : dports ? 'destination' : 'either'
    return { side, ports: seen.value, inverted: seen.inverted }
  },

  print: ({ side, ports, inverted }) =>
    `${inverted ? '! ' : ''}--${optionOf[side]} ${ports.map(printRange).join(',')}`,
  list: ({ side, ports, inverted }, form) => {
    const print = portPrinter(form)
    const texts = ports.map(({ low, high }) => (low === high ? print(low) : `${print(low)}:${print(high)}`))
    return ` multiport ${optionOf[side]} ${inverted ? ' !' : ''}${texts.join(',')}`
  },

  destinationPorts: ({ side, ports, inverted }) =>
    side === 'destination' && !inverted ? { ranges: ports, alone: true } : null,

  check: (_, { protocol }) =>
    isPorted(protocol)
      ? null
      : { code: 'needs-protocol', message: `multiport ${needsProtocol}`, help: needsHelp },

  evaluate: (data, skb, context) => {
    const at = readableHeader(skb, context, portBytes)
    return at >= 0 && holds(data, skb.packet.u16(at), skb.packet.u16(at + 2))
  },

  compile: (data) => {
    const { side, ports, inverted } = data
    // A bit for each port.
    const listed = new Uint32Array(0x10000 / 32)
    for (const { low, high } of ports) {
      for (let port = low; port <= high; port++) listed[port >>> 5]! |= 1 << (port & 31)
    }
    const isListed = (port: number): boolean => ((listed[port >>> 5]! >>> (port & 31)) & 1) !== 0
    return (skb, context) => {
      const at = readableHeader(skb, context, portBytes)
      if (at < 0) return false
      const { packet } = skb
      const hit =
        (side !== 'destination' && isListed(packet.u16(at))) ||
        (side !== 'source' && isListed(packet.u16(at + 2)))
      return hit !== inverted
    }
  },

  looksAt: () => 'flow',

  analyse: ({ side, ports, inverted }, space) => {
    const listed = (field: FieldName): PacketSet =>
      ports.reduce(
        (set, { low, high }) => set.or(space.between(field, BigInt(low), BigInt(high))),
        space.none,
      )
    const hit = (side === 'destination' ? space.none : listed('sourcePort')).or(
      side === 'source' ? space.none : listed('destinationPort'),
    )
    return exactly(withHeader(space, portBytes).and(inverted ? hit.not() : hit))
  },

  hotdrops: (_, space) => withCutHeader(space, portBytes),

  explain: ({ side, ports, inverted }, skb, context) => {
    const unreadable = explainHeader(skb, context, portBytes)
    if (unreadable !== null) return unreadable
    const asked = [
      ...(side === 'destination' ? [] : [{ word: 'sport', port: skb.packet.u16(context.transportOffset) }]),
      ...(side === 'source' ? [] : [{ word: 'dport', port: skb.packet.u16(context.transportOffset + 2) }]),
    ]
    const list = ports.map(printRange).join(',')
    const [first, second] = (inverted ? asked.filter(({ port }) => listHas(ports, port)) : asked).map(
      ({ word, port }) => `${word} ${port}`,
    )
    if (inverted) return `${first} is in ${list}`
    return second === undefined
      ? `${first} is not in ${list}`
      : `neither ${first} nor ${second} is in ${list}`
  },
})

/** A port list that insists on the protocol, as far as the rule has told it yet. */
function ports(spec: OptionText): OptionSpec<readonly Range[]> {
  const list = portList({ ...spec, invertible: true })
  return {
    ...list,
    value: (text, environment) => {
      const { protocol } = environment
      if (!isPorted(protocol && { value: protocol.number, inverted: protocol.inverted }))
        return refuse('needs-protocol', needsProtocol, {
          help: needsHelp,
          said:
            protocol === null
              ? "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'"
              : 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP',
        })
      return list.value!(text, environment)
    },
  }
}

const needsProtocol = 'needs -p tcp, udp, udplite, sctp or dccp before it'
const needsHelp = '-p tcp -m multiport'

const isPorted = (protocol: Rule['protocol']): boolean =>
  protocol !== null && !protocol.inverted && protocols.includes(protocol.value)

const listHas = (ports: readonly Range[], port: number): boolean =>
  ports.some(({ low, high }) => low <= port && port <= high)

function holds({ side, ports, inverted }: Multiport, source: number, destination: number): boolean {
  const hit =
    (side !== 'destination' && listHas(ports, source)) || (side !== 'source' && listHas(ports, destination))
  return hit !== inverted
}
