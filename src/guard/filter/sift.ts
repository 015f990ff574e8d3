/**
 * Parts the lines of a log into those that an expression could match and those that none can, without making strings of
 * the latter: they are most of a log.
 *
 * Of a line that is passed over only the date counts: the detector learns from it, and later lines without a date get
 * it. So lines are passed over only where that date can be read by hand.
 */
import { reachBytes } from '../dates/fast.ts'
import type { Gate } from './gate.ts'
import { longestLine } from './limits.ts'
import type { LineDates } from './line-date.ts'
import { LiteralSearch, leastLength } from './literal-search.ts'
import type { LineBlock, LineSource, PassedLine } from './types.ts'

/** What is known of the line that was just given out, so that nobody has to find it out again. */
export interface ReadyLine {
  /** Null where its date was not read. */
  line: string | null
  /** The line with its line end. */
  whole: string
  /** The date that was peeked at in it. */
  dateLength: number
  isAscii: boolean
}

interface Parts {
  readonly search: LiteralSearch
  /** Holds the expressions that could match the line that was given out. */
  readonly gate: Gate
  readonly dates: LineDates
  readonly ready: ReadyLine
  readonly pass: PassedLine | undefined
}

const newline = 0x0a
const cr = 0x0d

export class Sift implements LineSource {
  readonly #block: LineBlock
  readonly #nowMs: number
  readonly #parts: Parts
  #start = 0
  /** The first text at or after where it was last looked for. */
  #hit = -1

  constructor(block: LineBlock, nowMs: number, parts: Parts) {
    this.#block = block
    this.#nowMs = nowMs
    this.#parts = parts
  }

  next(): string | null {
    const { bytes } = this.#block
    const { search, dates, pass } = this.#parts
    const nowMs = this.#nowMs
    const end = bytes.length
    let hit = this.#hit
    for (let start = this.#start; start < end; ) {
      const found = bytes.indexOf(newline, start)
      const lineEnd = found < 0 ? end : found
      if (hit < start) hit = search.next(bytes, start, start, end)
      const dateLength = start + reachBytes <= end ? dates.peek(bytes, start, nowMs) : -1
      if (dateLength < 0 || hit < lineEnd) {
        this.#start = lineEnd + 1
        this.#hit = hit
        return this.#give(start, lineEnd, dateLength)
      }
      dates.passPeeked(nowMs)
      if (pass !== undefined) pass(start, start + dateLength, lineEnd)
      start = lineEnd + 1
    }
    this.#start = end
    return null
  }

  #give(start: number, end: number, dateLength: number): string {
    const { bytes, textOf } = this.#block
    const { ready } = this.#parts
    ready.line = null
    if (dateLength < 0 || end - start > longestLine) return textOf(start, end)
    const whole = textOf(start, end + 1)
    // where there is more at an end than the line end, the filter looks for itself
    const length = end - start
    if (
      whole.length !== length + 1 ||
      whole.charCodeAt(length) !== newline ||
      whole.charCodeAt(length - 1) === cr
    )
      return textOf(start, end)
    const line = whole.slice(0, length)
    this.#findCandidates(start, end)
    ready.line = line
    ready.whole = whole
    ready.dateLength = dateLength
    ready.isAscii = this.#block.isAscii ?? isAscii(bytes, start, end)
    return line
  }

  /** All texts of a line, from the first on, which was found before. */
  #findCandidates(start: number, end: number): void {
    const { bytes } = this.#block
    const { search, gate } = this.#parts
    gate.begin()
    let hit = this.#hit
    for (; hit < end; hit = search.next(bytes, hit + 1, start, bytes.length)) {
      search.mark(gate.candidates)
      gate.any = true
    }
    this.#hit = hit
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let all = 0
  for (let at = start; at < end; at++) all |= bytes[at]!
  return all < 128
}

/** A search for the texts that expressions require; null where not all of them say enough. */
export function searchOf(required: readonly (readonly string[] | null)[]): LiteralSearch | null {
  const asked: (readonly string[])[] = []
  for (const each of required) {
    if (each === null || !each.every(isUsable)) return null
    asked.push(each)
  }
  return asked.some((each) => each.length > 0) ? new LiteralSearch(asked) : null
}

const isUsable = (text: string): boolean => text.length >= leastLength && /^[\t -~]+$/.test(text)

/** Every line of a block. */
export function everyLine({ bytes, textOf }: LineBlock): LineSource {
  let at = 0
  return {
    next() {
      if (at >= bytes.length) return null
      const start = at
      const found = bytes.indexOf(newline, start)
      const end = found < 0 ? bytes.length : found
      at = end + 1
      return textOf(start, end)
    },
  }
}
