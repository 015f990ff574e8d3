/**
 * `-m tcpmss`: the maximum segment size that a TCP header announces.
 *
 * Kernel: net/netfilter/xt_tcpmss.c, `tcpmss_mt()`. Syntax: iptables extensions/libxt_tcpmss.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { type Range, range16 } from '../../lang/options.ts'
import * as header from '../../net/headers/tcp.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { printRange } from './_ports.ts'
import { kernelTransportOffset, requireProtocol } from './_transport.ts'

export interface TcpMss extends Range {
  readonly inverted: boolean
}

const mssOptionBytes = 4

export const tcpmss = defineMatch<TcpMss>()({
  name: 'tcpmss',
  families: bothFamilies,
  doc: 'Match TCP packets by the maximum segment size they announce (only SYN packets do).',
  options: {
    mss: range16({ doc: 'size or range of sizes in bytes', invertible: true, required: true }),
  },
  examples: ['--mss 1400:1536', '! --mss 536'],

  parse: ({ mss }) => {
    const { low, high } = mss!.value
    if (high < low)
      return refuse('reversed-range', `the range ${low}:${high} runs backwards`, {
        said: 'tcpmss: invalid range given',
      })
    return { low, high, inverted: mss!.inverted }
  },

  print: (data) => `${data.inverted ? '! ' : ''}--mss ${printRange(data)}`,

  list: (data) => ` tcpmss match ${data.inverted ? '!' : ''}${printRange(data)}`,

  check: (_, rule) => requireProtocol(ipProtocol.tcp, rule),

  ...opaque<TcpMss>('tcpmss', ({ low, high, inverted }, skb, context) => {
    const size = announced(skb, context)
    if (size === 'unreadable') {
      context.hotdrop = true
      return false
    }
    return (size !== null && low <= size && size <= high) !== inverted
  }),

  explain: (data, skb, context) => {
    const size = announced(skb, context)
    if (size === 'unreadable') return 'its TCP header or options are cut off'
    if (size === null) return 'it announces no MSS'
    return `mss ${size} is ${data.inverted ? '' : 'not '}${data.low === data.high ? '' : 'in '}${printRange(data)}`
  },
})

/**
 * The size announced, or null. Walks as the kernel does: an end-of-list byte does not stop it, and an MSS option of
 * another length than 4 is stepped over.
 */
function announced(skb: Skb, context: HookContext): number | null | 'unreadable' {
  const { packet } = skb
  const at = kernelTransportOffset(skb, context)
  const present = packet.endOffset - at
  if (present < header.headerBytes) return 'unreadable'
  const length = header.headerLength(packet, at)
  if (length < header.headerBytes || present < length) return 'unreadable'
  const end = at + length
  for (let option = at + header.headerBytes; option < end; ) {
    const kind = packet.u8(option)
    const isWhole = mssOptionBytes <= end - option && packet.u8(option + 1) === mssOptionBytes
    if (kind === header.optionKind.mss && isWhole) return packet.u16(option + 2)
    option += kind < 2 ? 1 : packet.u8(option + 1) || 1
  }
  return null
}
