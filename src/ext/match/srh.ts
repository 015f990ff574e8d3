/**
 * `-m srh`: the segment routing header of IPv6 (routing header type 4).
 *
 * Kernel: net/ipv6/netfilter/ip6t_srh.c, `srh1_mt6()`. Syntax: iptables extensions/libip6t_srh.c. Read first: RFC 8754.
 */
import { type OptionText, prefix, uint8, uint16 } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { OptionSpec, Seen } from '../../lang/syntax.ts'
import { lengthOfMask, type Prefix, printAddress } from '../../net/address.ts'
import { findHeader, headerLength } from '../../net/headers/ipv6-extension.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'

/** Fields compared with a number, and those compared as less and greater too. */
const fields = ['next-hdr', 'hdr-len', 'segs-left', 'last-entry', 'tag'] as const
type Field = (typeof fields)[number]
type Comparison = 'eq' | 'gt' | 'lt'

export interface NumberTest {
  readonly field: Field
  readonly comparison: Comparison
  readonly value: number
  readonly inverted: boolean
}

/** Which segment: the one before the present one, the next, the last of the path. */
const segments = ['psid', 'nsid', 'lsid'] as const
type Segment = (typeof segments)[number]

export interface Srh {
  /** In printing order. */
  readonly numbers: readonly NumberTest[]
  readonly segments: readonly (Negatable<Prefix> & { readonly segment: Segment })[]
}

const fixedBytes = 8
const segmentRouting = 4
const segmentBytes = 16

const number = (doc: string): OptionSpec<number> => uint8({ doc, invertible: true })
const segment = (spec: Pick<OptionText, 'doc'>): OptionSpec<Prefix> => prefix({ ...spec, invertible: true })

const optionsOf = {
  'srh-next-hdr': number('protocol of the next header'),
  'srh-hdr-len-eq': number('the length field is'),
  'srh-hdr-len-gt': number('the length field is above'),
  'srh-hdr-len-lt': number('the length field is below'),
  'srh-segs-left-eq': number('so many segments are left'),
  'srh-segs-left-gt': number('more segments are left'),
  'srh-segs-left-lt': number('fewer segments are left'),
  'srh-last-entry-eq': number('the last entry is'),
  'srh-last-entry-gt': number('the last entry is above'),
  'srh-last-entry-lt': number('the last entry is below'),
  'srh-tag': uint16({ doc: 'the tag', invertible: true }),
  'srh-psid': segment({ doc: 'previous segment' }),
  'srh-nsid': segment({ doc: 'next segment' }),
  'srh-lsid': segment({ doc: 'last segment of the path' }),
} as const

/** The kernel has one number for all comparisons of a field, which is the one given last. */
export const srh = defineMatch<Srh>()({
  name: 'srh',
  families: ['ipv6'],
  doc: 'Match IPv6 packets by their segment routing header.',
  options: optionsOf,
  examples: [
    '--srh-next-hdr 17 --srh-segs-left-eq 1 --srh-last-entry-eq 4 --srh-tag 0',
    '! --srh-hdr-len-gt 8',
    '--srh-psid a::/64 ! --srh-nsid b::/128',
  ],

  parse: (given) => {
    const numbers: NumberTest[] = []
    for (const [name, field, comparison] of numberOptions) {
      const seen = given[name] as Seen<number> | undefined
      if (seen === undefined) continue
      const last = Object.keys(given).findLast((each) => each.startsWith(`srh-${field}`))!
      const { value } = (given as Readonly<Record<string, Seen<number>>>)[last]!
      numbers.push({ field, comparison, value, inverted: seen.inverted })
    }
    return {
      numbers,
      segments: segments.flatMap((name) => {
        const seen = given[`srh-${name}`]
        return seen === undefined ? [] : [{ segment: name, value: seen.value, inverted: seen.inverted }]
      }),
    }
  },

  print: ({ numbers, segments }) =>
    [
      ...numbers.map((test) => `${test.inverted ? '! ' : ''}--srh-${nameOf(test)} ${test.value}`),
      ...segments.map(
        ({ segment, value, inverted }) => `${inverted ? '! ' : ''}--srh-${segment} ${printSegment(value)}`,
      ),
    ].join(' '),

  list: ({ numbers, segments }) =>
    [
      ' srh',
      ...numbers.map((test) => ` ${nameOf(test)}:${test.inverted ? '!' : ''}${test.value}`),
      ...segments.map(
        ({ segment, value, inverted }) => ` ${segment} ${inverted ? '!' : ''} ${printSegment(value)}`,
      ),
    ].join(''),

  ...opaque<Srh>('srh', (data, { packet }) => firstMiss(data, packet) === null),

  explain: (data, { packet }) => firstMiss(data, packet),
})

const numberOptions: readonly (readonly [
  name: keyof typeof optionsOf,
  field: Field,
  comparison: Comparison,
])[] = [
  ['srh-next-hdr', 'next-hdr', 'eq'],
  ['srh-hdr-len-eq', 'hdr-len', 'eq'],
  ['srh-hdr-len-gt', 'hdr-len', 'gt'],
  ['srh-hdr-len-lt', 'hdr-len', 'lt'],
  ['srh-segs-left-eq', 'segs-left', 'eq'],
  ['srh-segs-left-gt', 'segs-left', 'gt'],
  ['srh-segs-left-lt', 'segs-left', 'lt'],
  ['srh-last-entry-eq', 'last-entry', 'eq'],
  ['srh-last-entry-gt', 'last-entry', 'gt'],
  ['srh-last-entry-lt', 'last-entry', 'lt'],
  ['srh-tag', 'tag', 'eq'],
]

const nameOf = ({ field, comparison }: NumberTest): string =>
  field === 'next-hdr' || field === 'tag' ? field : `${field}-${comparison}`

const printSegment = ({ address, mask }: Prefix): string =>
  `${printAddress(address)}/${lengthOfMask(mask) ?? printAddress(mask)}`

/** A header that cannot be read drops nothing here. */
function firstMiss({ numbers, segments }: Srh, packet: Packet): string | null {
  const at = findHeader(packet, ipProtocol.routing)
  if (typeof at !== 'number') return 'it has no routing header'
  const isCut =
    packet.endOffset - at < fixedBytes || packet.endOffset - at < headerLength(packet, at, ipProtocol.routing)
  if (isCut) return 'its routing header is cut off'
  if (packet.u8(at + 2) !== segmentRouting) return 'its routing header is of another type'
  const left = packet.u8(at + 3)
  const last = packet.u8(at + 4)
  if (left > last) return 'more segments are left than there are'
  const actual: Readonly<Record<Field, number>> = {
    'next-hdr': packet.u8(at),
    'hdr-len': packet.u8(at + 1),
    'segs-left': left,
    'last-entry': last,
    tag: packet.u16(at + 6),
  }
  for (const test of numbers) {
    const number = actual[test.field]
    const { comparison, value } = test
    const fits =
      comparison === 'eq' ? number === value : comparison === 'gt' ? number > value : number < value
    if (fits === test.inverted) return `${test.field} is ${number}`
  }
  for (const { segment, value, inverted } of segments) {
    const place = segment === 'psid' ? left + 1 : segment === 'nsid' ? left - 1 : 0
    if (place > last || place < 0) return `there is no ${segment === 'psid' ? 'previous' : 'next'} segment`
    const offset = at + fixedBytes + segmentBytes * place
    if (packet.endOffset - offset < segmentBytes) return 'its segments are cut off'
    const fits = value.address.words.every(
      (word, index) => ((packet.u32(offset + 4 * index) ^ word) & value.mask.words[index]!) === 0,
    )
    if (fits === inverted) return `the ${segment} is ${inverted ? '' : 'not '}${printSegment(value)}`
  }
  return null
}
