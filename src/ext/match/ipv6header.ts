/**
 * `-m ipv6header`: which extension headers an IPv6 packet has.
 *
 * Kernel: net/ipv6/netfilter/ip6t_ipv6header.c, `ipv6header_mt6()`. Syntax: iptables extensions/libip6t_ipv6header.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { protocolNumber } from '../../lang/names.ts'
import { flag, value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import { headerLength } from '../../net/headers/ipv6-extension.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'

export interface Ipv6Header {
  /** Bits as in `headers`. */
  readonly headers: number
  readonly inverted: boolean
  /** Other headers may be there too. */
  readonly isSoft: boolean
}

/** Stands for a transport protocol behind the headers. */
const anyProtocol = 255

/** Bits as the kernel numbers them, in printing order. Source: include/uapi/linux/netfilter_ipv6/ip6t_ipv6header.h. */
const headers = [
  { protocol: ipProtocol.hopByHop, bit: 128, printed: 'hop-by-hop', names: ['hop-by-hop', 'hop', '0'] },
  { protocol: ipProtocol.destination, bit: 64, printed: 'ipv6-opts', names: ['dst', '60'] },
  { protocol: ipProtocol.routing, bit: 32, printed: 'ipv6-route', names: ['route', '43'] },
  { protocol: ipProtocol.fragment, bit: 16, printed: 'ipv6-frag', names: ['frag', '44'] },
  { protocol: ipProtocol.ah, bit: 8, printed: 'ah', names: ['auth', '51'] },
  { protocol: ipProtocol.esp, bit: 4, printed: 'esp', names: ['esp', '50'] },
  { protocol: ipProtocol.none, bit: 2, printed: 'ipv6-nonxt', names: ['none', '59'] },
  { protocol: anyProtocol, bit: 1, printed: 'protocol', names: ['protocol', 'prot', '255'] },
] as const

export const ipv6header = defineMatch<Ipv6Header>()({
  name: 'ipv6header',
  families: ['ipv6'],
  doc: 'Match IPv6 packets by the extension headers they have.',
  options: {
    header: value(parseHeaders, {
      doc: 'the headers, no others',
      metavar: 'HEADER,...',
      invertible: true,
      required: true,
    }),
    soft: flag({ doc: 'others may be there too' }),
  },
  examples: ['--header hop-by-hop,ipv6-route', '! --header ipv6-frag,protocol --soft'],

  parse: ({ header, soft }) => ({
    headers: header!.value,
    inverted: header!.inverted,
    isSoft: soft !== undefined,
  }),

  print: (data) =>
    `${data.inverted ? '! ' : ''}--header ${printHeaders(data.headers)}${data.isSoft ? ' --soft' : ''}`,

  list: (data, { numeric }) => {
    const bits = numeric
      ? `0x${data.headers.toString(16).toUpperCase().padStart(2, '0')}`
      : printHeaders(data.headers)
    return ` ipv6header flags:${data.inverted ? '!' : ''}${bits}${data.isSoft ? ' soft' : ''}`
  },

  ...opaque<Ipv6Header>('ipv6header', (data, { packet }) => {
    const found = headersOf(packet)
    return found !== null && holds(data, found)
  }),

  explain: (data, { packet }) => {
    const found = headersOf(packet)
    if (found === null) return 'its extension headers are cut off'
    return `it has ${found === 0 ? 'none' : printHeaders(found)}, ${data.inverted ? '' : 'not '}${printHeaders(data.headers)}`
  },
})

/** Inverted and soft, none of the headers may be there. */
function holds({ headers, inverted, isSoft }: Ipv6Header, found: number): boolean {
  if (isSoft) return (found & headers) === (inverted ? 0 : headers)
  return (found === headers) !== inverted
}

/** The headers of a packet, or null where the chain ends within one. */
function headersOf(packet: Packet): number | null {
  let found = 0
  let protocol = packet.nextHeader
  let at = packet.networkOffset + 40
  for (;;) {
    const header = headers.find((each) => each.protocol === protocol)
    if (header === undefined || protocol === anyProtocol) return found | 1
    if (protocol === ipProtocol.none || protocol === ipProtocol.esp) return found | header.bit
    if (packet.endOffset - at < 2) return null
    const next = packet.u8(at)
    found |= header.bit
    at += headerLength(packet, at, protocol)
    protocol = next
    if (packet.endOffset < at) {
      const isEnd = protocol === ipProtocol.none || protocol === ipProtocol.esp
      return isEnd ? found : found | 1
    }
  }
}

const printHeaders = (bits: number): string =>
  headers
    .filter(({ bit }) => (bits & bit) !== 0)
    .map(({ printed }) => printed)
    .join(',') || 'NONE'

function parseHeaders(text: string): number {
  let bits = 0
  for (const word of text.split(',').filter((each) => each !== '')) {
    // Names of protocols come first, and of those only the headers will do.
    const number = /^\d+$/.test(word) ? null : protocolNumber(word)
    const header = headers.find((each) =>
      number === null ? each.names.some((name) => name === word) : each.protocol === number,
    )
    if (header === undefined) {
      const known = headers.flatMap(({ printed, names }) => [printed, ...names])
      return refuse('unknown-header', `names ${word}, which is no extension header`, didYouMean(word, known))
    }
    bits |= header.bit
  }
  return bits === 0 ? refuse('unknown-header', 'names no header') : bits
}
