/**
 * `-m limit`: match so many packets in a while, by a token bucket.
 *
 * Kernel: net/netfilter/xt_limit.c, limit_mt() and limit_mt_check(), Linux 6.18. Syntax: iptables
 * extensions/libxt_limit.c, 1.8.9.
 *
 * The bucket belongs to the rule as it was loaded: whenever its table is replaced, it is full again. All arithmetic
 * is in 32 bits, so after a day and a half without packets (at 250 ticks a second) the credit gained wraps around.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint32, value } from '../../lang/options.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Limit {
  /** Ten-thousandths of a second for one packet: 1 to 864000000. */
  readonly period: number
  /** Packets a full bucket is good for: 0 to 10000; the kernel refuses 0. */
  readonly burst: number
}

/** Credit of one rule; unsigned 32-bit numbers. */
export interface Bucket {
  credit: number
  readonly cap: number
  readonly cost: number
  /** Null until the first packet. (The kernel notes when the rule was loaded; the bucket is full until then.) */
  previousJiffies: number | null
}

/** XT_LIMIT_SCALE: parts of a second in `period`. */
const scale = 10_000
const defaultPeriod = (scale * 3600) / 3
const defaultBurst = 5
const wrap = 2 ** 32

export const limit = defineMatch<Limit, Bucket>()({
  name: 'limit',
  families: bothFamilies,
  doc: 'Match at a limited rate.',
  stateful: true,
  options: {
    limit: value(parseRate, { doc: 'packets in a unit of time, 3/hour by default', metavar: 'RATE[/UNIT]' }),
    'limit-burst': uint32({
      doc: 'packets to let through before the rate counts',
      max: 10_000,
      metavar: 'NUMBER',
    }),
  },
  examples: ['--limit 3/hour', '--limit 5/sec --limit-burst 10'],

  parse: (given) => ({
    period: given.limit?.value ?? defaultPeriod,
    burst: given['limit-burst']?.value ?? defaultBurst,
  }),

  print: ({ period, burst }) =>
    `--limit ${printRate(period)}${burst === defaultBurst ? '' : ` --limit-burst ${burst}`}`,
  list: ({ period, burst }) => ` limit: avg ${printRate(period)} burst ${burst}`,

  check({ period, burst }, _rule, { profile }) {
    const { cap, cost } = newBucket({ period, burst }, profile.hz)
    if (burst !== 0 && cost <= cap) return null
    return {
      code: 'overflow',
      message: `--limit ${printRate(period)} with a burst of ${burst} is beyond what the kernel can count`,
      notes: [
        burst === 0 ? 'a burst of 0 lets nothing through' : 'it counts credit in 32 bits, and they overflow',
      ],
      help: burst === 0 ? '--limit-burst 1' : 'lower --limit-burst',
    }
  },

  load: (data, host) => newBucket(data, host.profile.hz),

  evaluate(_data, _skb, context, bucket) {
    const { jiffies } = context
    const { hz } = context.host.profile
    const elapsed = jiffies - (bucket.previousJiffies ?? jiffies)
    const gained = (elapsed * creditsPerJiffy(hz)) % wrap
    bucket.previousJiffies = jiffies
    bucket.credit = Math.min(bucket.cap, (bucket.credit + gained) % wrap)
    const matches = bucket.cost <= bucket.credit
    if (matches) bucket.credit -= bucket.cost
    context.note?.(describe(bucket, hz))
    return matches
  },

  looksAt: () => 'header',

  analyse: (_data, space) => ({ must: space.none, may: space.all }),

  explain: (_data, _skb, context, bucket) => describe(bucket, context.host.profile.hz),
})

function describe({ credit, cost }: Bucket, hz: number): string {
  const more = Math.floor(credit / cost)
  if (more > 0) return `the limit lets ${more} more through at once`
  const seconds = Math.ceil((cost - credit) / creditsPerJiffy(hz)) / hz
  return `the limit is used up for the next ${seconds} s`
}

// --- Credits

/** The power of two that lets a day's worth of credit stay below 2^32: 128 at 250 ticks a second. */
const creditsPerJiffy = (hz: number): number =>
  2 ** Math.floor(Math.log2(Math.floor((wrap - 1) / (hz * 86_400))))

function newBucket({ period, burst }: Limit, hz: number): Bucket {
  const cap = creditsFor(Math.imul(period, burst) >>> 0, hz)
  return { credit: cap, cap, cost: creditsFor(period, hz), previousJiffies: null }
}

/** Credit worth a span in ten-thousandths of a second. Source: user2credits(). */
function creditsFor(span: number, hz: number): number {
  const perSecond = hz * creditsPerJiffy(hz)
  // Longer spans would overflow, so they are divided first and lose their fractions of a second.
  if (span > Math.floor((wrap - 1) / perSecond)) return (Math.floor(span / scale) * perSecond) % wrap
  return Math.floor((span * perSecond) / scale)
}

// --- Rates

/** In printing order; parsing takes any beginning of `name`. */
const units = [
  { name: 'day', short: 'day', period: 86_400 * scale },
  { name: 'hour', short: 'hour', period: 3_600 * scale },
  { name: 'minute', short: 'min', period: 60 * scale },
  { name: 'second', short: 'sec', period: scale },
] as const

/** `RATE[/UNIT]`: the number is read as `atoi` does, so what follows it is not looked at. */
function parseRate(text: string): number {
  const [number = '', ...rest] = text.split('/')
  const word = rest.join('/').toLowerCase()
  const unit =
    rest.length === 0 ? units[3] : units.findLast(({ name }) => word !== '' && name.startsWith(word))
  const rate = readInteger(number)
  if (unit === undefined || rate === 0) {
    return refuse('bad-rate', 'is not a rate: a number, a slash and second, minute, hour or day', {
      said: `bad rate "%value"'`,
      help: '5/minute',
    })
  }
  const period = Math.floor(unit.period / rate)
  return period === 0
    ? refuse('too-fast', `is too fast: at most ${unit.period}/${unit.name}`, {
        said: 'Rate too fast "%value"\n',
      })
    : period
}

/** `atoi` into an unsigned 32-bit number. */
function readInteger(text: string): number {
  const [, digits = '0'] = /^[ \t\n\v\f\r]*([-+]?\d+)/.exec(text) ?? []
  const most = (1n << 63n) - 1n
  const value = BigInt(digits.replace(/^\+/, ''))
  return Number(BigInt.asUintN(32, value > most ? most : value < -most - 1n ? -most - 1n : value))
}

/** The largest unit in which the rate comes out nearly whole. Source: print_rate(). */
function printRate(period: number): string {
  let unit: (typeof units)[number] = units[0]
  for (const smaller of units.slice(1)) {
    const rate = Math.floor(smaller.period / period)
    if (period > smaller.period || rate < smaller.period % period) break
    unit = smaller
  }
  return `${Math.floor(unit.period / period)}/${unit.short}`
}
