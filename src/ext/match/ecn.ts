/**
 * `-m ecn`: the ECN bits of the IP header and of TCP.
 *
 * Kernel: net/netfilter/xt_ecn.c, `ecn_mt4()` and `ecn_mt6()`. Syntax: iptables extensions/libxt_ecn.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, uint8 } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import * as header from '../../net/headers/tcp.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { kernelTransportOffset, requireProtocol } from './_transport.ts'

export interface Ecn {
  /** Null when not asked, like the next two. */
  readonly ece: Negatable<true> | null
  readonly cwr: Negatable<true> | null
  /** The two bits of the IP header, 0 to 3. */
  readonly ect: Negatable<number> | null
}

export const ecn = defineMatch<Ecn>()({
  name: 'ecn',
  families: bothFamilies,
  doc: 'Match packets by explicit congestion notification, in the IP header and in TCP.',
  options: {
    'ecn-tcp-ece': flag({ doc: 'the TCP flag ECE is on', invertible: true }),
    'ecn-tcp-cwr': flag({ doc: 'the TCP flag CWR is on', invertible: true }),
    'ecn-ip-ect': uint8({ doc: 'the two ECN bits of the IP header, 0 to 3', max: 3, invertible: true }),
  },
  examples: ['--ecn-tcp-ece ! --ecn-tcp-cwr', '--ecn-ip-ect 2'],

  parse: (given) => {
    const data = {
      ece: negatable(given['ecn-tcp-ece']),
      cwr: negatable(given['ecn-tcp-cwr']),
      ect: negatable(given['ecn-ip-ect']),
    }
    if (data.ece === null && data.cwr === null && data.ect === null)
      return refuse('no-test', 'ecn needs one of --ecn-tcp-ece, --ecn-tcp-cwr and --ecn-ip-ect')
    return data
  },

  print: ({ ece, cwr, ect }) =>
    [
      ece === null ? '' : `${ece.inverted ? '! ' : ''}--ecn-tcp-ece`,
      cwr === null ? '' : `${cwr.inverted ? '! ' : ''}--ecn-tcp-cwr`,
      ect === null ? '' : `${ect.inverted ? '! ' : ''}--ecn-ip-ect ${ect.value}`,
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: ({ ece, cwr, ect }) =>
    [
      ' ECN match',
      ece === null ? '' : ` ${ece.inverted ? '!' : ''}ECE`,
      cwr === null ? '' : ` ${cwr.inverted ? '!' : ''}CWR`,
      ect === null ? '' : ` ${ect.inverted ? '!' : ''}ECT=${ect.value}`,
    ].join(''),

  check: ({ ece, cwr }, rule) =>
    ece === null && cwr === null ? null : requireProtocol(ipProtocol.tcp, rule),

  ...opaque<Ecn>('ecn', (data, skb, context) => firstMiss(data, skb, context) === null),

  explain: firstMiss,
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

/** Why the packet does not fit, or null when it does. A cut TCP header drops nothing here. */
function firstMiss({ ece, cwr, ect }: Ecn, skb: Skb, context: HookContext): string | null {
  const { packet } = skb
  if (ect !== null && ((packet.tos & 3) === ect.value) === ect.inverted)
    return `the ECN bits ${packet.tos & 3} are ${ect.inverted ? '' : 'not '}${ect.value}`
  if (ece === null && cwr === null) return null
  const at = kernelTransportOffset(skb, context)
  if (packet.endOffset - at < header.headerBytes) return 'the TCP header is cut off'
  const flags = header.flags(packet, at)
  if (ece !== null && ((flags & header.flag.ece) !== 0) === ece.inverted)
    return `ECE is ${ece.inverted ? 'on' : 'off'}`
  if (cwr !== null && ((flags & header.flag.cwr) !== 0) === cwr.inverted)
    return `CWR is ${cwr.inverted ? 'on' : 'off'}`
  return null
}
