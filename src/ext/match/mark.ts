/**
 * `-m mark`: the mark that MARK or a program put on the packet.
 *
 * Kernel: net/netfilter/xt_mark.c, `mark_mt()`. Syntax: iptables extensions/libxt_mark.c.
 */
import { type MarkMask, markMask } from '../../lang/options.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Mark extends MarkMask {
  readonly inverted: boolean
}

const wholeMask = 0xffff_ffff

export const mark = defineMatch<Mark>()({
  name: 'mark',
  families: bothFamilies,
  doc: 'Match packets by their mark.',
  options: {
    mark: markMask({ doc: 'the mark, ANDed with MASK, equals VALUE', invertible: true, required: true }),
  },
  examples: ['--mark 0x1', '! --mark 0x10/0xf0'],

  parse: ({ mark }) => ({ ...mark!.value, inverted: mark!.inverted }),

  print: (data) => `${data.inverted ? '! ' : ''}--mark ${printMark(data)}`,
  list: (data) => ` mark match${data.inverted ? ' !' : ''} ${printMark(data)}`,

  evaluate: ({ value, mask, inverted }, skb) => ((skb.mark & mask) >>> 0 === value) !== inverted,

  looksAt: () => 'header',

  analyse: ({ value, mask, inverted }, space) => {
    const equal = space.equal('mark', BigInt(value), BigInt(mask))
    return exactly(inverted ? equal.not() : equal)
  },

  explain: (data, skb) =>
    `mark 0x${skb.mark.toString(16)} is ${data.inverted ? '' : 'not '}${printMark(data)}`,
})

/** `0x5`, `0x5/0xff`. */
const printMark = ({ value, mask }: MarkMask): string =>
  mask === wholeMask ? `0x${value.toString(16)}` : `0x${value.toString(16)}/0x${mask.toString(16)}`
