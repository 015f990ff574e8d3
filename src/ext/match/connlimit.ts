/**
 * `-m connlimit`: how many connections stand open from (or to) the packet's network, its own included.
 *
 * Kernel: net/netfilter/xt_connlimit.c, connlimit_mt(), Linux 6.18; the counting is in net/netfilter/nf_conncount.c.
 * Syntax: iptables extensions/libxt_connlimit.c, 1.8.9.
 *
 * Every rule counts on its own, and only connections of which it has seen a packet: where rules before it drop some, or
 * connections were there before the rule, those are not counted.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, uint32, value } from '../../lang/options.ts'
import type { OptionEnvironment } from '../../lang/syntax.ts'
import { parseAton } from '../../lang/values.ts'
import {
  addressBits,
  lengthOfMask,
  maskAddress,
  maskOfLength,
  parseIpv6,
  printAddress,
} from '../../net/address.ts'
import type { ConnectionCounter, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface ConnectionLimit {
  readonly limit: number
  /** Whether more than the limit match; up to the limit otherwise. */
  readonly isAbove: boolean
  /** Bits of the address that count together. */
  readonly prefixLength: number
  readonly by: 'source' | 'destination'
}

interface Counting {
  readonly counter: ConnectionCounter
  /** What was counted last, for the trace. */
  last: number
}

export const connlimit = defineMatch<ConnectionLimit, Counting>()({
  name: 'connlimit',
  families: bothFamilies,
  doc: 'Match by how many connections stand open with a network.',
  stateful: true,
  needsConntrack: true,
  options: {
    'connlimit-upto': uint32({
      doc: 'so many connections, or fewer',
      invertible: true,
      excludes: ['connlimit-above'],
    }),
    'connlimit-above': uint32({
      doc: 'more connections than this',
      invertible: true,
      excludes: ['connlimit-upto'],
    }),
    'connlimit-mask': value(parseLength, {
      doc: 'bits of the address that tell networks apart; all by default',
      metavar: 'LENGTH',
    }),
    'connlimit-saddr': flag({ doc: 'count by source, as by default', excludes: ['connlimit-daddr'] }),
    'connlimit-daddr': flag({ doc: 'count by destination', excludes: ['connlimit-saddr'] }),
  },
  examples: ['--connlimit-above 2 --connlimit-mask 24 --connlimit-saddr'],

  parse(given, { family }) {
    const upto = given['connlimit-upto']
    const above = given['connlimit-above']
    const limit = above ?? upto
    if (limit === undefined) {
      return refuse('no-limit', 'connlimit does not say how many', {
        help: 'give --connlimit-above or --connlimit-upto',
        said: 'You must specify "--connlimit-above" or "--connlimit-upto".',
      })
    }
    return {
      limit: limit.value,
      isAbove: (above !== undefined) !== limit.inverted,
      prefixLength: given['connlimit-mask']?.value ?? addressBits(family),
      by: given['connlimit-daddr'] === undefined ? 'source' : 'destination',
    }
  },

  print: ({ limit, isAbove, prefixLength, by }) =>
    [
      `--connlimit-${isAbove ? 'above' : 'upto'} ${limit}`,
      `--connlimit-mask ${prefixLength}`,
      `--connlimit-${by === 'source' ? 'saddr' : 'daddr'}`,
    ].join(' '),
  list: ({ limit, isAbove, prefixLength, by }) =>
    ` #conn ${by === 'source' ? 'src' : 'dst'}/${prefixLength} ${isAbove ? '>' : '<='} ${limit}`,

  load: (_data, host) => ({ counter: host.tracking.newCounter(), last: 0 }),

  evaluate(data, skb, context, state) {
    const network = networkOf(data, skb)
    const zone = skb.conntrack?.connection?.zone.id ?? 0
    state.last = state.counter.count(`${network.words.join(' ')} ${zone}`, skb, context.nowNs)
    if (state.last === 0) {
      context.hotdrop = true
      return false
    }
    context.note?.(tell(data, skb, state.last))
    return state.last > data.limit === data.isAbove
  },

  analyse: (_data, space) => ({ must: space.none, may: space.all }),
  hotdrops: (_data, space) => space.none,

  explain: (data, skb, _context, { last }) => tell(data, skb, last),
})

function networkOf({ prefixLength, by }: ConnectionLimit, { packet }: Skb) {
  const address = by === 'source' ? packet.source : packet.destination
  return maskAddress(address, maskOfLength(address.family, prefixLength))
}

function tell(data: ConnectionLimit, skb: Skb, count: number): string {
  const network = networkOf(data, skb)
  const length = data.prefixLength === addressBits(network.family) ? '' : `/${data.prefixLength}`
  const where = `${data.by === 'source' ? 'from' : 'to'} ${printAddress(network)}${length}`
  return `${count} connection${count === 1 ? '' : 's'} ${where}, limit ${data.limit}`
}

/** A length, or a mask; one with gaps is taken for all bits. Source: xtopt_parse_plenmask(). */
function parseLength(text: string, { family }: OptionEnvironment): number {
  const bits = addressBits(family)
  const length = parseNumber(text, 0n, BigInt(bits))
  if (length !== null) return Number(length)
  const mask = family === 'ipv4' ? parseAton(text) : parseIpv6(text)
  if (mask === null) {
    return refuse('bad-mask', `is neither a length from 0 to ${bits} nor a mask`, {
      said: `%name: bad value for option "%option", neither a valid network mask nor valid CIDR (0-${bits}).\n`,
    })
  }
  return lengthOfMask(mask) ?? bits
}
