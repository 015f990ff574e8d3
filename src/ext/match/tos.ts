/**
 * `-m tos`: bits of IPv4's TOS byte or IPv6's traffic class.
 *
 * Kernel: net/netfilter/xt_dscp.c, `tos_mt()`. Syntax: iptables extensions/libxt_tos.c.
 */
import { exactly } from '../../space/space.ts'
import { hexByte, printTosMask, type TosMask, tosMask, tosName } from '../_service-type.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Tos extends TosMask {
  readonly inverted: boolean
}

export const tos = defineMatch<Tos>()({
  name: 'tos',
  families: bothFamilies,
  doc: 'Match packets by the TOS byte of IPv4 or the traffic class of IPv6.',
  options: {
    tos: tosMask({
      doc: 'the byte, ANDed with MASK, equals VALUE; a name speaks of the lower six bits',
      invertible: true,
      required: true,
    }),
  },
  examples: ['--tos 0x10/0x3f', '! --tos 0xff/0xff'],

  parse: ({ tos }) => ({ ...tos!.value, inverted: tos!.inverted }),

  print: (data) => `${data.inverted ? '! ' : ''}--tos ${printTosMask(data)}`,

  list: (data, { numeric }) => {
    const name = numeric ? null : tosName(data)
    return ` tos match${data.inverted ? '!' : ''}${name === null ? printTosMask(data) : ` ${name}`}`
  },

  evaluate: ({ value, mask, inverted }, { packet }) => ((packet.tos & mask) === value) !== inverted,

  looksAt: () => 'header',

  analyse: ({ value, mask, inverted }, space) => {
    const equal = (value & ~mask) === 0 ? space.equal('tos', BigInt(value), BigInt(mask)) : space.none
    return exactly(inverted ? equal.not() : equal)
  },

  explain: (data, { packet }) =>
    `tos ${hexByte(packet.tos)} is ${data.inverted ? '' : 'not '}${printTosMask(data)}`,
})
