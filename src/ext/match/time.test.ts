import { describe, expect, it } from 'vitest'
import { rememberingHost } from '../_testing/compare-sequences.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach, onKernelHost } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { time } from './time.ts'

const end = '--datestop 2038-01-19T03:14:07'
const text = {
  '': end,
  '--timestart 8:00': `--timestart 08:00:00 --timestop 23:59:59 ${end}`,
  '--timestop 08:1:9': `--timestart 00:00:00 --timestop 08:01:09 ${end}`,
  '--timestart 00:00 --timestop 23:59:59': end,
  '--timestart 22:00 --timestop 6:00 --contiguous': `--timestart 22:00:00 --timestop 06:00:00 ${end} --contiguous`,
  '--weekdays Mo,Fri,Sun': `--weekdays Mon,Fri,Sun ${end}`,
  '--weekdays 6,7,': `--weekdays Sat,Sun ${end}`,
  '! --weekdays Sat,Sunday': `--weekdays Mon,Tue,Wed,Thu,Fri ${end}`,
  '--weekdays 1,2,3,4,5,6,7': end,
  '--monthdays 31,1,15': `--monthdays 1,15,31 ${end}`,
  '! --monthdays 1,2': `--monthdays 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 ${end}`,
  '--datestart 2024': `--datestart 2024-01-01T00:00:00 ${end}`,
  '--datestart 2024-2-30T23 --datestop 2024-12-31T23:59:59':
    '--datestart 2024-03-01T23:00:00 --datestop 2024-12-31T23:59:59',
  '--datestop 2038-12': '--datestop 2038-12-01T00:00:00',
  '--datestart 2024-00': `--datestart 2023-12-01T00:00:00 ${end}`,
  '--kerneltz': `${end} --kerneltz`,
  '--localtz': `${end} --kerneltz`,
  '--utc': end,
  '--utc --kerneltz': 'error time/excluded',
  '--localtz --utc': 'error time/excluded',
  '--timestart 8': 'error time/bad-time',
  '--timestart 24:00': 'error time/bad-time',
  '--timestart 08:60': 'error time/bad-time',
  '--timestart 08:00:60': 'error time/bad-time',
  '--timestart 08:00:00:00': 'error time/bad-time',
  '--timestart 08-00': 'error time/bad-time',
  '--datestart 1969': 'error time/bad-date',
  '--datestart 2039': 'error time/bad-date',
  '--datestart 2024-13': 'error time/bad-date',
  '--datestart "2024-01-01 12:00"': 'error time/bad-date',
  '--datestart ""': 'error time/bad-date',
  '--weekdays 0': 'error time/bad-day',
  '--weekdays mon': 'error time/bad-day',
  '--weekdays ,Mon': 'error time/bad-day',
  '--monthdays 32': 'error time/bad-day',
  '--monthdays x': 'error time/bad-day',
  '--timestart 6:00 --timestop 22:00 --contiguous': 'error time/not-over-midnight',
  '! --timestart 6:00': 'error time/not-invertible',
}

// Other names of the same zone, days that are all, dates that are printed by another name.
describeMatch(time, { text })
describeMatch(time, { family: 'ipv6', text: { '--weekdays Tue': `--weekdays Tue ${end}` } })

/** Why a rule misses at a moment, or 'yes'. */
function at(moment: string | null, options: string, minutesWest = 0): string {
  const data = readOptions(time, options)
  const start = moment === null ? null : BigInt(Date.parse(moment)) * 1_000_000n
  const { skb, context } = packetSample('syn', 'ipv4', 'FORWARD')
  const own = { ...context, host: { ...rememberingHost('ipv4', start), minutesWest } }
  const matched = time.evaluate(data, skb, own, undefined)
  if (own.unknown !== null) return `unknown: ${own.unknown.what}`
  return matched ? 'yes' : (time.explain!(data, skb, own, undefined) ?? '')
}

describe('moments', () => {
  it('without a clock it is unknown', () => {
    expect(at(null, '--timestart 08:00')).toBe('unknown: what time it is')
  })

  it.each([
    ['2024-06-05T07:59:59Z', '--timestart 08:00 --timestop 18:00', 'it is 07:59:59'],
    ['2024-06-05T08:00:00Z', '--timestart 08:00 --timestop 18:00', 'yes'],
    ['2024-06-05T18:00:00Z', '--timestart 08:00 --timestop 18:00', 'yes'],
    ['2024-06-05T18:00:01Z', '--timestart 08:00 --timestop 18:00', 'it is 18:00:01'],
    // Over midnight.
    ['2024-06-05T23:00:00Z', '--timestart 22:00 --timestop 06:00', 'yes'],
    ['2024-06-05T06:00:00Z', '--timestart 22:00 --timestop 06:00', 'yes'],
    ['2024-06-05T12:00:00Z', '--timestart 22:00 --timestop 06:00', 'it is 12:00:00'],
    // 2024-06-05 was a Wednesday.
    ['2024-06-05T12:00:00Z', '--weekdays Wed', 'yes'],
    ['2024-06-09T12:00:00Z', '--weekdays Mon', 'it is Sun'],
    ['2024-06-05T01:00:00Z', '--timestart 22:00 --timestop 6:00 --weekdays Tue', 'it is Wed'],
    ['2024-06-05T01:00:00Z', '--timestart 22:00 --timestop 6:00 --weekdays Tue --contiguous', 'yes'],
    [
      '2024-06-05T01:00:00Z',
      '--timestart 22:00 --timestop 6:00 --weekdays Wed --contiguous',
      'it is Tue, counting from the day before',
    ],
    ['2024-03-01T01:00:00Z', '--monthdays 29 --timestart 22:00 --timestop 6:00 --contiguous', 'yes'],
    ['2024-03-31T12:00:00Z', '--monthdays 30', 'it is the 31st'],
    ['2024-06-05T12:00:00Z', '--datestart 2024-06-05T12:00:01', 'it is 2024-06-05T12:00:00'],
    ['2024-06-05T12:00:00Z', '--datestart 2024-06-05T12:00:00 --datestop 2024-06-05T12:00:00', 'yes'],
  ])('%s %s: %s', (moment, options, expected) => expect(at(moment, options)).toBe(expected))

  it('speaks of the kernel’s zone only when asked', () => {
    expect(at('2024-06-05T23:30:00Z', '--weekdays Thu --kerneltz', -60)).toBe('yes')
    expect(at('2024-06-05T23:30:00Z', '--weekdays Thu', -60)).toBe('it is Wed')
  })
})

const lack = kernelHostIsOutOfReach
it.skipIf(lack !== null)(`knows this moment as the kernel does${lack ? ` (${lack})` : ''}`, async () => {
  const now = new Date()
  const shifted = (minutes: number) => new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 19)
  const hour = (minutes: number) => shifted(minutes).slice(11)
  // Minutes away from now, so that no boundary falls between here and there.
  const offsets = [-700, -70, -5, 5, 70, 700]
  const rules = offsets.flatMap((from) => [
    `--datestart ${shifted(from)}`,
    `--datestop ${shifted(from)}`,
    ...offsets
      .filter((to) => to !== from)
      .flatMap((to) => {
        const span = `--timestart ${hour(from)} --timestop ${hour(to)}`
        const weekDay = `--weekdays ${((now.getUTCDay() + 6) % 7) + 1}`
        const monthDay = `--monthdays ${now.getUTCDate()}`
        const contiguous =
          hour(to) <= hour(from)
            ? [`${span} --contiguous ${weekDay}`, `${span} --contiguous ${monthDay}`]
            : []
        return [span, `${span} ${weekDay}`, ...contiguous]
      }),
  ])
  const theirs = await onKernelHost('ipv4', (host) => {
    const lines = rules.map((rule) => `-A PREROUTING -m time ${rule}`)
    host.load(['*raw', ...lines, 'COMMIT\n'].join('\n'))
    host.arrive(packetSample('syn', 'ipv4', 'PREROUTING').skb.packet.bytes)
    const counters = host.counters('raw', 'PREROUTING')
    return rules.filter((_, index) => counters[index] === 1)
  })
  expect(rules.filter((rule) => at(now.toISOString(), rule) === 'yes')).toEqual(theirs)
})
