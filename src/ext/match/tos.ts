/**
 * `-m tos`: bits of IPv4's TOS byte or IPv6's traffic class.
 *
 * Kernel: net/netfilter/xt_dscp.c, `tos_mt()`. Syntax: iptables extensions/libxt_tos.c.
 */
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { printByte, type TosMask, tosMask } from '../traffic-class.ts'

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
      namedMask: 0x3f,
      invertible: true,
      required: true,
    }),
  },
  examples: ['--tos 0x10/0x3f', '! --tos 0xff/0xff'],

  parse: ({ tos }) => ({ ...tos!.value, inverted: tos!.inverted }),

  print: (data) => `${data.inverted ? '! ' : ''}--tos ${printMask(data)}`,

  evaluate: ({ value, mask, inverted }, { packet }) => ((packet.tos & mask) === value) !== inverted,

  analyse: ({ value, mask, inverted }, space) => {
    const equal = (value & ~mask) === 0 ? space.equal('tos', BigInt(value), BigInt(mask)) : space.none
    return exactly(inverted ? equal.not() : equal)
  },

  explain: (data, { packet }) =>
    `tos ${printByte(packet.tos)} is ${data.inverted ? '' : 'not '}${printMask(data)}`,
})

const printMask = ({ value, mask }: TosMask): string => `${printByte(value)}/${printByte(mask)}`
