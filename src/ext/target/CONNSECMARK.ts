/**
 * `-j CONNSECMARK`: carry the security mark between the packet and its connection, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_CONNSECMARK.c, connsecmark_tg(), Linux 6.18. Syntax: iptables extensions/libxt_CONNSECMARK.c,
 * 1.8.9.
 *
 * Security marks mean something to SELinux alone. Nothing gives packets one here, so there is never one to carry.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface SecurityMarkCopy {
  /** To the connection, or from it. */
  readonly mode: 'save' | 'restore'
}

export const CONNSECMARK = defineTarget<SecurityMarkCopy>()({
  name: 'CONNSECMARK',
  families: bothFamilies,
  doc: 'Copy the security mark between the packet and its connection.',
  needsConntrack: true,
  options: {
    save: flag({ doc: 'from the packet to the connection', excludes: ['restore'] }),
    restore: flag({ doc: 'from the connection to the packet', excludes: ['save'] }),
  },
  examples: ['--save', '--restore'],

  parse({ save, restore }) {
    if (save !== undefined) return { mode: 'save' }
    if (restore !== undefined) return { mode: 'restore' }
    return refuse('no-mode', 'CONNSECMARK does not say which way', {
      help: 'give --save or --restore',
      said: '%name target: parameter required',
    })
  },
  print: ({ mode }) => `--${mode}`,
  list: ({ mode }) => ` CONNSECMARK ${mode}`,

  check(_data, _rule, { table }) {
    if (table === 'mangle' || table === 'security') return null
    return {
      code: 'wrong-table',
      message: `this target cannot be used in the ${table} table`,
      help: 'put the rule in the mangle or the security table',
    }
  },

  act(_data, _skb, context) {
    context.note?.('there is no security mark to copy')
    return { kind: 'continue' }
  },
})
