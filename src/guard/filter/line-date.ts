/** Cuts the date out of each line of a log, and says when the line was written. */
import { type DateDetector, detectorOf } from '../dates/detector.ts'
import { type FastDate, fastDateOf, reachBytes } from '../dates/fast.ts'
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
  /** The beginning of the line at hand. */
  readonly #start = new Uint8Array(reachBytes)
  #lastMs: number | null = null

  readonly #shortcuts: boolean

  /** Without `shortcuts` all dates are left to the templates. Throws where the pattern cannot be read. */
  constructor(
    datepattern: string | null,
    zone: Zone,
    defaultMinutes: number | null,
    newestYear: number,
    shortcuts = true,
  ) {
    this.#shortcuts = shortcuts
    this.detector = detectorOf(datepattern, newestYear)
    this.#zone = zone
    this.#defaultMinutes = defaultMinutes
    this.#fast = fastDateOf(zone, defaultMinutes, newestYear)
  }

  cut(line: string, nowMs: number): Dated {
    copyStart(line, this.#start)
    const length = this.peek(this.#start, 0, nowMs)
    return length < 0 ? this.#search(line, nowMs) : this.cutPeeked(line, length, nowMs)
  }

  /**
   * The length of the date that begins a line, -1 where only `cut` can tell. Nothing is learned from it until it is said
   * what becomes of the line. There have to be `reachBytes` from `start` on.
   */
  peek(bytes: Uint8Array, start: number, nowMs: number): number {
    const { expected } = this.detector
    return expected === null || !this.#shortcuts ? -1 : this.#fast.find(expected, bytes, start, nowMs)
  }

  /** Cuts the date that was just peeked at. */
  cutPeeked(line: string, length: number, nowMs: number): Dated {
    const { name } = this.detector.expected!
    this.passPeeked(nowMs)
    return { text: line.slice(length), timeMs: this.#lastMs, dateStart: 0, dateEnd: length, template: name }
  }

  /** Of the line whose date was just peeked at, nothing else is wanted. */
  passPeeked(nowMs: number): void {
    this.detector.countExpected(nowMs)
    this.#lastMs = this.#fast.timeMs
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

function copyStart(line: string, bytes: Uint8Array): void {
  const length = Math.min(line.length, bytes.length)
  for (let at = 0; at < length; at++) {
    const code = line.charCodeAt(at)
    bytes[at] = code < 128 ? code : 255
  }
  bytes.fill(0, length)
}
