/**
 * The two commonest dates at the beginning of a line, read by hand: `Nov 21 18:30:00` and `2026-11-21T18:30:00.123+01:00`.
 *
 * Each does exactly what the template's expression does, or says that it does not know; a test holds them together.
 */
import { defaultPatterns } from './defaults.ts'
import { civilMs } from './fields.ts'
import { type DateTemplate, lineBeginMark } from './template.ts'
import type { Zone } from './zone.ts'

export interface FastDate {
  /** Where the date that a template expects ends (it begins the line), or -1 where only the template knows. */
  find(template: DateTemplate, line: string, nowMs: number): number
  /** The moment of the last date that was found. */
  readonly timeMs: number
}

const syslogPattern = lineBeginMark + defaultPatterns[1]!
const isoPattern = lineBeginMark + defaultPatterns[0]!

const zero = 48
const blank = 32
const colon = 58

/** Two digits at a place as a number, or -1. */
function pair(line: string, at: number): number {
  const tens = line.charCodeAt(at) - zero
  const ones = line.charCodeAt(at + 1) - zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Milliseconds since midnight of `hh:mm:ss`, or -1. */
function clock(line: string, at: number): number {
  if (line.charCodeAt(at + 2) !== colon || line.charCodeAt(at + 5) !== colon) return -1
  const hour = pair(line, at)
  const minute = pair(line, at + 3)
  const second = pair(line, at + 6)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1
  return ((hour * 60 + minute) * 60 + second) * 1000
}

const isDigit = (code: number): boolean => code >= zero && code <= 57

const syslogDay = [0, 1, 2, 4, 5]
const months = 'JanFebMarAprMayJunJulAugSepOctNovDec'
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
  #nowDay = Number.NaN
  #nowYear = 0

  constructor(zone: Zone, defaultMinutes: number | null, newestYear: number) {
    this.#zone = zone
    this.#defaultMinutes = defaultMinutes
    this.#newestYear = newestYear
  }

  find({ pattern }: DateTemplate, line: string, nowMs: number): number {
    if (pattern === syslogPattern) return this.#syslog(line, nowMs)
    return pattern === isoPattern ? this.#iso(line) : -1
  }

  #syslog(line: string, nowMs: number): number {
    const time = clock(line, 7)
    if (time < 0 || line.charCodeAt(3) !== blank || line.charCodeAt(6) !== blank) return -1
    // a blank must follow, and no year after it
    if (line.charCodeAt(15) !== blank || line.charCodeAt(16) === zero + 2) return -1
    const year = this.#yearOfNow(nowMs)
    // five characters of seven bits
    let day = 0
    for (const at of syslogDay) {
      const code = line.charCodeAt(at)
      if (code > 127) return -1
      day = day * 128 + code
    }
    if (day !== this.#day || year !== this.#dayYear) {
      const month = months.indexOf(line.slice(0, 3))
      const date = Number(line.slice(4, 6))
      if (month < 0 || month % 3 !== 0 || !/^[ 0-3][0-9]$/.test(line.slice(4, 6))) return -1
      const midnight = civilMs(year, month / 3, date)
      if (midnight === null) return -1
      this.#day = day
      this.#dayYear = year
      this.#midnight = midnight
    }
    let wall = this.#midnight + time
    if (this.#defaultMinutes !== null) wall -= this.#defaultMinutes * 60_000
    // far in the future: the template knows what to do
    if (wall > this.#zone.toWallMs(nowMs) + dayMs) return -1
    this.timeMs = this.#defaultMinutes === null ? this.#toUtc(wall) : wall
    return 15
  }

  #iso(line: string): number {
    if (line.charCodeAt(4) !== 45 || line.charCodeAt(7) !== 45) return -1
    const between = line.charCodeAt(10)
    if (between !== 84 && between !== blank) return -1
    const time = clock(line, 11)
    if (time < 0) return -1
    const century = pair(line, 0)
    const year = century * 100 + pair(line, 2)
    const month = pair(line, 5)
    const date = pair(line, 8)
    const day = (year * 100 + month) * 100 + date
    if (day !== this.#day || month < 1 || date < 1) {
      if (century !== 20 || year < 2000 || year > this.#newestYear || month < 1 || date < 1) return -1
      const midnight = civilMs(year, month - 1, date)
      if (midnight === null) return -1
      this.#day = day
      this.#midnight = midnight
    }
    return this.#isoEnd(line, this.#midnight + time)
  }

  /** A fraction and a zone, where there are any. */
  #isoEnd(line: string, wall: number): number {
    let at = 19
    let code = line.charCodeAt(at)
    if (code === 46 || code === 44) {
      const digits = at + 1
      for (at = digits; isDigit(line.charCodeAt(at)); at++);
      if (at === digits || at > digits + 6) return -1
      code = line.charCodeAt(at)
    }
    if (code === 90) return this.#ends(line, at + 1, wall)
    if (code === 43 || code === 45) {
      const hours = pair(line, at + 1)
      if (hours < 0 || hours > 19 || line.charCodeAt(at + 3) !== colon) return -1
      const minutes = pair(line, at + 4)
      if (minutes < 0) return -1
      const offset = (hours * 60 + minutes) * 60_000
      return this.#ends(line, at + 6, code === 43 ? wall - offset : wall + offset)
    }
    // blanks may be followed by a zone: one blank and something else is the only clear case
    if (code !== blank) return -1
    const next = line.charCodeAt(at + 1)
    if (
      next <= blank ||
      next > 126 ||
      next === 43 ||
      next === 45 ||
      next === 90 ||
      next === 85 ||
      next === 71
    )
      return -1
    this.timeMs = this.#defaultMinutes === null ? this.#toUtc(wall) : wall - this.#defaultMinutes * 60_000
    return at
  }

  #ends(line: string, end: number, utcMs: number): number {
    if (line.charCodeAt(end) !== blank) return -1
    this.timeMs = utcMs
    return end
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
    const wall = this.#zone.toWallMs(nowMs)
    const day = Math.floor(wall / dayMs)
    if (day !== this.#nowDay) {
      this.#nowDay = day
      this.#nowYear = new Date(wall).getUTCFullYear()
    }
    return this.#nowYear
  }
}
