/**
 * `-j SYNPROXY`: answer a SYN in place of the server, and let the connection through once the client has proved itself.
 *
 * Kernel: net/netfilter/nf_synproxy_core.c, net/ipv4/netfilter/ipt_SYNPROXY.c, Linux 6.18. Syntax: iptables
 * extensions/libxt_SYNPROXY.c, 1.8.9.
 *
 * What it sends, and what it translates afterwards, is the host's doing: see engine/synproxy/.
 */
import { flag, uint32 } from '../../lang/options.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { ServerOffer } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireHooks } from '../match/_hooks.ts'
import { requireProtocol } from '../match/_transport.ts'

export const SYNPROXY = defineTarget<ServerOffer>()({
  name: 'SYNPROXY',
  families: bothFamilies,
  needsConntrack: true,
  stateful: true,
  proxiesSyn: true,
  doc: 'Answer a SYN in place of the server.',
  options: {
    'sack-perm': flag({ doc: 'the server knows selective acknowledgements' }),
    timestamp: flag({ doc: 'the server knows timestamps' }),
    wscale: uint32({ doc: 'how far the server scales its window' }),
    mss: uint32({ doc: "the server's maximum segment size", metavar: 'BYTES' }),
    ecn: flag({ doc: 'the server knows congestion notification' }),
  },
  examples: ['--sack-perm --timestamp --wscale 9 --mss 1460'],

  parse: (given) => ({
    sackPermitted: given['sack-perm'] !== undefined,
    timestamps: given.timestamp !== undefined,
    // The kernel's fields are smaller than what iptables takes.
    windowScale: given.wscale === undefined ? null : given.wscale.value & 0xff,
    mss: given.mss === undefined ? null : given.mss.value & 0xffff,
    ecn: given.ecn !== undefined,
  }),

  print: (data) =>
    words(data)
      .map((word) => `--${word}`)
      .join(' '),
  list: (data) =>
    ` SYNPROXY ${words(data)
      .map((word) => `${word} `)
      .join('')}`,

  check: (_data, rule, place) =>
    requireHooks(['INPUT', 'FORWARD'], place, 'it stands between a client and a server', 'target') ??
    requireProtocol(ipProtocol.tcp, rule, 'target'),

  act: (data, _skb, context) => ({ kind: context.proxySyn(data) ? 'drop' : 'continue' }),
})

const words = ({ sackPermitted, timestamps, windowScale, mss, ecn }: ServerOffer): string[] => [
  ...(sackPermitted ? ['sack-perm'] : []),
  ...(timestamps ? ['timestamp'] : []),
  ...(windowScale === null ? [] : [`wscale ${windowScale}`]),
  ...(mss === null ? [] : [`mss ${mss}`]),
  ...(ecn ? ['ecn'] : []),
]
