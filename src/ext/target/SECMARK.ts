/**
 * `-j SECMARK`: give the packet a label of SELinux.
 *
 * Kernel: net/netfilter/xt_SECMARK.c, Linux 6.18. Syntax: iptables extensions/libxt_SECMARK.c, 1.8.9.
 *
 * Without a policy of SELinux no label can be looked up, so the kernel refuses every rule with it.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { value } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface SecurityMark {
  /** At most 255 bytes. */
  readonly context: string
}

const contextBytes = 255

export const SECMARK = defineTarget<SecurityMark>()({
  name: 'SECMARK',
  families: bothFamilies,
  doc: 'Give the packet a label of SELinux.',
  options: {
    selctx: value((text) => cutBytes(text, contextBytes), {
      doc: 'the security context',
      metavar: 'CONTEXT',
      required: true,
    }),
  },
  examples: ['--selctx system_u:object_r:httpd_packet_t:s0'],

  parse: (given) => ({ context: given.selctx!.value }),
  print: ({ context }) => `--selctx ${context}`,
  list: ({ context }) => ` SECMARK selctx ${context}`,

  check: (_data, _rule, { table }) =>
    table === 'mangle' || table === 'security'
      ? {
          code: 'no-policy',
          message: 'no policy of SELinux is loaded, so there are no labels',
          said: 'No chain/target/match by that name',
        }
      : {
          code: 'wrong-table',
          message: `SECMARK cannot be used in the ${table} table`,
          help: 'put the rule in the mangle or security table',
        },

  act: () => ({ kind: 'continue' }),
})
