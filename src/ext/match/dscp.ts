/**
 * `-m dscp`: the DiffServ code point, the upper six bits of IPv4's TOS byte and IPv6's traffic class.
 *
 * Kernel: net/netfilter/xt_dscp.c, `dscp_mt()` and `dscp_mt6()`. Syntax: iptables extensions/libxt_dscp.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint8 } from '../../lang/options.ts'
import { exactly } from '../../space/space.ts'
import { hexByte, serviceClass } from '../_service-type.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Dscp {
  /** 0 to 63. */
  readonly codePoint: number
  readonly inverted: boolean
}

export const dscp = defineMatch<Dscp>()({
  name: 'dscp',
  families: bothFamilies,
  doc: 'Match packets by their DiffServ code point.',
  options: {
    dscp: uint8({ max: 63, doc: 'the code point', invertible: true, excludes: ['dscp-class'] }),
    'dscp-class': serviceClass({ doc: 'the code point by its class', invertible: true, excludes: ['dscp'] }),
  },
  examples: ['--dscp 0x2e', '! --dscp 0x00'],

  parse: (given) => {
    const seen = given.dscp ?? given['dscp-class']
    if (seen === undefined)
      return refuse('no-value', 'dscp needs --dscp or --dscp-class', {
        said: 'DSCP match: Parameter --dscp is required',
      })
    return { codePoint: seen.value, inverted: seen.inverted }
  },

  print: ({ codePoint, inverted }) => `${inverted ? '! ' : ''}--dscp ${hexByte(codePoint)}`,

  list: ({ codePoint, inverted }) => ` DSCP match ${inverted ? '!' : ''}${hexByte(codePoint)}`,

  evaluate: ({ codePoint, inverted }, { packet }) => (packet.tos >>> 2 === codePoint) !== inverted,

  looksAt: () => 'header',

  analyse: ({ codePoint, inverted }, space) => {
    const equal = space.equal('tos', BigInt(codePoint << 2), 0xfcn)
    return exactly(inverted ? equal.not() : equal)
  },

  explain: ({ codePoint, inverted }, { packet }) =>
    `code point ${hexByte(packet.tos >>> 2)} is ${inverted ? '' : 'not '}${hexByte(codePoint)}`,
})
