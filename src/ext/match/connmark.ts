/**
 * `-m connmark`: the mark of the packet's connection, which CONNMARK writes.
 *
 * Kernel: net/netfilter/xt_connmark.c, connmark_mt(), Linux 6.18. Syntax: iptables extensions/libxt_connmark.c, 1.8.9.
 *
 * A packet without a connection is never matched, negated or not.
 */
import { type MarkMask, markMask } from '../../lang/options.ts'
import { exactly } from '../../space/space.ts'
import { hex, printMark } from '../_marks.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface ConnectionMark extends MarkMask {
  readonly inverted: boolean
}

export const connmark = defineMatch<ConnectionMark>()({
  name: 'connmark',
  families: bothFamilies,
  doc: 'Match packets by the mark of their connection.',
  stateful: true,
  needsConntrack: true,
  options: {
    mark: markMask({ doc: 'the mark, ANDed with MASK, equals VALUE', invertible: true, required: true }),
  },
  examples: ['--mark 0x1', '! --mark 0x10/0xf0'],

  parse: ({ mark }) => ({ ...mark!.value, inverted: mark!.inverted }),

  print: (data) => `${data.inverted ? '! ' : ''}--mark ${printMark(data)}`,
  list: (data) => ` connmark match ${data.inverted ? '!' : ''} ${printMark(data)}`,

  evaluate({ value, mask, inverted }, skb, context) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return false
    context.note?.(`mark ${hex(connection.mark)}`)
    return ((connection.mark & mask) >>> 0 === value) !== inverted
  },

  looksAt: () => 'header',

  analyse({ value, mask, inverted }, space) {
    const equal = space.fact(`connmark=${value}/${mask}`)
    return exactly(inverted ? space.fact('connection').and(equal.not()) : equal)
  },

  explain(data, skb) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return 'it belongs to no connection'
    return `mark ${hex(connection.mark)} of its connection is ${data.inverted ? '' : 'not '}${printMark(data)}`
  },
})
