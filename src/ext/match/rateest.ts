/**
 * `-m rateest`: compare rates that `-j RATEEST` estimates, with each other or with a number.
 *
 * Kernel: net/netfilter/xt_rateest.c, xt_rateest_mt(), Linux 6.18. Syntax: iptables extensions/libxt_rateest.c, 1.8.9.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber, uint32Max } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import type { ListForm, OptionSpec, ValueParser } from '../../lang/syntax.ts'
import { estimateKind, type RateEstimate } from '../_estimate.ts'
import { bothFamilies, defineMatch } from '../define.ts'

const tests = ['lt', 'gt', 'eq'] as const
type Test = (typeof tests)[number]

export interface RateComparison {
  /** Of one estimate, or two; '' where none is named, which no rule can have founded. */
  readonly names: readonly [string] | readonly [string, string]
  /** Whether what is left of `first` (and of `second`, with two names) is compared, not the rates themselves. */
  readonly isDelta: boolean
  /** Per second, unsigned 32 bits; null when not compared. */
  readonly bytes: Pair | null
  readonly packets: Pair | null
  /** Null where none was given, which the kernel refuses. */
  readonly test: Test | null
  readonly inverted: boolean
}

interface Held {
  readonly names: readonly string[]
  readonly estimates: readonly RateEstimate[]
}

interface Pair {
  readonly first: number
  readonly second: number
}

/** IFNAMSIZ, less the zero behind. */
const nameBytes = 15

const said = (option: string, what: string) => ({
  saidTwice: `rateest: can't specify --${option} twice`,
  saidInverted: `rateest: ${what} can't be inverted`,
})

const name = (option: string, doc: string, alias: readonly string[]) =>
  value((text) => cutBytes(text, nameBytes), {
    doc,
    metavar: 'NAME',
    alias,
    ...said(option, 'rateest'),
  })

const amount = (
  option: string,
  doc: string,
  parse: ValueParser<number>,
  alias: readonly string[],
): OptionSpec<number | null> => ({
  ...value(parse, { doc, metavar: 'RATE', alias, ...said(option, option.replace(/[12]$/, '')) }),
  optional: true,
})

const test = (doc: string) =>
  flag({ doc, invertible: true, saidTwice: "rateest: can't specify lt/gt/eq twice" })

export const rateest = defineMatch<RateComparison, Held>()({
  name: 'rateest',
  families: bothFamilies,
  doc: 'Compare rates that RATEEST estimates.',
  stateful: true,
  options: {
    rateest1: name('rateest1', 'the first estimate', ['rateest']),
    rateest2: name('rateest2', 'the second estimate', []),
    'rateest-bps1': amount('rateest-bps1', 'bytes, less the first rate', parseRate, []),
    'rateest-pps1': amount('rateest-pps1', 'packets, less the first rate', parsePackets, []),
    'rateest-bps2': amount('rateest-bps2', 'bytes to compare with', parseRate, ['rateest-bps']),
    'rateest-pps2': amount('rateest-pps2', 'packets to compare with', parsePackets, ['rateest-pps']),
    'rateest-delta': flag({
      doc: 'compare what is left of the given rates',
      ...said('rateest-delta', 'rateest-delta'),
    }),
    'rateest-lt': test('the first is less'),
    'rateest-gt': test('the first is greater'),
    'rateest-eq': test('they are equal'),
  },
  examples: [
    '--rateest RE1 --rateest-lt --rateest-bps 8000bit',
    '--rateest-delta --rateest1 RE1 --rateest-pps1 0 --rateest-lt --rateest-pps2 42 --rateest2 RE2',
  ],

  parse(given, _environment, all) {
    const second = given.rateest2?.value
    const first = given.rateest1?.value ?? ''
    const pair = (unit: 'bps' | 'pps'): Pair | null => {
      const [one, two] = [given[`rateest-${unit}1`], given[`rateest-${unit}2`]]
      return (one ?? two) === undefined ? null : { first: one?.value ?? 0, second: two?.value ?? 0 }
    }
    const asked = all.filter(({ name }) => /-(lt|gt|eq)$/.test(name))
    return {
      names: second === undefined ? [first] : [first, second],
      isDelta: given['rateest-delta'] !== undefined,
      bytes: pair('bps'),
      packets: pair('pps'),
      test: tests.find((each) => asked.at(-1)?.name === `rateest-${each}`) ?? null,
      inverted: asked.some(({ inverted }) => inverted),
    }
  },

  print: printOptions,
  list: listed,

  check({ bytes, packets, test }) {
    if (bytes === null && packets === null)
      return { code: 'no-rate', message: 'rateest compares neither --rateest-bps nor --rateest-pps' }
    return test === null
      ? { code: 'no-test', message: 'rateest needs one of --rateest-lt, --rateest-gt and --rateest-eq' }
      : null
  },
  refersTo: ({ names }) => names.map((each) => `${estimateKind} ${each}`),

  load: ({ names }, host) => ({
    names,
    estimates: names.map((each) =>
      host.share<RateEstimate>(estimateKind, each, () => {
        throw new Error(`nobody estimates ${each}`)
      }),
    ),
  }),
  unload: ({ names }, host) => {
    for (const each of names) host.unshare(estimateKind, each)
  },

  evaluate(data, _skb, context, { estimates }) {
    const { isDelta, bytes, packets, test, inverted } = data
    const [rate, other] = estimates.map((each) => each.read(context.jiffies))
    const left = (given: number, measured: bigint): bigint => {
      const rest = BigInt(given) - measured
      return rest > 0n ? rest : 0n
    }
    const holds = (unit: 'bytes' | 'packets', pair: Pair | null): boolean => {
      if (pair === null) return true
      const first = isDelta ? left(pair.first, rate![unit]) : rate![unit]
      const second =
        other === undefined ? BigInt(pair.second) : isDelta ? left(pair.second, other[unit]) : other[unit]
      context.note?.(`${first} and ${second} ${unit} a second`)
      return test === 'lt' ? first < second : test === 'gt' ? first > second : first === second
    }
    return (holds('bytes', bytes) && holds('packets', packets)) !== inverted
  },
  analyse: (_data, space) => ({ must: space.none, may: space.all }),
  explain: () => 'the rates are otherwise',
})

// --- Text

/** Units of iproute2, in bits. Compared in any case, the first that fits. */
const units: readonly (readonly [name: string, bits: number])[] = [
  ['bit', 1],
  ['Kibit', 2 ** 10],
  ['kbit', 1e3],
  ['mibit', 2 ** 20],
  ['mbit', 1e6],
  ['gibit', 2 ** 30],
  ['gbit', 1e9],
  ['tibit', 2 ** 40],
  ['tbit', 1e12],
  ['Bps', 8],
  ['KiBps', 8 * 2 ** 10],
  ['KBps', 8e3],
  ['MiBps', 8 * 2 ** 20],
  ['MBps', 8e6],
  ['GiBps', 8 * 2 ** 30],
  ['GBps', 8e9],
  ['TiBps', 8 * 2 ** 40],
  ['TBps', 8e12],
]

/** Bytes per second. Without a unit they are bits. */
function parseRate(text: string): number {
  const [, number, unit = ''] = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(.*)$/s.exec(text) ?? []
  const bits = unit === '' ? 1 : units.find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1]
  if (number === undefined || bits === undefined)
    return refuse('bad-rate', 'is no rate: a number, and bit, kbit, mbit, Bps or KBps behind it', {
      said: "rateest: could not parse rate `%value'",
    })
  return Number(BigInt.asUintN(32, BigInt(Math.trunc((Number(number) * bits) / 8))))
}

function parsePackets(text: string): number {
  const number = parseNumber(text, 0n, uint32Max)
  if (number !== null) return Number(number)
  return refuse('bad-rate', 'is not a number from 0 to 4294967295', {
    said: "rateest: could not parse pps `%value'",
  })
}

const printRate = (bytes: number): string => {
  const bits = bytes * 8
  if (bits >= 1e9) return `${roundedEven(bits / 1e6)}Mbit`
  return bits >= 1e6 ? `${roundedEven(bits / 1e3)}Kbit` : `${bits}bit`
}

/** As printf rounds: halves to the even neighbour. */
function roundedEven(number: number): number {
  const down = Math.floor(number)
  return number - down === 0.5 ? down + (down % 2) : Math.round(number)
}

function printOptions({ names, isDelta, bytes, packets, test, inverted }: RateComparison): string {
  const [first, second] = names
  const mode = `${inverted ? '! ' : ''}--rateest-${test}`
  const compared = (unit: 'bps' | 'pps', pair: Pair | null, print: (rate: number) => string): string[] => {
    if (pair === null) return []
    if (isDelta)
      return [`--rateest-${unit}1 ${print(pair.first)}`, mode, `--rateest-${unit}2 ${print(pair.second)}`]
    return [mode, `--rateest-${unit}${second === undefined ? ` ${print(pair.second)}` : ''}`]
  }
  return [
    ...(isDelta ? ['--rateest-delta'] : []),
    second === undefined ? `--rateest ${first}` : `--rateest1 ${first}`,
    ...compared('bps', bytes, printRate),
    ...compared('pps', packets, String),
    ...(second === undefined ? [] : [`--rateest2 ${second}`]),
  ].join(' ')
}

function listed(
  { names, isDelta, bytes, packets, test, inverted }: RateComparison,
  { numeric }: ListForm,
): string {
  const [first, second] = names
  const mode = `${inverted ? '! ' : ''}${test}`
  const rate = numeric ? String : printRate
  const delta = (text: string): string[] => (isDelta ? [text] : [])
  const isAlone = second === undefined
  return [
    ' rateest match',
    first,
    ...delta('delta'),
    ...(bytes === null ? [] : ['bps', ...delta(rate(bytes.first))]),
    ...(bytes !== null && isAlone ? [rate(bytes.second), mode] : []),
    ...(packets === null ? [] : ['pps', ...delta(String(packets.first))]),
    ...(packets !== null && isAlone ? [mode, String(packets.second)] : []),
    ...(isAlone ? [] : [mode, second]),
    ...(bytes !== null && !isAlone ? ['bps', ...delta(rate(bytes.second))] : []),
    ...(packets !== null && !isAlone ? ['pps', ...delta(String(packets.second))] : []),
  ].join(' ')
}
