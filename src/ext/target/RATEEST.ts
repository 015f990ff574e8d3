/**
 * `-j RATEEST`: count the packet into an estimate of a rate, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_RATEEST.c, Linux 6.18. Syntax: iptables extensions/libxt_RATEEST.c, 1.8.9.
 *
 * The estimate is read by `-m rateest`. Rules that share a name must agree on the terms.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { type EstimateTerms, estimateKind, RateEstimate } from '../_estimate.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface EstimatedRate extends EstimateTerms {
  /** At most 15 bytes. */
  readonly name: string
}

interface Held {
  readonly name: string
  readonly estimate: RateEstimate
}

const nameBytes = 15
const microsecondsPerSecond = 1_000_000
const shortestInterval = microsecondsPerSecond / 4

const time = (doc: string, what: string) =>
  value((text) => parseTime(text, what), { doc, metavar: 'TIME', required: true })

export const RATEEST = defineTarget<EstimatedRate, Held>()({
  name: 'RATEEST',
  families: bothFamilies,
  doc: 'Count the packet into an estimate of a rate.',
  options: {
    'rateest-name': value((text) => cutBytes(text, nameBytes), {
      doc: 'name of the estimate',
      metavar: 'NAME',
      required: true,
    }),
    'rateest-interval': time('how often it is made: 250ms to 8s', 'interval'),
    'rateest-ewmalog': time('how far the average reaches back', 'ewmalog'),
  },
  examples: ['--rateest-name RE1 --rateest-interval 250.0ms --rateest-ewmalog 500.0ms'],

  parse(given) {
    const interval = given['rateest-interval']!.value
    const intervalPower = [0, 1, 2, 3, 4, 5].find((power) => interval <= shortestInterval * 2 ** power)
    if (intervalPower === undefined) {
      return refuse('interval-too-long', 'the interval is longer than 8 seconds', {
        said: 'RATEEST: interval value is too large',
      })
    }
    const averagePower = averagePowerOf(interval, given['rateest-ewmalog']!.value)
    if (averagePower === 0 || averagePower >= 31) {
      return refuse('bad-average', 'the average must reach back further than an interval, and not too far', {
        said: 'RATEEST: ewmalog value is out of range',
      })
    }
    return { name: given['rateest-name']!.value, intervalPower, averagePower }
  },

  print: (data) => words(data, '--rateest-').join(' '),
  list: (data) => ` ${words(data, '').join(' ')}`,

  founds: ({ name, intervalPower, averagePower }) => ({
    name: `${estimateKind} ${name}`,
    terms: `${intervalPower} ${averagePower}`,
  }),
  load: (data, host) => ({
    name: data.name,
    estimate: host.share(estimateKind, data.name, () => new RateEstimate(data, host.profile.hz)),
  }),
  unload: ({ name }, host) => host.unshare(estimateKind, name),

  act({ name }, { packet }, { note, jiffies }, { estimate }) {
    estimate.count(packet.endOffset - packet.networkOffset, jiffies)
    note?.(`it counts for the estimate ${name}`)
    return { kind: 'continue' }
  },
})

function words({ name, intervalPower, averagePower }: EstimatedRate, prefix: string): string[] {
  const interval = shortestInterval * 2 ** intervalPower
  // In 32 bits.
  const average = (interval * 2 ** averagePower) % 2 ** 32
  return [
    `${prefix}name ${name}`,
    `${prefix}interval ${printTime(interval)}`,
    `${prefix}ewmalog ${printTime(average)}`,
  ]
}

function printTime(microseconds: number): string {
  if (microseconds >= microsecondsPerSecond) return `${(microseconds / microsecondsPerSecond).toFixed(1)}s`
  return microseconds >= 1000 ? `${(microseconds / 1000).toFixed(1)}ms` : `${microseconds}us`
}

/** Source: RATEEST_final_check(). */
function averagePowerOf(interval: number, average: number): number {
  let power = 1
  for (; power < 32; power++) if (interval / -Math.log(1 - 1 / 2 ** power) > average) break
  return power - 1
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  s: microsecondsPerSecond,
  sec: microsecondsPerSecond,
  secs: microsecondsPerSecond,
  ms: 1000,
  msec: 1000,
  msecs: 1000,
  us: 1,
  usec: 1,
  usecs: 1,
}

/** Microseconds, where no unit says otherwise. Source: RATEEST_get_time(), after iproute2. */
function parseTime(text: string, what: string): number {
  const [, number, unit] = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? []
  const factor = units[unit?.toLowerCase() ?? '?']
  if (number === undefined || factor === undefined) {
    return refuse('bad-time', 'is not a time: a number with s, ms or us behind it', {
      said: `RATEEST: bad ${what} value "%value"`,
    })
  }
  return Math.trunc(Number(number) * factor) >>> 0
}
