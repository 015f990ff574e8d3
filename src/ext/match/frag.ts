/**
 * `-m frag`: the fragment header of IPv6.
 *
 * Kernel: net/ipv6/netfilter/ip6t_frag.c, `frag_mt6()`. Syntax: iptables extensions/libip6t_frag.c.
 */
import { flag, range32, uint32 } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { explainMissing, locateHeader } from './_header.ts'
import { listRange } from './_list.ts'
import { anySpi as anyId, explainSpi, givenSpis, printSpis, type Spis, spiHolds } from './_spi.ts'

export interface Frag {
  readonly ids: Spis
  /** Asked, but not looked at by the kernel; null when not asked. */
  readonly length: Negatable<number> | null
  /** The reserved fields are zero. */
  readonly reservedIsZero: boolean
  readonly isFirst: boolean
  readonly hasMore: boolean
  readonly isLast: boolean
}

const headerBytes = 8

export const frag = defineMatch<Frag>()({
  name: 'frag',
  families: ['ipv6'],
  doc: 'Match IPv6 packets by their fragment header.',
  options: {
    fragid: range32({ doc: 'id or range of ids', invertible: true }),
    fraglen: uint32({ doc: 'a length, which the kernel does not look at', invertible: true }),
    fragres: flag({ doc: 'the reserved fields are zero' }),
    fragfirst: flag({ doc: 'it is the first fragment' }),
    fragmore: flag({ doc: 'more fragments follow', excludes: ['fraglast'] }),
    fraglast: flag({ doc: 'it is the last fragment', excludes: ['fragmore'] }),
  },
  examples: ['--fragid 1:42', '! --fragid 7 --fragfirst --fragmore', '--fragres --fraglast'],

  parse: ({ fragid, fraglen, fragres, fragfirst, fragmore, fraglast }) => ({
    ids: givenSpis(fragid),
    length: fraglen === undefined ? null : { value: fraglen.value, inverted: fraglen.inverted },
    reservedIsZero: fragres !== undefined,
    isFirst: fragfirst !== undefined,
    hasMore: fragmore !== undefined,
    isLast: fraglast !== undefined,
  }),

  print: (data) =>
    [
      printSpis('fragid', data.ids),
      data.length === null ? '' : `${data.length.inverted ? '! ' : ''}--fraglen ${data.length.value}`,
      data.reservedIsZero ? '--fragres' : '',
      data.isFirst ? '--fragfirst' : '',
      data.hasMore ? '--fragmore' : '',
      data.isLast ? '--fraglast' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: (data) =>
    [
      ` frag ${listRange('id', data.ids, anyId.high)}`,
      data.length === null ? '' : ` length:${data.length.inverted ? '!' : ''}${data.length.value}`,
      data.reservedIsZero ? ' reserved' : '',
      data.isFirst ? ' first' : '',
      data.hasMore ? ' more' : '',
      data.isLast ? ' last' : '',
    ].join(''),

  ...opaque<Frag>('frag', (data, skb, context) => {
    const at = locateHeader(skb, context, ipProtocol.fragment, headerBytes)
    return at >= 0 && firstMiss(data, skb.packet, at) === null
  }),

  explain: (data, skb, context) =>
    explainMissing(skb, ipProtocol.fragment, headerBytes, 'fragment header') ??
    firstMiss(data, skb.packet, locateHeader(skb, context, ipProtocol.fragment, headerBytes)),
})

function firstMiss(data: Frag, packet: Packet, at: number): string | null {
  const field = packet.u16(at + 2)
  const id = packet.u32(at + 4)
  if (!spiHolds(data.ids, id)) return explainSpi(data.ids, id, 'id')
  if (data.reservedIsZero && (packet.u8(at + 1) !== 0 || (field & 6) !== 0))
    return 'its reserved fields are not zero'
  if (data.isFirst && (field & ~7) !== 0) return 'it is a later fragment'
  if (data.hasMore && (field & 1) === 0) return 'it is the last fragment'
  if (data.isLast && (field & 1) !== 0) return 'more fragments follow'
  return null
}
