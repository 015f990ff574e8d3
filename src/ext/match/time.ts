/**
 * `-m time`: dates, times of the day and days, in UTC or in the kernel's local time.
 *
 * Kernel: net/netfilter/xt_time.c, time_mt(), Linux 6.18. Syntax: iptables extensions/libxt_time.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, type OptionText, value } from '../../lang/options.ts'
import type { OptionSpec } from '../../lang/syntax.ts'
import type { HookContext } from '../context.ts'
import { askUnknown, bothFamilies, defineMatch } from '../define.ts'

export interface Time {
  /** Seconds since 1970, first and last that fit. */
  readonly from: number
  readonly to: number
  /** Seconds of the day, first and last; where the first is not below the last, the span goes over midnight. */
  readonly dayFrom: number
  readonly dayTo: number
  /** Bit N stands for day N of the month. */
  readonly monthDays: number
  /** Bit N stands for day N of the week, Monday is 1. */
  readonly weekDays: number
  readonly isKernelTime: boolean
  /** What lies behind midnight counts as the day before. */
  readonly isContiguous: boolean
}

const secondsPerDay = 86_400
/** The last second that a 32-bit signed number holds; what iptables takes for no end. */
const lastSecond = 0x7fff_ffff
const allMonthDays = 0xffff_fffe
const allWeekDays = 0xfe

const weekDayNames = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

const moment = (spec: OptionText): OptionSpec<number> =>
  value(parseMoment, { metavar: 'YYYY[-MM[-DD[Thh[:mm[:ss]]]]]', ...spec })
const timeOfDay = (spec: OptionText): OptionSpec<number> =>
  value(parseTimeOfDay, { metavar: 'hh:mm[:ss]', ...spec })

export const time = defineMatch<Time>()({
  name: 'time',
  families: bothFamilies,
  doc: 'Match by the date, the time of the day and the day when a packet comes.',
  stateful: true,
  options: {
    datestart: moment({ doc: 'first moment' }),
    datestop: moment({ doc: 'last moment' }),
    timestart: timeOfDay({ doc: 'first second of the day' }),
    timestop: timeOfDay({ doc: 'last second of the day' }),
    contiguous: flag({ doc: 'hours behind midnight count as the day before' }),
    weekdays: value(parseWeekDays, {
      doc: 'days of the week: Mon to Sun, or 1 to 7',
      metavar: 'DAY,...',
      invertible: true,
    }),
    monthdays: value(parseMonthDays, {
      doc: 'days of the month, 1 to 31',
      metavar: 'DAY,...',
      invertible: true,
    }),
    localtz: flag({ doc: 'an old name of --kerneltz', excludes: ['utc'] }),
    utc: flag({ doc: 'times are UTC, the default', excludes: ['localtz', 'kerneltz'] }),
    kerneltz: flag({ doc: 'times are in the time zone that the kernel was told', excludes: ['utc'] }),
  },
  examples: [
    '--timestart 08:00:00 --timestop 18:30:00 --weekdays Mon,Tue,Wed,Thu,Fri --datestop 2038-01-19T03:14:07',
    '--monthdays 1,15 --datestart 2024-01-01T00:00:00 --datestop 2024-12-31T23:59:59 --kerneltz',
    '--timestart 22:00:00 --timestop 06:00:00 --datestop 2038-01-19T03:14:07 --contiguous',
  ],

  parse: (given) => {
    const data: Time = {
      from: given.datestart?.value ?? 0,
      to: given.datestop?.value ?? lastSecond,
      dayFrom: given.timestart?.value ?? 0,
      dayTo: given.timestop?.value ?? secondsPerDay - 1,
      monthDays: days(given.monthdays, allMonthDays),
      weekDays: days(given.weekdays, allWeekDays),
      isKernelTime: (given.kerneltz ?? given.localtz) !== undefined,
      isContiguous: given.contiguous !== undefined,
    }
    if (data.isContiguous && data.dayFrom < data.dayTo)
      return refuse(
        'not-over-midnight',
        '--contiguous means something only where --timestop is before --timestart',
      )
    return data
  },

  print: (data) => printTime(data),
  list: (data) =>
    [
      ' TIME',
      isAllDay(data) ? '' : ` from ${clock(data.dayFrom)} to ${clock(data.dayTo)}`,
      data.weekDays === allWeekDays ? '' : ` on ${weekDaysOf(data).join(',')}`,
      data.monthDays === allMonthDays ? '' : ` on ${monthDaysOf(data).map(ordinal).join(',')}`,
      data.from === 0 ? '' : ` starting from ${dateTime(data.from).replace('T', ' ')}`,
      data.to === lastSecond
        ? ''
        : ` until date${data.to === 0 ? '' : ` ${dateTime(data.to).replace('T', ' ')}`}`,
      data.isKernelTime ? '' : ' UTC',
      data.isContiguous ? ' contiguous' : '',
    ].join(''),

  evaluate: (data, _skb, context) => {
    const seconds = localSeconds(data, context)
    if (seconds !== null) return firstMiss(data, seconds) === null
    return askUnknown(context, `time ${printTime(data)}`, 'what time it is') ?? false
  },

  analyse: (_data, space) => ({ must: space.none, may: space.all }),

  explain: (data, _skb, context) => {
    const seconds = localSeconds(data, context)
    return seconds === null ? 'nobody said what time it is' : firstMiss(data, seconds)
  },
})

/** Seconds since 1970 in the zone that the rule speaks of, or null where nobody said what time it is. */
function localSeconds({ isKernelTime }: Time, { host, nowNs }: HookContext): number | null {
  if (host.startsAtUnixNs === null) return null
  const seconds = Number((host.startsAtUnixNs + nowNs) / 1_000_000_000n)
  return isKernelTime ? seconds - 60 * host.minutesWest : seconds
}

/** Why the moment does not fit, or null when it does. */
function firstMiss(data: Time, seconds: number): string | null {
  if (seconds < data.from || data.to < seconds) return `it is ${dateTime(seconds)}`
  const ofDay = positiveRemainder(seconds, secondsPerDay)
  const overMidnight = data.dayTo <= data.dayFrom
  const isOutside = overMidnight
    ? data.dayTo < ofDay && ofDay < data.dayFrom
    : ofDay < data.dayFrom || data.dayTo < ofDay
  if (isOutside) return `it is ${clock(ofDay)}`
  const isDayBefore = overMidnight && data.isContiguous && ofDay <= data.dayTo
  const date = isDayBefore ? seconds - secondsPerDay : seconds
  const weekDay = positiveRemainder(Math.floor(date / secondsPerDay) + 3, 7) + 1
  const before = isDayBefore ? ', counting from the day before' : ''
  if (((data.weekDays >> weekDay) & 1) === 0) return `it is ${weekDayNames[weekDay - 1]}${before}`
  const monthDay = new Date(date * 1000).getUTCDate()
  if (data.monthDays === allMonthDays || (data.monthDays >>> monthDay) & 1) return null
  return `it is the ${ordinal(monthDay)}${before}`
}

const positiveRemainder = (number: number, by: number): number => ((number % by) + by) % by

// --- Text

const printTime = (data: Time): string =>
  [
    isAllDay(data) ? '' : `--timestart ${clock(data.dayFrom)} --timestop ${clock(data.dayTo)}`,
    data.monthDays === allMonthDays ? '' : `--monthdays ${monthDaysOf(data).join(',')}`,
    data.weekDays === allWeekDays ? '' : `--weekdays ${weekDaysOf(data).join(',')}`,
    data.from === 0 ? '' : `--datestart ${dateTime(data.from)}`,
    data.to === 0 ? '' : `--datestop ${dateTime(data.to)}`,
    data.isKernelTime ? '--kerneltz' : '',
    data.isContiguous ? '--contiguous' : '',
  ]
    .filter((words) => words !== '')
    .join(' ')

const isAllDay = ({ dayFrom, dayTo }: Time): boolean => dayFrom === 0 && dayTo === secondsPerDay - 1

const two = (number: number): string => String(number).padStart(2, '0')

const clock = (seconds: number): string =>
  [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':')

const dateTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19)

/** As iptables says it: 21st, but 11st too. */
const ordinal = (day: number): string => `${day}${['th', 'st', 'nd', 'rd'][day % 10] ?? 'th'}`

const bits = (mask: number, last: number): number[] =>
  Array.from({ length: last }, (_, at) => at + 1).filter((bit) => (mask >>> bit) & 1)

const monthDaysOf = ({ monthDays }: Time): number[] => bits(monthDays, 31)
const weekDaysOf = ({ weekDays }: Time): string[] => bits(weekDays, 7).map((day) => weekDayNames[day - 1]!)

const days = (
  seen: { readonly value: number; readonly inverted: boolean } | undefined,
  all: number,
): number => (seen === undefined ? all : (seen.inverted ? seen.value ^ all : seen.value) >>> 0)

/** Digits as `strtoul` reads them (none are 0, a sign spoils them), and what follows. */
function scanDecimal(text: string): { readonly value: number; readonly rest: string } {
  const [whole, sign, digits] = /^[ \t\n\v\f\r]*([-+]?)(\d+)/.exec(text) ?? ['', '', '0']
  return { value: sign === '-' ? Number.POSITIVE_INFINITY : Number(digits), rest: text.slice(whole.length) }
}

/** What may follow each part, and its greatest value; a month or day of 0 is the one before the first. */
const parts = [
  { separator: '-', most: 2038 },
  { separator: '-', most: 12 },
  { separator: 'T', most: 31 },
  { separator: ':', most: 23 },
  { separator: ':', most: 59 },
  { separator: '', most: 59 },
] as const

function parseMoment(text: string): number {
  const wrong = (): never =>
    refuse('bad-date', 'is not a date from 1970 to 2038', {
      help: '2024-12-31T23:59:59',
      said: 'Invalid date "%value" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]',
    })
  const numbers = [1970, 1, 1, 0, 0, 0]
  let rest = text
  for (const [at, { separator, most }] of parts.entries()) {
    const scanned = scanDecimal(rest)
    if (scanned.value > most || (at === 0 && scanned.value < 1970)) return wrong()
    numbers[at] = scanned.value
    if (scanned.rest === '') break
    if (separator === '' || !scanned.rest.startsWith(separator)) return wrong()
    rest = scanned.rest.slice(1)
  }
  const [year, month, day, hour, minute, second] = numbers as [number, number, number, number, number, number]
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000
  return seconds < 0 ? wrong() : seconds
}

function parseTimeOfDay(text: string): number {
  const hour = scanDecimal(text)
  const minute = scanDecimal(hour.rest.slice(1))
  const second = minute.rest === '' ? { value: 0, rest: '' } : scanDecimal(minute.rest.slice(1))
  const fits =
    hour.rest.startsWith(':') &&
    /^(:|$)/.test(minute.rest) &&
    second.rest === '' &&
    hour.value <= 23 &&
    minute.value <= 59 &&
    second.value <= 59
  if (!fits)
    return refuse('bad-time', 'is not a time from 00:00 to 23:59:59', {
      help: '08:00',
      said: 'invalid time "%value" specified, should be hh:mm[:ss] format and within the boundaries',
    })
  return 3600 * hour.value + 60 * minute.value + second.value
}

/** Places between commas, of which iptables looks at so many letters; a comma may stand behind the last. */
const places = (text: string, letters: number): string[] =>
  text
    .replace(/,$/, '')
    .split(',')
    .map((place) => place.slice(0, letters))

function parseWeekDays(text: string): number {
  if (text === '') return 0
  let mask = 0
  for (const place of places(text, 3)) {
    const number = /^\d*$/.test(place) ? Number.parseInt(place || '0', place.startsWith('0') ? 8 : 10) : null
    if (number === 0) return refuse('bad-day', 'has a day 0; Monday is 1 and Sunday 7')
    const named = weekDayNames.findIndex((name) => name.slice(0, 2) === place.slice(0, 2))
    if (number === null && named < 0)
      return refuse('bad-day', `has "${place}", which is no day of the week`, {
        help: weekDayNames.join(','),
        said: `${place} is not a valid day specifier`,
      })
    mask |= number === null ? 1 << (named + 1) : number < 8 ? 1 << number : 0
  }
  return mask
}

function parseMonthDays(text: string): number {
  if (text === '') return 0
  let mask = 0
  for (const place of places(text, 2)) {
    const day = /^\d*$/.test(place)
      ? Number.parseInt(place || '0', place.startsWith('0') ? 8 : 10)
      : Number.NaN
    if (!(day <= 31))
      return refuse('bad-day', `has "${place}", which is no day of the month`, {
        help: '1,15,31',
        said: `${place} is not a valid day for --monthdays`,
      })
    mask |= 1 << day
  }
  return mask >>> 0
}
