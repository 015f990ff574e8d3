/**
 * The fields of a date to a moment, by fail2ban's rules for what a date leaves out.
 *
 * A year that is missing is this year, or the last one if the date would lie more than a day ahead. A day that is
 * missing is today, or yesterday if the time would lie ahead. Years of two digits are of this century. Fractions of a
 * second are dropped.
 */
import { monthIndex, weekdayIndex } from './tokens.ts'
import type { Zone } from './zone.ts'
import { zoneMinutes } from './zone-names.ts'

/** What surrounds a date: the present, the zone of dates that name none, and the machine's own. */
export interface DateContext {
  readonly nowMs: number
  /** The machine's zone: what "today" is. */
  readonly zone: Zone
  /** Minutes east of UTC for dates without a zone; null means the machine's zone. */
  readonly defaultMinutes: number | null
}

const dayMs = 86_400_000

/** Milliseconds since 1970, or null where there is no such date. */
export function momentOf(fields: ReadonlyMap<string, string>, context: DateContext): number | null {
  const now = context.zone.toWallMs(context.nowMs)
  const today = new Date(now)
  const givenYear = yearOf(fields)
  const year = givenYear ?? today.getUTCFullYear()
  const day = dayOf(fields, year)
  if (day === null) return null
  const isToday = day === 'missing'
  const {
    month,
    date,
    year: ofYear,
  } = isToday ? { month: today.getUTCMonth(), date: today.getUTCDate(), year } : day
  const time = timeOf(fields)
  const civil = civilMs(ofYear, month, date)
  if (time === null || civil === null) return null
  const minutes = minutesOf(fields, context)
  if (minutes === 'unknown') return null
  let wall = civil + time - (minutes ?? 0) * 60_000
  if (isToday && wall > now) wall -= dayMs
  if (givenYear === null && wall > now + dayMs) {
    const before = civilMs(year - 1, month, date)
    if (before === null) return null
    const timeOfDay = ((wall % dayMs) + dayMs) % dayMs
    wall = before + timeOfDay
  }
  return minutes === null ? context.zone.toUtcMs(wall) : wall
}

/** Midnight of a day of the calendar, or null where the month has no such day. */
export function civilMs(year: number, month: number, date: number): number | null {
  const moment = Date.UTC(year, month, date)
  const back = new Date(moment)
  return back.getUTCMonth() === month && back.getUTCDate() === date ? moment : null
}

function yearOf(fields: ReadonlyMap<string, string>): number | null {
  const four = fields.get('Y')
  if (four !== undefined) return Number(four)
  const two = fields.get('y')
  return two === undefined ? null : Number(two) + 2000
}

interface Day {
  readonly year: number
  readonly month: number
  readonly date: number
}

function dayOf(fields: ReadonlyMap<string, string>, year: number): Day | 'missing' | null {
  const monthName = fields.get('b') ?? fields.get('B')
  const monthNumber = fields.get('m')
  const month =
    monthNumber !== undefined
      ? Number(monthNumber) - 1
      : monthName === undefined
        ? null
        : monthIndex(monthName)
  const date = fields.get('d')
  if (month !== null && date !== undefined) return { year, month, date: Number(date) }
  const ordinal = ordinalOf(fields, year)
  if (ordinal === null) return month === null && date === undefined ? 'missing' : null
  const day = new Date(Date.UTC(year, 0, ordinal))
  return { year: day.getUTCFullYear(), month: day.getUTCMonth(), date: day.getUTCDate() }
}

/** The day of the year from 1, given as such or by week and weekday. */
function ordinalOf(fields: ReadonlyMap<string, string>, year: number): number | null {
  const given = fields.get('j')
  if (given !== undefined) return Number(given)
  const weekday = weekdayOf(fields)
  const fromMonday = fields.get('W')
  const week = fromMonday ?? fields.get('U')
  if (week === undefined || weekday === null) return null
  // weekdays count from Monday; of weeks that begin on Sunday, from Sunday
  const shift = fromMonday === undefined ? 1 : 0
  const first = (new Date(Date.UTC(year, 0, 1)).getUTCDay() + 6 + shift) % 7
  const day = (weekday + shift) % 7
  const daysBeforeWeek1 = (7 - first) % 7
  return Number(week) === 0 ? 1 + day - first : 1 + daysBeforeWeek1 + 7 * (Number(week) - 1) + day
}

function weekdayOf(fields: ReadonlyMap<string, string>): number | null {
  const name = fields.get('a') ?? fields.get('A')
  if (name !== undefined) return weekdayIndex(name)
  const fromSunday = fields.get('w')
  return fromSunday === undefined ? null : (Number(fromSunday) + 6) % 7
}

function timeOf(fields: ReadonlyMap<string, string>): number | null {
  const hour = hourOf(fields)
  const minute = Number(fields.get('M') ?? 0)
  const second = Number(fields.get('S') ?? 0)
  return hour > 23 || minute > 59 || second > 59 ? null : ((hour * 60 + minute) * 60 + second) * 1000
}

function hourOf(fields: ReadonlyMap<string, string>): number {
  const half = fields.get('I')
  if (half === undefined) return Number(fields.get('H') ?? 0)
  const hour = Number(half)
  const afternoon = fields.get('p')?.toLowerCase() === 'pm'
  return hour === 12 ? (afternoon ? 12 : 0) : afternoon ? hour + 12 : hour
}

function minutesOf(
  fields: ReadonlyMap<string, string>,
  { defaultMinutes }: DateContext,
): number | null | 'unknown' {
  const zone = fields.get('z') ?? fields.get('Z')
  if (zone === undefined) return defaultMinutes
  return zoneMinutes(zone) ?? 'unknown'
}
