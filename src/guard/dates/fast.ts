/**
 * The two commonest dates at the beginning of a line, read by hand: `Nov 21 18:30:00` and `2026-11-21T18:30:00.123+01:00`.
 *
 * Each does exactly what the template's expression does, or says that it does not know; a test holds them together. They
 * read bytes, so that most lines of a log need not become strings.
 */
import { defaultPatterns } from './defaults.ts'
import { civilMs } from './fields.ts'
import { type DateTemplate, lineBeginMark } from './template.ts'
import type { Zone } from './zone.ts'

export interface FastDate {
  /**
   * The length of the date that a template expects at a line's beginning, or -1 where only the template knows. There
   * have to be `reachBytes` from `start` on, whatever they are; what is beyond ASCII counts as a letter that no date has.
   */
  find(template: DateTemplate, bytes: Uint8Array, start: number, nowMs: number): number
  /** The moment of the last date that was found. */
  readonly timeMs: number
}

/** No date that is read by hand is longer, with what has to follow it. */
export const reachBytes = 40

const syslogPattern = lineBeginMark + defaultPatterns[1]!
const isoPattern = lineBeginMark + defaultPatterns[0]!

const zero = 48
const blank = 32
const colon = 58

/** Two digits at a place as a number, or -1. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - zero
  const ones = bytes[at + 1]! - zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Milliseconds since midnight of `hh:mm:ss`, or -1. */
function clock(bytes: Uint8Array, at: number): number {
  if (bytes[at + 2] !== colon || bytes[at + 5] !== colon) return -1
  const hour = pair(bytes, at)
  const minute = pair(bytes, at + 3)
  const second = pair(bytes, at + 6)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1
  return ((hour * 60 + minute) * 60 + second) * 1000
}

const isDigit = (code: number): boolean => code >= zero && code <= 57

/** Names of months, a byte after the other. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map(
  (name) => (name.charCodeAt(0) << 16) | (name.charCodeAt(1) << 8) | name.charCodeAt(2),
)
const dayMs = 86_400_000
/** Offsets of zones change at quarters of an hour at the soonest. */
const quarterMs = 900_000

export function fastDateOf(zone: Zone, defaultMinutes: number | null, newestYear: number): FastDate {
  return new HandwrittenDates(zone, defaultMinutes, Math.floor(newestYear / 10) * 10 + 9)
}

class HandwrittenDates implements FastDate {
  timeMs = 0
  readonly #zone: Zone
  readonly #defaultMinutes: number | null
  readonly #newestYear: number
  /** The last quarter of an hour whose offset was asked, and what is to be added for UTC. */
  #quarter = Number.NaN
  #shiftMs = 0
  /** The last day that was read, its characters as a number, and its midnight; for syslog in which year of the present. */
  #day = 0
  #midnight = 0
  #dayYear = 0
  #nowMs = Number.NaN
  #nowWallMs = 0
  #nowDay = Number.NaN
  #nowYear = 0

  constructor(zone: Zone, defaultMinutes: number | null, newestYear: number) {
    this.#zone = zone
    this.#defaultMinutes = defaultMinutes
    this.#newestYear = newestYear
  }

  find({ pattern }: DateTemplate, bytes: Uint8Array, start: number, nowMs: number): number {
    if (pattern === syslogPattern) return this.#syslog(bytes, start, nowMs)
    return pattern === isoPattern ? this.#iso(bytes, start) : -1
  }

  #syslog(bytes: Uint8Array, at: number, nowMs: number): number {
    const time = clock(bytes, at + 7)
    if (time < 0 || bytes[at + 3] !== blank || bytes[at + 6] !== blank) return -1
    // a blank must follow, and no year after it
    if (bytes[at + 15] !== blank || bytes[at + 16] === zero + 2) return -1
    const year = this.#yearOfNow(nowMs)
    const name = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    const day = name * 65_536 + ((bytes[at + 4]! << 8) | bytes[at + 5]!)
    if (day !== this.#day || year !== this.#dayYear) {
      const month = months.indexOf(name)
      const tens = bytes[at + 4] === blank ? 0 : bytes[at + 4]! - zero
      const ones = bytes[at + 5]! - zero
      if (month < 0 || tens < 0 || tens > 3 || ones < 0 || ones > 9) return -1
      const midnight = civilMs(year, month, tens * 10 + ones)
      if (midnight === null) return -1
      this.#day = day
      this.#dayYear = year
      this.#midnight = midnight
    }
    let wall = this.#midnight + time
    if (this.#defaultMinutes !== null) wall -= this.#defaultMinutes * 60_000
    // far in the future: the template knows what to do
    if (wall > this.#nowWallMs + dayMs) return -1
    this.timeMs = this.#defaultMinutes === null ? this.#toUtc(wall) : wall
    return 15
  }

  #iso(bytes: Uint8Array, at: number): number {
    if (bytes[at + 4] !== 45 || bytes[at + 7] !== 45) return -1
    const between = bytes[at + 10]
    if (between !== 84 && between !== blank) return -1
    const time = clock(bytes, at + 11)
    if (time < 0) return -1
    const century = pair(bytes, at)
    const year = century * 100 + pair(bytes, at + 2)
    const month = pair(bytes, at + 5)
    const date = pair(bytes, at + 8)
    const day = (year * 100 + month) * 100 + date
    if (day !== this.#day || month < 1 || date < 1) {
      if (century !== 20 || year < 2000 || year > this.#newestYear || month < 1 || date < 1) return -1
      const midnight = civilMs(year, month - 1, date)
      if (midnight === null) return -1
      this.#day = day
      this.#midnight = midnight
    }
    return this.#isoEnd(bytes, at, this.#midnight + time)
  }

  /** A fraction and a zone, where there are any. */
  #isoEnd(bytes: Uint8Array, start: number, wall: number): number {
    let at = start + 19
    let code = bytes[at]!
    if (code === 46 || code === 44) {
      const digits = at + 1
      for (at = digits; at <= digits + 6 && isDigit(bytes[at]!); at++);
      if (at === digits || at > digits + 6) return -1
      code = bytes[at]!
    }
    if (code === 90) return this.#ends(bytes, start, at + 1, wall)
    if (code === 43 || code === 45) {
      const hours = pair(bytes, at + 1)
      if (hours < 0 || hours > 19 || bytes[at + 3] !== colon) return -1
      const minutes = pair(bytes, at + 4)
      if (minutes < 0) return -1
      const offset = (hours * 60 + minutes) * 60_000
      return this.#ends(bytes, start, at + 6, code === 43 ? wall - offset : wall + offset)
    }
    // blanks may be followed by a zone: one blank and something else is the only clear case
    if (code !== blank || !isClear(bytes[at + 1]!)) return -1
    this.timeMs = this.#defaultMinutes === null ? this.#toUtc(wall) : wall - this.#defaultMinutes * 60_000
    return at - start
  }

  #ends(bytes: Uint8Array, start: number, end: number, utcMs: number): number {
    if (bytes[end] !== blank) return -1
    this.timeMs = utcMs
    return end - start
  }

  #toUtc(wall: number): number {
    const quarter = Math.floor(wall / quarterMs)
    if (quarter !== this.#quarter) {
      this.#quarter = quarter
      this.#shiftMs = this.#zone.toUtcMs(wall) - wall
    }
    return wall + this.#shiftMs
  }

  #yearOfNow(nowMs: number): number {
    if (nowMs === this.#nowMs) return this.#nowYear
    this.#nowMs = nowMs
    this.#nowWallMs = this.#zone.toWallMs(nowMs)
    const day = Math.floor(this.#nowWallMs / dayMs)
    if (day !== this.#nowDay) {
      this.#nowDay = day
      this.#nowYear = new Date(this.#nowWallMs).getUTCFullYear()
    }
    return this.#nowYear
  }
}

/** Whether no zone begins with what stands after a blank. */
const isClear = (next: number): boolean =>
  next > blank && next <= 126 && next !== 43 && next !== 45 && next !== 90 && next !== 85 && next !== 71
