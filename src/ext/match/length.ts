/**
 * `-m length`: the length of the packet: IPv4's total length, IPv6's 40 bytes and payload.
 *
 * Kernel: net/netfilter/xt_length.c, `length_mt()` and `length_mt6()`. Syntax: iptables extensions/libxt_length.c.
 */
import { type Range, range16 } from '../../lang/options.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { printRange } from './_ports.ts'

export interface Length extends Range {
  readonly inverted: boolean
}

export const length = defineMatch<Length>()({
  name: 'length',
  families: bothFamilies,
  doc: 'Match packets by their length in bytes, IP header included.',
  options: {
    length: range16({ doc: 'length or range of lengths', invertible: true, required: true }),
  },
  examples: ['--length 84', '! --length 0:1500'],

  parse: ({ length }) => ({ ...length!.value, inverted: length!.inverted }),

  print: (data) => `${data.inverted ? '! ' : ''}--length ${printRange(data)}`,
  list: (data) => ` length ${data.inverted ? '!' : ''}${printRange(data)}`,

  evaluate: ({ low, high, inverted }, { packet: { totalLength } }) =>
    (low <= totalLength && totalLength <= high) !== inverted,

  looksAt: () => 'header',

  analyse: ({ low, high, inverted }, space) => {
    const set = space.between('totalLength', BigInt(low), BigInt(high))
    return exactly(inverted ? set.not() : set)
  },

  explain: (data, { packet: { totalLength } }) =>
    `length ${totalLength} is ${data.inverted ? '' : 'not '}${data.low === data.high ? '' : 'in '}${printRange(data)}`,
})
