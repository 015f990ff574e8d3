/**
 * `-m iprange`: source or destination between two addresses.
 *
 * Kernel: net/netfilter/xt_iprange.c, `iprange_mt4()` and `iprange_mt6()`. Syntax: iptables extensions/libxt_iprange.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { type AddressRange, addressRange } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import { printAddress } from '../../net/address.ts'
import type { Packet } from '../../net/packet.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { wordsValue } from '../facts.ts'

export interface IpRange {
  /** Null when any. A range that runs backwards holds no address. */
  readonly source: Negatable<AddressRange> | null
  readonly destination: Negatable<AddressRange> | null
}

export const iprange = defineMatch<IpRange>()({
  name: 'iprange',
  families: bothFamilies,
  doc: 'Match packets whose source or destination lies in a range of addresses.',
  options: {
    'src-range': addressRange({ doc: 'source is in the range', invertible: true }),
    'dst-range': addressRange({ doc: 'destination is in the range', invertible: true }),
  },
  examples: [
    '--src-range 192.168.1.10-192.168.1.20',
    '! --src-range 10.0.0.1-10.0.0.9 --dst-range 192.0.2.1-192.0.2.254',
    '--src-range 2001:db8::1-2001:db8::ff',
  ],

  parse: (given) => {
    const [source, destination] = [given['src-range'], given['dst-range']].map(negatable)
    if (source == null && destination == null)
      return refuse('no-range', 'iprange needs --src-range or --dst-range', {
        said: "iprange match: You must specify `--src-range' or `--dst-range'",
      })
    return { source: source ?? null, destination: destination ?? null }
  },

  print: ({ source, destination }) =>
    [printRange('--src-range', source), printRange('--dst-range', destination)]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ source, destination }) => `${listRange('source', source)}${listRange('destination', destination)}`,

  evaluate: ({ source, destination }, { packet }) =>
    (source === null || holds(source, packet, packet.sourceOffset)) &&
    (destination === null || holds(destination, packet, packet.destinationOffset)),

  looksAt: () => 'flow',

  analyse: ({ source, destination }, space) =>
    exactly(analyseSide(source, 'source', space).and(analyseSide(destination, 'destination', space))),

  explain: ({ source, destination }, { packet }) => {
    if (source !== null && !holds(source, packet, packet.sourceOffset))
      return `source ${printAddress(packet.source)} is ${printFailed(source)}`
    if (destination !== null && !holds(destination, packet, packet.destinationOffset))
      return `destination ${printAddress(packet.destination)} is ${printFailed(destination)}`
    return null
  },
})

const negatable = (seen: Seen<AddressRange> | undefined): Negatable<AddressRange> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

const printEnds = ({ from, to }: AddressRange): string => `${printAddress(from)}-${printAddress(to)}`

const printRange = (option: string, range: Negatable<AddressRange> | null): string =>
  range === null ? '' : `${range.inverted ? '! ' : ''}${option} ${printEnds(range.value)}`

const listRange = (word: string, range: Negatable<AddressRange> | null): string =>
  range === null ? '' : ` ${word} IP range${range.inverted ? ' !' : ''} ${printEnds(range.value)}`

const printFailed = ({ value, inverted }: Negatable<AddressRange>): string =>
  `${inverted ? '' : 'not '}in ${printEnds(value)}`

function holds(
  { value: { from, to }, inverted }: Negatable<AddressRange>,
  packet: Packet,
  at: number,
): boolean {
  const inside = compare(packet, at, from.words) >= 0 && compare(packet, at, to.words) <= 0
  return inside !== inverted
}

/** Negative, zero or positive as the address at `at` is below, equal or above. */
function compare(packet: Packet, at: number, words: readonly number[]): number {
  for (let index = 0; index < words.length; index++) {
    const difference = packet.u32(at + 4 * index) - words[index]!
    if (difference !== 0) return difference
  }
  return 0
}

function analyseSide(
  range: Negatable<AddressRange> | null,
  field: 'source' | 'destination',
  space: PacketSpace,
): PacketSet {
  if (range === null) return space.all
  const set = space.between(field, wordsValue(range.value.from.words), wordsValue(range.value.to.words))
  return range.inverted ? set.not() : set
}
