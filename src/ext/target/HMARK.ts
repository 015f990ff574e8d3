/**
 * `-j HMARK`: mark the packet with a number that all packets of its conversation share, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_HMARK.c, `hmark_tg_v4()` and `hmark_tg_v6()`, Linux 6.18. Syntax: iptables
 * extensions/libxt_HMARK.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber, uint32Max } from '../../lang/numbers.ts'
import { uint16, uint32, value } from '../../lang/options.ts'
import type { Given, OptionEnvironment, OptionTable, Seen } from '../../lang/syntax.ts'
import { parseMask } from '../../lang/values.ts'
import { type Address, addressBits, type Family, lengthOfMask, maskOfLength } from '../../net/address.ts'
import { jhash2 } from '../../net/jhash.ts'
import type { Connection } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { conversationOf, icmpNumber, type Parts } from './_conversation.ts'

/** What goes into the number; null leaves it out. Unsigned. */
export interface HashMark {
  /** Bits of the addresses that count. */
  readonly sourcePrefix: number | null
  readonly destinationPrefix: number | null
  /** Bits of 16-bit ports, or of the 32-bit SPI of ESP and AH, that count. */
  readonly sourcePortMask: number | null
  readonly destinationPortMask: number | null
  readonly spiMask: number | null
  /** Bits that are set in any case. */
  readonly sourcePort: number | null
  readonly destinationPort: number | null
  readonly spi: number | null
  readonly protocolMask: number | null
  readonly seed: number
  /** Marks are from `offset` to below `offset + modulus`. */
  readonly modulus: number
  readonly offset: number | null
  /** Of the connection as it began, instead of the packet. */
  readonly ofConnection: boolean
}

const fields = {
  src: 'sourcePrefix',
  dst: 'destinationPrefix',
  sport: 'sourcePortMask',
  dport: 'destinationPortMask',
  spi: 'spiMask',
  proto: 'protocolMask',
} as const

/** In the order in which iptables looks for one that begins with the word. */
const tupleWords = ['ct', 'src', 'dst', 'sport', 'dport', 'proto', 'spi'] as const
type TupleWord = (typeof tupleWords)[number]

const prefixOption = (doc: string) => value(parsePrefixLength, { doc, metavar: 'LENGTH' })

/** A mask may stand for its length; IPv4 takes any larger number for 32. */
function parsePrefixLength(text: string, { family }: OptionEnvironment): number {
  if (family === 'ipv4' && parseNumber(text, 32n, uint32Max) !== null) return 32
  const mask = parseMask(text, family)
  const length = mask === null ? null : lengthOfMask(mask)
  if (length !== null) return length
  const most = addressBits(family)
  return refuse('out-of-range', `is neither a length from 0 to ${most} nor a mask without gaps`, {
    said: `%name: bad value for option "%option", neither a valid network mask nor valid CIDR (0-${most}).\n`,
  })
}

const options = {
  'hmark-tuple': value(parseTuple, {
    doc: 'what counts, with all its bits',
    metavar: `${tupleWords.join('|')}[,...]`,
  }),
  'hmark-src-prefix': prefixOption('bits of the source address that count'),
  'hmark-dst-prefix': prefixOption('bits of the destination address that count'),
  'hmark-sport-mask': uint16({ doc: 'bits of the source port that count' }),
  'hmark-dport-mask': uint16({ doc: 'bits of the destination port that count' }),
  'hmark-spi-mask': uint32({ doc: 'bits of the SPI of ESP and AH that count' }),
  'hmark-sport': uint16({ doc: 'bits to set in the source port' }),
  'hmark-dport': uint16({ doc: 'bits to set in the destination port' }),
  'hmark-spi': uint32({ doc: 'bits to set in the SPI' }),
  'hmark-proto-mask': uint16({ doc: 'bits of the protocol that count' }),
  'hmark-rnd': uint32({ doc: 'where the hash begins' }),
  'hmark-mod': uint32({ doc: 'how many marks there are', min: 1 }),
  'hmark-offset': uint32({ doc: 'the first mark' }),
}

export const HMARK = defineTarget<HashMark>()({
  name: 'HMARK',
  families: bothFamilies,
  doc: 'Mark the packet with a number that its conversation shares.',
  options,
  examples: [
    '--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-rnd 0x00000004 --hmark-mod 42 --hmark-offset 1',
  ],

  parse: (given, { family }) => parse(given, family),

  print(data) {
    const words = [
      ...option('src-prefix', data.sourcePrefix),
      ...option('dst-prefix', data.destinationPrefix),
      ...option('sport-mask', data.sourcePortMask, 4),
      ...option('dport-mask', data.destinationPortMask, 4),
      ...option('spi-mask', data.spiMask, 8),
      ...option('sport', data.sourcePort, 4),
      ...option('dport', data.destinationPort, 4),
      ...option('spi', data.spi, 8),
      ...option('proto-mask', data.protocolMask, 2),
      ...option('rnd', data.seed, 8),
      ...option('mod', data.modulus),
      ...option('offset', data.offset),
    ].map((words) => `--hmark-${words}`)
    return [...words, ...(data.ofConnection ? ['--hmark-tuple ct'] : [])].join(' ')
  },

  list(data, { family }) {
    const words = [
      ...option('mod', data.modulus),
      ...option('+', data.offset, 1),
      ...(data.ofConnection ? ['ct,'] : []),
      ...listPrefix('src-prefix', data.sourcePrefix, family),
      ...listPrefix('dst-prefix', data.destinationPrefix, family),
      ...option('sport-mask', data.sourcePortMask, 1),
      ...option('dport-mask', data.destinationPortMask, 1),
      ...option('spi-mask', data.spiMask, 1),
      ...option('sport', data.sourcePort, 1),
      ...option('dport', data.destinationPort, 1),
      ...option('spi', data.spi, 1),
      ...option('proto-mask', data.protocolMask, 1),
      ...option('rnd', data.seed, 1),
    ]
    return ` HMARK ${words.join(' ')} `
  },

  check: ({ spi, sourcePort, destinationPort }) =>
    spi === null || (sourcePort === null && destinationPort === null)
      ? null
      : {
          code: 'spi-and-ports',
          message: 'an SPI and ports share their place: bits of one of them only can be set',
        },

  act(data, skb, context) {
    const parts = data.ofConnection
      ? partsOfConnection(skb.conntrack?.connection ?? null, context.host.family)
      : conversationOf(skb.packet)
    if (parts === null) {
      context.note?.(
        data.ofConnection ? 'it has no connection, so no mark' : 'what it quotes is cut off, so no mark',
      )
      return { kind: 'continue' }
    }
    skb.mark = markOf(parts, data)
    context.note?.(`mark 0x${skb.mark.toString(16)}`)
    return { kind: 'continue' }
  },
})

/** Digits: of hexadecimal, at least; none for decimal. */
const option = (name: string, number: number | null, digits = 0): string[] =>
  number === null
    ? []
    : [`${name} ${digits === 0 ? number : `0x${number.toString(16).padStart(digits, '0')}`}`]

/** iptables leaves out the length of a whole IPv6 address, and not the blank behind it. */
const listPrefix = (name: string, length: number | null, family: Family): string[] =>
  family === 'ipv6' && length === 128 ? [`${name} `] : option(name, length)

/** Options set what they name, in the order of the text. */
function parse(given: Given<typeof options>, family: Family): HashMark {
  const seed = given['hmark-rnd']?.value
  const modulus = given['hmark-mod']?.value
  if (modulus === undefined)
    return refuse('no-modulus', 'HMARK needs --hmark-mod', { said: '--hmark-mod is mandatory' })
  if (seed === undefined)
    return refuse('no-seed', 'HMARK needs --hmark-rnd', { said: '--hmark-rnd is mandatory' })
  const parts: Record<(typeof fields)[TupleWord & keyof typeof fields], number | null> = {
    sourcePrefix: null,
    destinationPrefix: null,
    sourcePortMask: null,
    destinationPortMask: null,
    spiMask: null,
    protocolMask: null,
  }
  let ofConnection = false
  for (const name of Object.keys(given)) {
    const { value } = (given as Given<OptionTable> as Record<string, Seen<unknown>>)[name]!
    if (name === 'hmark-tuple') {
      for (const word of value as readonly TupleWord[]) {
        if (word === 'ct') ofConnection = true
        else parts[fields[word]] = wholeOf(word, family)
      }
    }
    const field = fieldOfOption[name]
    if (field === undefined) continue
    if (parts[field] !== null) {
      return refuse('repeated', `--${name} says again what --hmark-tuple said`, {
        said: `HMARK: option "--${name}" can only be used once.\n`,
      })
    }
    parts[field] = value as number
  }
  if (parts.spiMask !== null && (parts.sourcePortMask !== null || parts.destinationPortMask !== null)) {
    return refuse('spi-and-ports', 'an SPI and ports share their place: name one of them only', {
      said: 'you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time',
    })
  }
  const data: HashMark = {
    ...parts,
    sourcePort: given['hmark-sport']?.value ?? null,
    destinationPort: given['hmark-dport']?.value ?? null,
    spi: given['hmark-spi']?.value ?? null,
    seed,
    modulus,
    offset: given['hmark-offset']?.value ?? null,
    ofConnection,
  }
  const counts = [...Object.values(parts), data.sourcePort, data.destinationPort, data.spi]
  if (counts.some((part) => part !== null) || ofConnection) return data
  return refuse('no-tuple', 'HMARK does not say what counts', {
    help: '--hmark-tuple src,dst,sport,dport,proto',
    said: 'you have to specify --hmark-tuple at least',
  })
}

const fieldOfOption: Readonly<Record<string, (typeof fields)[keyof typeof fields]>> = {
  'hmark-src-prefix': 'sourcePrefix',
  'hmark-dst-prefix': 'destinationPrefix',
  'hmark-sport-mask': 'sourcePortMask',
  'hmark-dport-mask': 'destinationPortMask',
  'hmark-spi-mask': 'spiMask',
  'hmark-proto-mask': 'protocolMask',
}

function wholeOf(word: Exclude<TupleWord, 'ct'>, family: Family): number {
  if (word === 'src' || word === 'dst') return family === 'ipv4' ? 32 : 128
  return word === 'spi' ? 0xffffffff : 0xffff
}

function parseTuple(text: string): TupleWord[] {
  return text.split(',').map((part) => {
    const word = part === '' ? undefined : tupleWords.find((each) => each.startsWith(part.toLowerCase()))
    if (word !== undefined) return word
    return refuse('bad-tuple', `has "${part}", which is none of ${tupleWords.join(', ')}`, {
      said: `Bad type "${part}"`,
    })
  })
}

// --- The number

/** As the connection began: its source, and who answers. */
function partsOfConnection(connection: Connection | null, family: Family): Parts | null {
  if (connection === null) return null
  const { original, reply } = connection
  const { protocol } = original
  const ends = { source: original.source, destination: reply.source }
  // The kernel asks for the number of IPv4's ICMP in both families.
  if (protocol === icmpNumber) return { family, ...ends, protocol, ports: null }
  return { family, ...ends, protocol, ports: ((original.sourcePort << 16) | reply.sourcePort) >>> 0 }
}

/** The same for both directions: the smaller of two addresses comes first, and the larger of two ports. */
function markOf(parts: Parts, data: HashMark): number {
  const source = masked(parts.source, data.sourcePrefix ?? 0)
  const destination = masked(parts.destination, data.destinationPrefix ?? 0)
  const [low, high] = source < destination ? [source, destination] : [destination, source]
  const hash =
    (jhash2([low, high, portsOf(parts, data)], data.seed) ^ (parts.protocol & (data.protocolMask ?? 0))) >>> 0
  const scaled = Number((BigInt(hash) * BigInt(data.modulus)) >> 32n)
  return (scaled + (data.offset ?? 0)) >>> 0
}

/** The words of the address that count, folded into one. */
function masked(address: Address | null, length: number): number {
  if (address === null) return 0
  const mask = maskOfLength(address.family, length)
  return address.words.reduce((folded, word, at) => folded ^ (word & mask.words[at]!), 0) >>> 0
}

function portsOf({ ports }: Parts, data: HashMark): number {
  if (ports === null) return 0
  const mask = data.spiMask ?? pair(data.sourcePortMask, data.destinationPortMask)
  const set = data.spi ?? pair(data.sourcePort, data.destinationPort)
  const both = ((ports & mask) | set) >>> 0
  const [left, right] = [both >>> 16, both & 0xffff]
  return right > left ? ((right << 16) | left) >>> 0 : both
}

const pair = (left: number | null, right: number | null): number => (((left ?? 0) << 16) | (right ?? 0)) >>> 0
