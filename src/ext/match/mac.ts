/**
 * `-m mac`: the source address of the Ethernet frame the packet came in.
 *
 * Kernel: net/netfilter/xt_mac.c, `mac_mt()`. Syntax: iptables extensions/libxt_mac.c.
 */
import { mac as macOption } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { bytesValue, ethernetSource, hasEthernetSource } from '../facts.ts'
import { requireHooks } from './_hooks.ts'

export interface Mac {
  /** Six bytes. */
  readonly address: Uint8Array
  readonly inverted: boolean
}

const allowedHooks: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD']

export const mac = defineMatch<Mac>()({
  name: 'mac',
  families: bothFamilies,
  doc: 'Match packets by the source MAC address of their Ethernet frame.',
  options: {
    'mac-source': macOption({ doc: 'source MAC address', invertible: true, required: true }),
  },
  examples: ['--mac-source 02:00:00:00:01:43', '! --mac-source 42:01:02:03:04:0a'],

  parse: (given) => ({ address: given['mac-source']!.value, inverted: given['mac-source']!.inverted }),

  print: ({ address, inverted }) => `${inverted ? '! ' : ''}--mac-source ${printMac(address)}`,
  list: ({ address, inverted }) => ` MAC${inverted ? ' !' : ''} ${printMac(address)}`,

  check: (_, __, place) =>
    requireHooks(allowedHooks, place, 'packets on their way out have no source frame yet'),

  // Without an Ethernet frame it does not match, inverted or not.
  evaluate: ({ address, inverted }, skb, context) =>
    hasEthernetSource(skb, context) &&
    ethernetSource(skb).every((byte, at) => byte === address[at]) !== inverted,

  looksAt: () => 'header',

  analyse: ({ address, inverted }, space) => {
    const equal = space.equal('sourceMac', bytesValue(address))
    return exactly(space.fact('ethernet-source').and(inverted ? equal.not() : equal))
  },

  explain: ({ address, inverted }, skb, context) => {
    if (!hasEthernetSource(skb, context)) return 'it came in no Ethernet frame'
    return `source MAC ${printMac(ethernetSource(skb))} is ${inverted ? '' : 'not '}${printMac(address)}`
  },
})

const printMac = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
