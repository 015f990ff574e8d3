/**
 * `-m pkttype`: how the link layer addressed the packet.
 *
 * Kernel: net/netfilter/xt_pkttype.c, `pkttype_mt()`. Syntax: iptables extensions/libxt_pkttype.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import { exactly } from '../../space/space.ts'
import type { PacketType } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { effectivePacketType } from '../facts.ts'

export interface PktType {
  readonly type: PacketType
  readonly inverted: boolean
}

/** Names, the one that is printed first. */
const names: readonly (readonly [name: string, type: PacketType])[] = [
  ['unicast', 'host'],
  ['broadcast', 'broadcast'],
  ['multicast', 'multicast'],
  ['otherhost', 'otherhost'],
  ['host', 'host'],
  ['bcast', 'broadcast'],
  ['mcast', 'multicast'],
]

export const pkttype = defineMatch<PktType>()({
  name: 'pkttype',
  families: bothFamilies,
  doc: 'Match packets by how the link layer addressed them.',
  options: {
    'pkt-type': value(parseType, {
      doc: 'sent to this host, to all, or to a group',
      metavar: 'unicast|broadcast|multicast',
      invertible: true,
      required: true,
    }),
  },
  examples: ['--pkt-type broadcast', '! --pkt-type unicast', '--pkt-type multicast'],

  parse: (given) => ({ type: given['pkt-type']!.value, inverted: given['pkt-type']!.inverted }),

  print: ({ type, inverted }) => `${inverted ? '! ' : ''}--pkt-type ${nameOf(type)}`,
  list: ({ type, inverted }) => ` PKTTYPE ${inverted ? '!=' : '='} ${nameOf(type)}`,

  evaluate: ({ type, inverted }, skb) => (effectivePacketType(skb) === type) !== inverted,

  looksAt: () => 'flow',

  analyse: ({ type, inverted }, space) => {
    const set = space.fact(`packet-type=${type}`)
    return exactly(inverted ? set.not() : set)
  },

  explain: ({ type, inverted }, skb) =>
    `packet type ${nameOf(effectivePacketType(skb))} is ${inverted ? '' : 'not '}${nameOf(type)}`,
})

/** A type without a name of its own (`outgoing`) is called what the kernel calls it. */
const nameOf = (type: PacketType): string => names.find(([, each]) => each === type)?.[0] ?? type

function parseType(text: string): PacketType {
  const found = names.find(([name]) => name === text.toLowerCase())
  if (found !== undefined) return found[1]
  const known = names.map(([name]) => name)
  return refuse('unknown-type', `is no packet type: they are ${known.slice(0, 3).join(', ')}`, {
    ...didYouMean(text, known),
    said: `Bad packet type '${text}'`,
  })
}
