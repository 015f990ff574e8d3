/**
 * `-j REJECT`: drop the packet and tell its sender.
 *
 * Kernel: net/ipv4/netfilter/ipt_REJECT.c and nf_reject_ipv4.c, net/ipv6/netfilter/ip6t_REJECT.c and
 * nf_reject_ipv6.c, Linux 6.18. Syntax: iptables extensions/libipt_REJECT.c and libip6t_REJECT.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { OptionEnvironment } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { Skb, TargetContext } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { resetFor, whyNoIcmp } from './_reject.ts'
import { requireTable } from './_tables.ts'

export interface Reject {
  /** The answer's name: a key of `answers` for the family. */
  readonly with: string
}

interface Answer {
  readonly alias: string
  /** ICMP type and code; null for a TCP reset. */
  readonly icmp: readonly [type: number, code: number] | null
}

/** In the order in which iptables looks for a name that begins with the text given. */
const answers = {
  ipv4: {
    'icmp-net-unreachable': { alias: 'net-unreach', icmp: [3, 0] },
    'icmp-host-unreachable': { alias: 'host-unreach', icmp: [3, 1] },
    'icmp-proto-unreachable': { alias: 'proto-unreach', icmp: [3, 2] },
    'icmp-port-unreachable': { alias: 'port-unreach', icmp: [3, 3] },
    'icmp-net-prohibited': { alias: 'net-prohib', icmp: [3, 9] },
    'icmp-host-prohibited': { alias: 'host-prohib', icmp: [3, 10] },
    'tcp-reset': { alias: 'tcp-rst', icmp: null },
    'icmp-admin-prohibited': { alias: 'admin-prohib', icmp: [3, 13] },
  },
  ipv6: {
    'icmp6-no-route': { alias: 'no-route', icmp: [1, 0] },
    'icmp6-adm-prohibited': { alias: 'adm-prohibited', icmp: [1, 1] },
    'icmp6-addr-unreachable': { alias: 'addr-unreach', icmp: [1, 3] },
    'icmp6-port-unreachable': { alias: 'port-unreach', icmp: [1, 4] },
    'tcp-reset': { alias: 'tcp-reset', icmp: null },
    'icmp6-policy-fail': { alias: 'policy-fail', icmp: [1, 5] },
    'icmp6-reject-route': { alias: 'reject-route', icmp: [1, 6] },
  },
} as const satisfies Readonly<Record<Family, Readonly<Record<string, Answer>>>>

const defaultAnswer = { ipv4: 'icmp-port-unreachable', ipv6: 'icmp6-port-unreachable' } as const

export const REJECT = defineTarget<Reject>()({
  name: 'REJECT',
  families: bothFamilies,
  doc: 'Drop the packet and tell its sender.',
  options: {
    'reject-with': value(parseAnswer, {
      doc: 'what to answer, port unreachable by default',
      metavar: 'TYPE',
    }),
  },
  examples: [
    '--reject-with icmp-port-unreachable',
    '--reject-with icmp-admin-prohibited',
    '--reject-with icmp6-policy-fail',
  ],

  parse: (given, { family }) => ({ with: given['reject-with']?.value ?? defaultAnswer[family] }),

  print: (data) => `--reject-with ${data.with}`,
  list: (data) => ` reject-with ${data.with}`,

  check(data, { protocol }, place) {
    if (data.with === 'tcp-reset' && (protocol?.value !== ipProtocol.tcp || protocol.inverted)) {
      return {
        code: 'reset-without-tcp',
        message: 'tcp-reset can only answer TCP, and the rule does not ask for it',
        help: 'add -p tcp to the rule',
      }
    }
    return requireTable('filter', place, 'the kernel answers from there only')
  },

  decides: () => true,

  act(data, skb, context) {
    const icmp = answersOf(context.host.family)[data.with]!.icmp
    const refusal = icmp === null ? sendReset(skb, context) : sendIcmp(skb, icmp, context)
    if (refusal !== null) context.note?.(`no answer, for ${refusal}`)
    return { kind: 'drop' }
  },
})

function sendIcmp(skb: Skb, [type, code]: readonly [number, number], context: TargetContext) {
  const refusal = whyNoIcmp(skb.packet, skb.checksumVerified)
  if (refusal === null) context.sendIcmpError({ type, code })
  return refusal
}

function sendReset({ packet, checksumVerified = false }: Skb, context: TargetContext): string | null {
  // What is forwarded has it verified again. Source: skb_forward_csum().
  const reset = resetFor(packet, context.host.defaultTtl, checksumVerified && context.hook === 'INPUT')
  if (!(reset instanceof Uint8Array)) return reset.why
  context.emit({ bytes: reset, sender: 'raw' })
  return null
}

const answersOf = (family: Family): Readonly<Record<string, Answer>> => answers[family]

/** The first answer whose name or alias begins with the text, in any case. */
function parseAnswer(text: string, { family }: OptionEnvironment): string {
  const given = text.toLowerCase()
  const known = Object.entries(answersOf(family))
  const found = known.find(([name, { alias }]) => name.startsWith(given) || alias.startsWith(given))
  if (found !== undefined) return found[0]
  const names = known.map(([name]) => name)
  return refuse('unknown-answer', `is none of ${names.join(', ')}`, {
    ...didYouMean(given, names),
    said: 'unknown reject type "%value"',
  })
}
