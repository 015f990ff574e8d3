/**
 * `-m dccp`: ports, packet type and options of a DCCP header.
 *
 * Kernel: net/netfilter/xt_dccp.c, `dccp_mt()`. Syntax: iptables extensions/libxt_dccp.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { looselyParsedPortRange, type Range, uint8, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { Seen } from '../../lang/syntax.ts'
import * as header from '../../net/headers/dccp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { listPorts } from './_list.ts'
import { explainPorts, portsHold, printRange } from './_ports.ts'
import { explainHeader, readableHeader, requireProtocol } from './_transport.ts'

export interface Dccp {
  /** Null when not asked, like the next three. */
  readonly sourcePorts: Negatable<Range> | null
  readonly destinationPorts: Negatable<Range> | null
  /** Bit N stands for type N, 0 to 15. */
  readonly types: Negatable<number> | null
  /** Kind of an option, 1 to 255. */
  readonly option: Negatable<number> | null
}

/** INVALID is type 10 and all above. */
const typeNames = [...header.typeNames, 'INVALID'] as const
const invalidTypes = 0xfc00

export const dccp = defineMatch<Dccp>()({
  name: 'dccp',
  families: bothFamilies,
  doc: 'Match DCCP packets by ports, type and header options.',
  options: {
    sport: looselyParsedPortRange({ doc: 'source port or range', alias: ['source-port'], invertible: true }),
    dport: looselyParsedPortRange({
      doc: 'destination port or range',
      alias: ['destination-port'],
      invertible: true,
    }),
    'dccp-types': value(parseTypes, { doc: 'types by name', metavar: 'TYPE,...', invertible: true }),
    'dccp-option': uint8({ doc: 'the header has an option of this kind', min: 1, invertible: true }),
  },
  examples: ['--dport 5000', '! --sport 1:1023 --dccp-types REQUEST,RESPONSE', '! --dccp-option 32'],
  impliedBy: [ipProtocol.dccp],

  parse: (given) => ({
    sourcePorts: negatable(given.sport),
    destinationPorts: negatable(given.dport),
    types: negatable(given['dccp-types']),
    option: negatable(given['dccp-option']),
  }),

  print: ({ sourcePorts, destinationPorts, types, option }) =>
    [
      printTest('--sport', sourcePorts, printRange),
      printTest('--dport', destinationPorts, printRange),
      printTest('--dccp-types', types, printTypes),
      printTest('--dccp-option', option, String),
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: ({ sourcePorts, destinationPorts, types, option }, form) =>
    [
      ' dccp',
      listPorts('spt', sourcePorts, 'dccp', form),
      listPorts('dpt', destinationPorts, 'dccp', form),
      types === null
        ? ''
        : `${types.inverted ? ' !' : ''} ${form.numeric ? bitsOf(types.value).join(',') : printTypes(types.value)}`,
      option === null ? '' : ` option=${option.inverted ? '!' : ''}${option.value}`,
    ].join(''),

  check: (_, rule) => requireProtocol(ipProtocol.dccp, rule),

  ...opaque<Dccp>('dccp', ({ sourcePorts, destinationPorts, types, option }, skb, context) => {
    const { packet } = skb
    const at = readableHeader(skb, context, header.headerBytes)
    if (at < 0) return false
    if (!portsHold(sourcePorts, header.sourcePort(packet, at))) return false
    if (!portsHold(destinationPorts, header.destinationPort(packet, at))) return false
    if (types !== null && !typeHolds(types, header.type(packet, at))) return false
    if (option === null) return true
    const found = findOption(packet, at, option.value)
    if (found === 'broken') context.hotdrop = true
    return (found === 'found') !== option.inverted
  }),

  explain: ({ sourcePorts, destinationPorts, types, option }, skb: Skb, context: HookContext) => {
    const unreadable = explainHeader(skb, context, header.headerBytes)
    if (unreadable !== null) return unreadable
    const { packet } = skb
    const at = context.transportOffset
    const ports =
      explainPorts('sport', sourcePorts, header.sourcePort(packet, at)) ??
      explainPorts('dport', destinationPorts, header.destinationPort(packet, at))
    if (ports !== null) return ports
    const type = header.type(packet, at)
    if (types !== null && !typeHolds(types, type))
      return `type ${typeNames[type] ?? 'INVALID'} is ${types.inverted ? 'one' : 'none'} of ${printTypes(types.value)}`
    if (option === null) return null
    if (findOption(packet, at, option.value) === 'broken') return 'its options are cut off'
    return option.inverted ? `it has option ${option.value}` : `it has no option ${option.value}`
  },
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

const printTest = <T>(option: string, test: Negatable<T> | null, print: (value: T) => string): string =>
  test === null ? '' : `${test.inverted ? '! ' : ''}${option} ${print(test.value)}`

const typeHolds = ({ value, inverted }: Negatable<number>, type: number): boolean =>
  ((value >> type) & 1) !== Number(inverted)

/** Names in any case; empty places count for nothing. */
function parseTypes(text: string): number {
  let mask = 0
  for (const word of text.split(',').filter((each) => each !== '')) {
    const at = (typeNames as readonly string[]).indexOf(word.toUpperCase())
    if (at < 0)
      return refuse('unknown-type', `names ${word}, which is no DCCP type`, {
        ...didYouMean(word, typeNames),
        said: `Unknown DCCP type \`${word}'`,
      })
    mask |= typeNames[at] === 'INVALID' ? invalidTypes : 1 << at
  }
  return mask
}

/** Numbers of the bits that are on. */
const bitsOf = (mask: number): number[] =>
  Array.from({ length: 16 }, (_, bit) => bit).filter((bit) => (mask >> bit) & 1)

const printTypes = (mask: number): string => typeNames.filter((_, at) => (mask >> at) & 1).join(',')

/**
 * Looks for an option as the kernel does; `broken` where the data offset lies within the header or the options are cut
 * off. Preconditions: the fixed header is there.
 */
function findOption(packet: Packet, at: number, kind: number): 'found' | 'absent' | 'broken' {
  const type = header.type(packet, at)
  const fixed =
    header.headerBytes + (header.isLong(packet, at) ? 4 : 0) + (header.typeBytes[type] ?? resetBytes)
  const length = header.headerLength(packet, at)
  if (length < fixed) return 'broken'
  if (length === fixed) return 'absent'
  if (packet.endOffset - at < length) return 'broken'
  for (let option = at + fixed; option < at + length; ) {
    const found = packet.u8(option)
    if (found === kind) return 'found'
    option += found < 2 ? 1 : packet.u8(option + 1) || 1
  }
  return 'absent'
}

/** What types that nobody assigned are taken to add to the header. Source: dccp_packet_hdr_len(), linux/dccp.h. */
const resetBytes = 12
