/**
 * `-j AUDIT`: leave a record of the packet with the audit subsystem, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_AUDIT.c, `audit_tg()`, Linux 6.18. Syntax: iptables extensions/libxt_AUDIT.c, 1.8.9.
 *
 * The type says only what the record says: nothing is accepted or dropped.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import { bothFamilies, defineTarget } from '../define.ts'

const types = ['accept', 'drop', 'reject'] as const

export interface Audit {
  readonly type: (typeof types)[number]
}

export const AUDIT = defineTarget<Audit>()({
  name: 'AUDIT',
  families: bothFamilies,
  doc: 'Leave a record of the packet with the audit subsystem.',
  options: {
    type: value(
      (text) =>
        types.find((type) => type === text.toLowerCase()) ??
        refuse('unknown-type', `is none of ${types.join(', ')}`, {
          ...didYouMean(text, types),
          said: `Bad action type value "${text}"`,
        }),
      { doc: 'what the record says of the packet', metavar: types.join('|'), required: true },
    ),
  },
  examples: types.map((type) => `--type ${type}`),

  parse: (given) => ({ type: given.type!.value }),
  print: ({ type }) => `--type ${type}`,
  list: ({ type }) => ` AUDIT ${type}`,

  act({ type }, _skb, { note }) {
    note?.(`an audit record says "${type}"; the packet goes on`)
    return { kind: 'continue' }
  },
})
