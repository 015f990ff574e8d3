/**
 * `-m statistic`: every so-manieth packet, or some by chance.
 *
 * Kernel: net/netfilter/xt_statistic.c, statistic_mt(), Linux 6.18. Syntax: iptables extensions/libxt_statistic.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { choice, uint32, value } from '../../lang/options.ts'
import type { HostServices } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export type Statistic =
  | {
      readonly mode: 'random'
      /** In parts of 2^31: 0 to 2^31. */
      readonly probability: number
      readonly inverted: boolean
    }
  | {
      readonly mode: 'nth'
      /** One of so many packets matches: 1 to 2^32 - 1. */
      readonly every: number
      /** Which of the first `every`, from 0. */
      readonly packet: number
      readonly inverted: boolean
    }

/** Of one rule, as it was loaded. */
interface Count {
  /** Packets since the last that counted; `every` - 1 before one that does. */
  count: number
  readonly random: HostServices['random']
}

/** What a probability of 1 is in the kernel. */
const certain = 2 ** 31

export const statistic = defineMatch<Statistic, Count>()({
  name: 'statistic',
  families: bothFamilies,
  doc: 'Match one of so many packets, or packets by chance.',
  stateful: true,
  options: {
    mode: choice(['random', 'nth'], {
      doc: 'by chance, or by counting',
      required: true,
      said: 'Bad mode "%value"',
    }),
    probability: value(parseProbability, {
      doc: 'of a match, from 0 to 1',
      metavar: 'P',
      invertible: true,
      excludes: ['every', 'packet'],
    }),
    every: uint32({
      doc: 'one of so many packets matches',
      min: 1,
      invertible: true,
      excludes: ['probability'],
      needs: ['packet'],
    }),
    packet: uint32({ doc: 'which of them, from 0', excludes: ['probability'], needs: ['every'] }),
  },
  examples: ['--mode random --probability 0.50000000000', '--mode nth ! --every 5 --packet 2'],

  checkFirst: ({ mode, probability, every, packet }) => {
    // Random is what iptables takes where no mode was read yet.
    if (mode?.value !== 'nth') {
      if (probability === undefined)
        refuse('no-probability', 'statistic needs --probability in random mode', {
          said: '--probability must be specified when using random mode',
        })
      return
    }
    if (every === undefined && packet === undefined)
      refuse('no-count', 'statistic needs --every and --packet in nth mode', {
        said: '--every and --packet must be specified when using nth mode',
      })
    const [pick, period] = [packet?.value as number | undefined, every?.value as number | undefined]
    if (pick !== undefined && pick >= (period ?? 0))
      refuse('packet-too-large', `--packet ${pick} is none of 0 to ${(period ?? 1) - 1}`, {
        said: 'the --packet p must be 0 <= p <= n-1',
      })
  },
  parse: ({ mode, probability, every, packet }) =>
    mode!.value === 'random'
      ? { mode: 'random', probability: probability!.value, inverted: probability!.inverted }
      : { mode: 'nth', every: every!.value, packet: packet!.value, inverted: every!.inverted },

  print: (data) => words(data, '--', true),

  list: (data) => ` statistic ${words(data, '', false)}`,

  load: (data, { random }) => ({ count: data.mode === 'nth' ? data.every - 1 - data.packet : 0, random }),

  evaluate: (data, _skb, context, state) => {
    if (data.mode === 'random') {
      const drawn = (state.random() & 0x7fff_ffff) >>> 0
      context.note?.(`chance drew ${decimal(drawn)}`)
      return drawn < data.probability !== data.inverted
    }
    state.count = state.count === data.every - 1 ? 0 : state.count + 1
    context.note?.(`${state.count === 0 ? 'the one' : `${state.count} behind the one`} of ${data.every}`)
    return (state.count === 0) !== data.inverted
  },

  looksAt: () => 'header',

  analyse: (data, space) => {
    const always = data.mode === 'random' ? data.probability === certain : data.every === 1
    const never = data.mode === 'random' && data.probability === 0
    if (data.inverted ? never : always) return { must: space.all, may: space.all }
    return { must: space.none, may: (data.inverted ? always : never) ? space.none : space.all }
  },

  explain: (data, _skb, _context, { count }) => {
    if (data.mode === 'random') return 'chance said no'
    return data.inverted ? `it is the one of ${data.every}` : `it is ${count} behind the one of ${data.every}`
  },
})

const decimal = (parts: number): string => (parts / certain).toFixed(11)

function words(data: Statistic, dashes: string, isWhole: boolean): string {
  const not = data.inverted ? ' !' : ''
  if (data.mode === 'random')
    return `${dashes}mode random${not} ${dashes}probability ${decimal(data.probability)}`
  const packet = data.packet > 0 || isWhole ? ` ${dashes}packet ${data.packet}` : ''
  return `${dashes}mode nth${not} ${dashes}every ${data.every}${packet}`
}

/** A decimal number as `strtod` reads it. */
function parseProbability(text: string): number {
  const isNumber = /^[ \t\n\v\f\r]*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)
  const number = isNumber ? Number(text) : Number.NaN
  if (!(0 <= number && number <= 1))
    return refuse('bad-probability', 'is not a number from 0 to 1', {
      said: '%name: bad value for option "%option", or out of range (0-1).\n',
    })
  return Math.round(number * certain)
}
