/** Cuts the date out of each line of a log, and says when the line was written. */
import { type DateDetector, detectorOf } from '../dates/detector.ts'
import { type FastDate, fastDateOf } from '../dates/fast.ts'
import type { DateContext } from '../dates/fields.ts'
import { dateBudget } from '../dates/template.ts'
import type { Zone } from '../dates/zone.ts'
import { lineBudget } from './limits.ts'

export interface Dated {
  /** What is left when the date is cut out. */
  readonly text: string
  /** Null where the line has no date and none is known. */
  readonly timeMs: number | null
  readonly dateStart: number
  readonly dateEnd: number
  /** The template that found it; null where none did. */
  readonly template: string | null
}

/** A date that is missing is that of the line before if it was so long ago at most. */
const keptMs = 60_000

export class LineDates {
  readonly detector: DateDetector
  readonly #zone: Zone
  readonly #defaultMinutes: number | null
  readonly #fast: FastDate
  #lastMs: number | null = null

  /** @throws Error where the pattern cannot be read. */
  constructor(datepattern: string | null, zone: Zone, defaultMinutes: number | null, newestYear: number) {
    this.detector = detectorOf(datepattern, newestYear)
    this.#zone = zone
    this.#defaultMinutes = defaultMinutes
    this.#fast = fastDateOf(zone, defaultMinutes, newestYear)
  }

  cut(line: string, nowMs: number): Dated {
    const expected = this.detector.expected
    if (expected !== null) {
      const end = this.#fast.find(expected, line, nowMs)
      if (end > 0) {
        this.detector.countExpected(nowMs)
        this.#lastMs = this.#fast.timeMs
        return {
          text: line.slice(end),
          timeMs: this.#fast.timeMs,
          dateStart: 0,
          dateEnd: end,
          template: expected.name,
        }
      }
    }
    return this.#search(line, nowMs)
  }

  #search(line: string, nowMs: number): Dated {
    dateBudget.steps = lineBudget
    const found = this.detector.find(line, nowMs)
    if (found === null) return { ...this.#undated(line, nowMs), template: null }
    const { start, end, template } = found
    // a template may say that there is no date to be cut
    if (start === end) return { ...this.#undated(line, nowMs), template: template.name }
    const context: DateContext = { nowMs, zone: this.#zone, defaultMinutes: this.#defaultMinutes }
    const timeMs = template.moment(found.match, context)
    if (timeMs === null) return { ...this.#undated(line, nowMs), template: null }
    this.#lastMs = timeMs
    return {
      text: start === 0 ? line.slice(end) : line.slice(0, start) + line.slice(end),
      timeMs,
      dateStart: start,
      dateEnd: end,
      template: template.name,
    }
  }

  #undated(line: string, nowMs: number): Omit<Dated, 'template'> {
    const last = this.#lastMs
    const timeMs = last !== null && last > nowMs - keptMs ? last : nowMs
    return { text: line, timeMs, dateStart: 0, dateEnd: 0 }
  }
}
