/**
 * `-m mh`: the type of a mobility header (Mobile IPv6).
 *
 * Kernel: net/ipv6/netfilter/ip6t_mh.c, `mh_mt6()`. Syntax: iptables extensions/libip6t_mh.c. Read first: RFC 6275.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { type Range, value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { printRange } from './_ports.ts'
import { explainHeader, readableHeader, requireProtocol } from './_transport.ts'

export interface Mh extends Range {
  readonly inverted: boolean
}

const headerBytes = 6
const anyType: Mh = { low: 0, high: 255, inverted: false }

/** Each type with its short name. Source: `mh_names`, libip6t_mh.c. */
const typeNames = [
  ['binding-refresh-request', 'brr'],
  ['home-test-init', 'hoti'],
  ['careof-test-init', 'coti'],
  ['home-test', 'hot'],
  ['careof-test', 'cot'],
  ['binding-update', 'bu'],
  ['binding-acknowledgement', 'ba'],
  ['binding-error', 'be'],
] as const

export const mh = defineMatch<Mh>()({
  name: 'mh',
  families: ['ipv6'],
  doc: 'Match Mobile IPv6 packets by the type of their mobility header.',
  options: {
    'mh-type': value(parseTypes, {
      doc: 'type by name or number, or range of types',
      metavar: 'TYPE[:TYPE]',
      invertible: true,
    }),
  },
  examples: ['--mh-type 5', '! --mh-type 1:4'],
  impliedBy: [ipProtocol.mobility],

  parse: (given) => {
    const types = given['mh-type']
    return types === undefined ? anyType : { ...types.value, inverted: types.inverted }
  },

  // The full range is left out even when inverted, as iptables does.
  print: (data) => (isFull(data) ? '' : `${data.inverted ? '! ' : ''}--mh-type ${printRange(data)}`),

  list: (data, { numeric }) => {
    if (isFull(data) && !data.inverted) return ' mh'
    const print = (type: number): string => (numeric ? undefined : typeNames[type]?.[0]) ?? `${type}`
    const types = data.low === data.high ? print(data.low) : `${print(data.low)}:${print(data.high)}`
    return ` mh ${data.inverted ? '!' : ''}${types}`
  },

  check: (_, rule) => requireProtocol(ipProtocol.mobility, rule),

  ...opaque<Mh>('mh', ({ low, high, inverted }, skb, context) => {
    const at = readableHeader(skb, context, headerBytes)
    if (at < 0) return false
    const { packet } = skb
    if (packet.u8(at) !== ipProtocol.none) {
      context.hotdrop = true
      return false
    }
    const type = packet.u8(at + 2)
    return (low <= type && type <= high) !== inverted
  }),

  explain: (data, skb, context) => {
    const unreadable = explainHeader(skb, context, headerBytes)
    if (unreadable !== null) return unreadable
    if (skb.packet.u8(context.transportOffset) !== ipProtocol.none)
      return 'something follows its mobility header'
    const type = skb.packet.u8(context.transportOffset + 2)
    return `type ${type} is ${data.inverted ? '' : 'not '}${data.low === data.high ? '' : 'in '}${printRange(data)}`
  },
})

const isFull = ({ low, high }: Mh): boolean => low === anyType.low && high === anyType.high

function parseTypes(text: string): Range {
  const colon = text.indexOf(':')
  if (colon < 0) {
    const type = parseType(text)
    return { low: type, high: type }
  }
  const [left, right] = [text.slice(0, colon), text.slice(colon + 1)]
  const low = left === '' ? anyType.low : parseType(left)
  const high = right === '' ? anyType.high : parseType(right)
  return low <= high
    ? { low, high }
    : refuse('reversed-range', 'runs backwards', { help: `${right}:${left}` })
}

/** A name in any case, or the beginning of one: the first that fits, unless one fits whole. */
function parseType(text: string): number {
  const word = text.toLowerCase()
  const all = typeNames.flatMap((names, type) => names.map((name) => ({ name, type })))
  const named = all.filter(({ name }) => name.startsWith(word))
  const found = named.findLast(({ name }) => name === word) ?? named[0]
  if (found !== undefined) return found.type
  const number = parseNumber(text, 0n, 255n)
  if (number !== null) return Number(number)
  return refuse('unknown-type', `is no type of mobility header`, {
    ...didYouMean(
      word,
      all.map(({ name }) => name),
    ),
  })
}
