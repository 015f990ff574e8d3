/**
 * `-j DSCP`: change the code point of Differentiated Services.
 *
 * Kernel: net/netfilter/xt_DSCP.c, `dscp_tg()` and `dscp_tg6()`, Linux 6.18. Syntax: iptables extensions/libxt_DSCP.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint8 } from '../../lang/options.ts'
import { setTos } from '../../net/change.ts'
import { hexByte, serviceClass } from '../_service-type.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

export interface Dscp {
  /** 0 to 63: the upper six bits of TOS byte and traffic class. */
  readonly codePoint: number
}

export const DSCP = defineTarget<Dscp>()({
  name: 'DSCP',
  families: bothFamilies,
  doc: 'Change the code point of Differentiated Services.',
  options: {
    'set-dscp': uint8({ doc: 'the new code point, up to 63', max: 63, excludes: ['set-dscp-class'] }),
    'set-dscp-class': serviceClass({
      doc: 'the new class: EF, BE, CS0 to CS7, AF11 to AF43',
      excludes: ['set-dscp'],
    }),
  },
  examples: ['--set-dscp 0x2e'],

  parse(given) {
    const seen = given['set-dscp'] ?? given['set-dscp-class']
    return seen === undefined
      ? refuse('no-change', 'DSCP needs --set-dscp or --set-dscp-class', {
          said: 'DSCP target: Parameter --set-dscp is required',
        })
      : { codePoint: seen.value }
  },

  print: ({ codePoint }) => `--set-dscp ${hexByte(codePoint)}`,
  list: ({ codePoint }) => ` DSCP set ${hexByte(codePoint)}`,
  check: (_data, _rule, place) => requireTable('mangle', place, 'other tables do not change packets so'),

  act({ codePoint }, { packet }, { note }) {
    const before = packet.tos
    setTos(packet, (before & 3) | (codePoint << 2))
    note?.(`code point ${hexByte(before >>> 2)} becomes ${hexByte(codePoint)}`)
    return { kind: 'continue' }
  },
})
