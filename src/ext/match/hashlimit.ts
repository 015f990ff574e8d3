/**
 * `-m hashlimit`: a rate for each address, port or combination of them.
 *
 * Kernel: net/netfilter/xt_hashlimit.c, hashlimit_mt(), Linux 6.18. Syntax: iptables extensions/libxt_hashlimit.c, 1.8.9.
 */
import type { Refusal } from '../../lang/diagnostic.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, type OptionText, text, uint32, value } from '../../lang/options.ts'
import type { KernelProfile } from '../../lang/profile.ts'
import type { OptionSpec } from '../../lang/syntax.ts'
import { parseHost } from '../../lang/values.ts'
import { type Family, lengthOfMask } from '../../net/address.ts'
import { skipExtensionHeaders } from '../../net/headers/ipv6-extension.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import {
  bytesOfCost,
  mostBurst,
  parseBurst,
  parseRate,
  printByteBurst,
  printByteRate,
  printPacketRate,
} from './_hashlimit-rate.ts'
import {
  type BucketKey,
  byteCredits,
  HashLimitTable,
  type KeyMode,
  keyModes,
  packetCredits,
  type TableSettings,
} from './_hashlimit-table.ts'

export interface HashLimit extends TableSettings {
  /** Matches what is over the limit, not what is below it. */
  readonly isAbove: boolean
  readonly name: string
}

const badValue = '%name: Bad value for "%option" option: "%value"'
const defaultBurst = 5n
const defaultSweepMs = 1000
/** Milliseconds until a bucket of bytes goes, with a burst. */
const byteBurstExpireMs = 60_000
const byteExpireMs = 15_000
/** HASHLIMIT_MAX_SIZE. */
const mostRows = 1_048_576
/** NAME_MAX less the zero behind. */
const nameBytes = 254

const widest = (family: Family): number => (family === 'ipv4' ? 32 : 128)

/** A number, or a mask in full; one with holes is no length, which the kernel finds. Source: `xtopt_parse_plen()`. */
const prefixLength = (spec: OptionText): OptionSpec<number> =>
  value(
    (given, { family }) => {
      const length = parseNumber(given, 0n, BigInt(widest(family)))
      if (length !== null) return Number(length)
      const mask = parseHost(given, family)
      if (mask !== null) return lengthOfMask(mask) ?? noLength
      return refuse('bad-length', `is not a prefix length from 0 to ${widest(family)}`, {
        said: `%name: bad value for option "%option", neither a valid network mask nor valid CIDR (0-${widest(family)}).\n`,
      })
    },
    { metavar: 'LENGTH', ...spec },
  )

/** A length that fits no family: -1 in a byte. */
const noLength = 255

const rate = (spec: OptionText): OptionSpec<ReturnType<typeof parseRate>> =>
  value(parseRate, { metavar: 'RATE[/UNIT]|BYTESb/s', invertible: true, ...spec })

export const hashlimit = defineMatch<HashLimit, Loaded>()({
  name: 'hashlimit',
  families: bothFamilies,
  doc: 'Match at a rate of its own for each address, port or combination of them.',
  stateful: true,
  options: {
    'hashlimit-upto': rate({
      doc: 'match up to this rate, of packets or of bytes',
      alias: ['hashlimit'],
      excludes: ['hashlimit-above'],
    }),
    'hashlimit-above': rate({ doc: 'match above this rate', excludes: ['hashlimit-upto'] }),
    'hashlimit-srcmask': prefixLength({ doc: 'source addresses with so many bits in common are one' }),
    'hashlimit-dstmask': prefixLength({ doc: 'the same of destinations' }),
    'hashlimit-burst': value(parseBurst, {
      doc: 'packets (or bytes: 400kb) to let through before the rate counts',
      metavar: 'NUMBER[k|m]',
    }),
    'hashlimit-htable-size': uint32({ doc: 'rows of the hash table' }),
    'hashlimit-htable-max': uint32({ doc: 'combinations to remember at most' }),
    'hashlimit-htable-gcinterval': uint32({ doc: 'milliseconds between sweeps', metavar: 'MS' }),
    'hashlimit-htable-expire': uint32({ doc: 'milliseconds until an idle one is forgotten', metavar: 'MS' }),
    'hashlimit-mode': value(parseModes, {
      doc: 'what to tell packets apart by; all are one without',
      metavar: 'srcip,srcport,dstip,dstport',
    }),
    'hashlimit-name': text({
      doc: 'name of the table, and of its file in /proc/net/ipt_hashlimit',
      minLength: 1,
      maxLength: nameBytes,
      required: true,
    }),
    'hashlimit-rate-match': flag({ doc: 'compare the rate only, without taking it for a budget' }),
    'hashlimit-rate-interval': value(parseInterval, {
      doc: 'seconds over which --hashlimit-rate-match measures',
      metavar: 'SECONDS',
    }),
  },
  examples: [
    '--hashlimit-upto 5/min --hashlimit-burst 10 --hashlimit-mode srcip,dstport --hashlimit-name ssh',
    '--hashlimit-above 512kb/s --hashlimit-burst 1mb --hashlimit-mode dstip --hashlimit-name down',
    '--hashlimit-above 1/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name nets --hashlimit-srcmask 24',
  ],

  checkFirst: (given) => {
    if (given['hashlimit-upto'] !== undefined || given['hashlimit-above'] !== undefined) return
    refuse('no-rate', 'hashlimit needs --hashlimit-upto or --hashlimit-above', {
      said: 'You have to specify --hashlimit',
    })
  },
  parse: (given, { family }) => {
    const asked = (given['hashlimit-upto'] ?? given['hashlimit-above'])!
    const { unit, average, seconds } = asked.value
    const burst = given['hashlimit-burst']?.value
    if (unit === 'packets' && burst !== undefined && burst > mostBurst)
      return refuse('bad-burst', `hashlimit takes a burst of at most ${mostBurst} packets`)
    const isRateMatch = given['hashlimit-rate-match'] !== undefined
    const expireMs = unit === 'bytes' && burst !== undefined ? byteBurstExpireMs : seconds * 1000
    const interval = given['hashlimit-rate-interval']?.value ?? 0
    return {
      isAbove: (given['hashlimit-above'] !== undefined) !== asked.inverted,
      unit,
      average: isRateMatch && unit === 'packets' ? average / BigInt(seconds) : average,
      burst: unit === 'packets' ? (burst ?? defaultBurst) : fillings(burst, average),
      modes: given['hashlimit-mode']?.value ?? [],
      name: given['hashlimit-name']!.value,
      rows: Math.min(given['hashlimit-htable-size']?.value ?? 0, mostRows),
      most: Math.min(given['hashlimit-htable-max']?.value ?? 0, mostRows),
      sweepMs: given['hashlimit-htable-gcinterval']?.value ?? defaultSweepMs,
      expireMs: given['hashlimit-htable-expire']?.value ?? expireMs,
      sourceBits: given['hashlimit-srcmask']?.value ?? widest(family),
      destinationBits: given['hashlimit-dstmask']?.value ?? widest(family),
      isRateMatch,
      interval: isRateMatch && interval === 0 ? (unit === 'bytes' ? 1 : seconds) : interval,
    }
  },

  print: (data, family) =>
    [
      `--hashlimit-${data.isAbove ? 'above' : 'upto'} ${describeRate(data, data.average, '--hashlimit-').text}`,
      data.modes.length === 0 ? '' : `--hashlimit-mode ${data.modes.join(',')}`,
      `--hashlimit-name ${data.name}`,
      ...describeTable(data, family, describeRate(data, data.average, '').expireMs).map(
        (words) => `--hashlimit-${words}`,
      ),
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: (data, { family }) => {
    const period = data.interval === 0 ? data.average : data.average * BigInt(data.interval)
    const { text, expireMs } = describeRate(data, data.unit === 'bytes' ? data.average : period, '')
    return [
      ` limit: ${data.isAbove ? 'above' : 'up to'} ${text}`,
      ...(data.modes.length === 0 ? [] : [`mode ${data.modes.join('-')}`]),
      ...describeTable(data, family, expireMs),
    ].join(' ')
  },

  check: (data, _rule, { family, profile }) => refusalOf(data, family, profile),

  load: (data, host) => ({
    name: data.name,
    table: host.share(kindOf(host.family), data.name, () => new HashLimitTable(data, host.profile)),
  }),

  unload: ({ name }, host) => host.unshare(kindOf(host.family), name),

  evaluate: (data, { packet }, context, { table }) => {
    const key = keyOf(table.terms, packet, context)
    const bytes = packet.endOffset - packet.networkOffset
    const answer = key === null ? 'full' : table.take(key, data, bytes, context.jiffies)
    if (answer === 'full') {
      context.hotdrop = true
      return false
    }
    context.note?.(`hashlimit ${data.name}: it is ${answer === 'below' ? 'within' : 'over'} the limit`)
    return (answer === 'over') === data.isAbove
  },

  looksAt: () => 'header',

  analyse: (_data, space) => ({ must: space.none, may: space.all }),

  hotdrops: (_data, space) => space.none,

  explain: ({ name, isAbove }) => `hashlimit ${name}: it is ${isAbove ? 'within' : 'over'} the limit`,
})

interface Loaded {
  readonly name: string
  readonly table: HashLimitTable
}

/** What tables are shared as. Those of the two families are apart, like their folders in /proc/net. */
export const kindOf = (family: Family): string => `hashlimit ${family}`

/** Bytes of a burst as the number of times a bucket may be filled. */
function fillings(burst: bigint | undefined, average: bigint): bigint {
  if (burst === undefined) return 0n
  const bytes = bytesOfCost(average)
  if (bytes === 0n || burst < bytes)
    return refuse('bad-burst', `hashlimit takes no burst below the ${bytes} bytes of a second`, {
      said: `burst cannot be smaller than ${bytes}b`,
      help: `${bytes}b`,
    })
  return BigInt.asUintN(32, (burst + bytes - 1n) / bytes)
}

function describeRate({ unit, average, burst }: HashLimit, period: bigint, dashes: string) {
  if (unit === 'packets') {
    const { text, seconds } = printPacketRate(period)
    return { text: `${text} ${dashes}burst ${burst}`, expireMs: seconds * 1000 }
  }
  if (burst === 0n) return { text: printByteRate(average), expireMs: byteExpireMs }
  const text = `${printByteRate(average)} ${dashes}burst ${printByteBurst(average, burst)}`
  return { text, expireMs: byteBurstExpireMs }
}

/** What differs from what iptables takes by itself. */
function describeTable(data: HashLimit, family: Family, usualExpireMs: number): string[] {
  return [
    data.rows === 0 ? '' : `htable-size ${data.rows}`,
    data.most === 0 ? '' : `htable-max ${data.most}`,
    data.sweepMs === defaultSweepMs ? '' : `htable-gcinterval ${data.sweepMs}`,
    data.expireMs === usualExpireMs ? '' : `htable-expire ${data.expireMs}`,
    data.sourceBits === widest(family) ? '' : `srcmask ${data.sourceBits}`,
    data.destinationBits === widest(family) ? '' : `dstmask ${data.destinationBits}`,
    data.isRateMatch ? 'rate-match' : '',
    data.isRateMatch && data.interval !== 1 ? `rate-interval ${data.interval}` : '',
  ].filter((words) => words !== '')
}

/**
 * Source: hashlimit_mt_check_common(), xt_check_proc_name(). Not seen here: a rate match cannot share its table with a
 * limit, which the kernel refuses (measured on 6.18).
 */
function refusalOf(data: HashLimit, family: Family, { hz }: KernelProfile): Refusal | null {
  const { unit, average, burst, name } = data
  if (name === '.' || name === '..' || name.includes('/'))
    return { code: 'bad-name', message: `"${name}" cannot be the name of a file in /proc` }
  const bits = Math.max(data.sourceBits, data.destinationBits)
  if (bits > widest(family))
    return {
      code: 'long-prefix',
      message: `a mask must have its bits together, and at most ${widest(family)}`,
    }
  if (data.sweepMs === 0 || data.expireMs === 0)
    return { code: 'no-time', message: 'buckets cannot be swept every 0 ms, nor go after 0 ms' }
  if (data.isRateMatch) {
    if (0n < average && average <= 0xffff_ffffn) return null
    return { code: 'overflow', message: 'the kernel cannot measure that rate' }
  }
  if (unit === 'bytes') {
    if (byteCredits(average, hz) > 0n) return null
    return { code: 'overflow', message: 'the rate is too high for the kernel' }
  }
  if (burst > 0n && packetCredits(BigInt.asUintN(64, average * burst), hz) >= packetCredits(average, hz))
    return null
  return { code: 'overflow', message: 'the kernel counts credit in 64 bits, and they overflow' }
}

function parseModes(text: string): readonly KeyMode[] {
  const words = text.split(/[,|]/).filter((word) => word !== '')
  const wrong = words.find((word) => !keyModes.some((mode) => mode === word))
  if (wrong !== undefined)
    return refuse('bad-mode', `has "${wrong}", which is none of ${keyModes.join(', ')}`, { said: badValue })
  return keyModes.filter((mode) => words.includes(mode))
}

/** As `atoi` reads it. */
function parseInterval(text: string): number {
  const seconds = Number(/^[ \t\n\v\f\r]*([-+]?\d+)/.exec(text)?.[1] ?? 0)
  return 0 < seconds && seconds <= 0x7fff_ffff
    ? seconds
    : refuse('bad-interval', 'is no number of seconds', { said: badValue })
}

// --- Keys

/** What the packet is told apart by, or null where its ports cannot be read: it is dropped. */
function keyOf(terms: HashLimitTable['terms'], packet: Packet, context: HookContext): BucketKey | null {
  const asks = (mode: KeyMode): boolean => terms.modes.includes(mode)
  const words = (offset: number, bits: number | null): number[] =>
    Array.from({ length: packet.family === 'ipv4' ? 1 : 4 }, (_, at) => {
      const kept = bits === null ? 0 : Math.max(0, Math.min(32, bits - 32 * at))
      return kept === 0 ? 0 : (packet.u32(offset + 4 * at) & (-1 << (32 - kept))) >>> 0
    })
  const ports = asks('srcport') || asks('dstport') ? portsOf(packet, context) : [0, 0]
  if (ports === null) return null
  return {
    source: words(packet.sourceOffset, asks('srcip') ? terms.sourceBits : null),
    destination: words(packet.destinationOffset, asks('dstip') ? terms.destinationBits : null),
    sourcePort: asks('srcport') ? ports[0]! : 0,
    destinationPort: asks('dstport') ? ports[1]! : 0,
  }
}

/** Where the two halves of what stands for ports are. Source: proto_ports_offset(), net/core. */
const portOffsets: ReadonlyMap<number, number> = new Map([
  [ipProtocol.tcp, 0],
  [ipProtocol.udp, 0],
  [ipProtocol.dccp, 0],
  [ipProtocol.esp, 0],
  [ipProtocol.sctp, 0],
  [ipProtocol.udplite, 0],
  [ipProtocol.ah, 4],
])

/** Source: hashlimit_init_dst(). A later fragment of IPv4 is read as if it began with the header. */
function portsOf(packet: Packet, context: HookContext): readonly number[] | null {
  const found =
    packet.family === 'ipv4'
      ? { protocol: packet.protocol, at: context.transportOffset }
      : skipExtensionHeaders(packet)
  if (found === null) return null
  const offset = portOffsets.get(found.protocol)
  if (offset === undefined) return [0, 0]
  const at = found.at + offset
  return packet.endOffset - at < 4 ? null : [packet.u16(at), packet.u16(at + 2)]
}
