/**
 * Finds the date in a line, and learns from line to line where dates stand and in which form.
 *
 * The choice among templates is fail2ban's: the last winner first, if the characters around its place are what they
 * were; else all in order, where a hit further right than usual is only kept in reserve. Winners move forward by how
 * often they hit and how near to the beginning.
 */
import type { PythonMatch } from '../regex/python-regex.ts'
import { defaultTemplates } from './defaults.ts'
import { type DateTemplate, templateOf, unbound } from './template.ts'

export interface DateMatch {
  readonly template: DateTemplate
  readonly match: PythonMatch
  /** What is cut from the line: the first group. */
  readonly start: number
  readonly end: number
}

interface Entry {
  readonly template: DateTemplate
  hits: number
  /** Matches, also those that did not win. */
  matches: number
  lastUsedMs: number
  /** Where it was found last. */
  distance: number
}

/** Templates unused for so long give way. */
const unusedMs = 300_000
const farAway = 0x7fffffff
const alphanumeric = /[\p{L}\p{N}]/u

export class DateDetector {
  readonly #entries: Entry[]
  #lastIndex = -1
  /** Where the last date began and ended, with the characters before, at its first, at its last, and after. */
  #place = { start: 1, end: farAway, before: '', first: '', last: '', after: '' }
  #firstUnused = 0

  constructor(templates: readonly DateTemplate[]) {
    this.#entries = templates.map((template) => ({
      template,
      hits: 0,
      matches: 0,
      lastUsedMs: 0,
      distance: farAway,
    }))
  }

  /** Templates with how many lines each dated, those that did first. */
  get hits(): readonly { readonly name: string; readonly hits: number }[] {
    return this.#entries
      .map(({ template, hits }) => ({ name: template.name, hits }))
      .sort((a, b) => b.hits - a.hits)
  }

  /** The template that is tried first, if it is bound to the beginning of the line. */
  get expected(): DateTemplate | null {
    const entry = this.#entries[this.#lastIndex]
    return entry?.template.lineBegin ? entry.template : null
  }

  /** Counts a date that was found without this class, by the template that it expects. */
  countExpected(nowMs: number): void {
    const entry = this.#entries[this.#lastIndex]!
    entry.matches++
    entry.hits++
    entry.lastUsedMs = nowMs
  }

  find(line: string, nowMs: number): DateMatch | null {
    const best: { match: PythonMatch; index: number } = { match: null as never, index: -1 }
    let skip = -1
    let won: PythonMatch | null = null
    let index = this.#lastIndex
    const last = this.#entries[index]
    if (last !== undefined) {
      const { template } = last
      const anywhere = template.anchored || !this.#looksTheSame(line)
      const match = anywhere ? this.#try(last, line) : this.#tryAtPlace(last, line)
      if (anywhere) skip = index
      if (match !== null) {
        const samePlace = match.start === this.#place.start && match.end === this.#place.end
        if (this.#entries.length === 1 || template.anchored || samePlace) won = match
        else Object.assign(best, { match, index })
      }
    }
    if (won === null) {
      index = this.#search(line, skip, best)
      if (index < 0) return null
      won = best.match
    }
    return this.#won(line, index, won, nowMs)
  }

  /** The index of the winner among all, left in `best`; -1 where none matches. */
  #search(line: string, skip: number, best: { match: PythonMatch; index: number }): number {
    const entries = this.#entries
    for (let index = 0; index < entries.length; index++) {
      if (index === skip) continue
      const entry = entries[index]!
      const match = this.#try(entry, line)
      if (match === null) continue
      const next = entries[index + 1]
      const settled =
        next === undefined ||
        entry.template.anchored ||
        (match.start === 0 && entry.hits > 0 && next.matches === 0)
      if (!settled && (match.start > entry.distance || match.start > this.#place.start)) {
        if (best.index < 0 || match.start < best.match.start) Object.assign(best, { match, index })
        continue
      }
      Object.assign(best, { match, index })
      return index
    }
    return best.index
  }

  #try(entry: Entry, line: string): PythonMatch | null {
    const match = entry.template.regex.search(line)
    if (match !== null) entry.matches++
    return match
  }

  #tryAtPlace(entry: Entry, line: string): PythonMatch | null {
    const { start, end } = this.#place
    const match = entry.template.regex.search(line.slice(0, end), start)
    if (match !== null) entry.matches++
    return match
  }

  /** Whether the characters around the place of the last date are what they were then. */
  #looksTheSame(line: string): boolean {
    const { start, end, before, first, last, after } = this.#place
    const left =
      line.slice(start - 1, start) === before || (line[start] === first && !alphanumeric.test(first))
    const right = line.slice(end, end + 1) === after || (line[end - 1] === last && !alphanumeric.test(last))
    return left && right
  }

  #won(line: string, at: number, match: PythonMatch, nowMs: number): DateMatch {
    let index = at
    const entry = this.#entries[index]!
    const { start, end } = match
    entry.hits++
    entry.lastUsedMs = nowMs
    entry.distance = start
    if (this.#firstUnused === index) this.#firstUnused++
    this.#place = {
      start,
      end,
      before: start > 0 ? line.slice(start - 1, start) : '',
      first: line[start] ?? '',
      last: line[end - 1] ?? '',
      after: line.slice(end, end + 1),
    }
    if (index > 0 && index !== this.#lastIndex) index = this.#moveForward(index)
    this.#lastIndex = index
    const span = match.span(1) ?? [start, end]
    return { template: entry.template, match, start: span[0], end: span[1] }
  }

  #moveForward(from: number): number {
    const entries = this.#entries
    const entry = entries[from]!
    const mayPass = (at: number): boolean =>
      weightOf(entry) > weightOf(entries[at]!) || entry.lastUsedMs - unusedMs > entries[at]!.lastUsedMs
    let to = this.#firstUnused < from ? this.#firstUnused : from >> 1
    if (!mayPass(to)) {
      if (to === from - 1) return from
      to = from - 1
      if (!mayPass(to)) return from
    }
    entries.splice(from, 1)
    entries.splice(to, 0, entry)
    while (this.#firstUnused < entries.length && entries[this.#firstUnused]!.hits > 0) this.#firstUnused++
    return to
  }
}

const weightOf = ({ hits, template, distance }: Entry): number =>
  (hits * template.weight) / Math.max(1, distance)

/**
 * A detector for a `datepattern`: one or more patterns, a line each; null means all defaults.
 *
 * @throws Error naming the pattern that cannot be read.
 */
export function detectorOf(datepattern: string | null, newestYear: number): DateDetector {
  const patterns = (datepattern ?? '{DEFAULT}')
    .split(/\n+/)
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '')
  const templates: DateTemplate[] = []
  for (const pattern of patterns) {
    for (const template of templatesOf(pattern, newestYear)) {
      if (!templates.some(({ name }) => name === template.name)) templates.push(template)
    }
  }
  return new DateDetector(templates)
}

function templatesOf(pattern: string, newestYear: number): readonly DateTemplate[] {
  const key = pattern.includes('%') ? pattern : pattern.toUpperCase()
  const { all, plain } = defaultTemplates(newestYear)
  if (key === '{DEFAULT}') return all
  if (key === '{^LN-BEG}') return all.filter(({ lineBegin }) => lineBegin)
  if (key === '{NONE}') return [templateOf('{UNB}^', newestYear)]
  if (!/(?<!\\)\{DATE\}/i.test(pattern)) return [templateOf(pattern, newestYear)]
  return plain.map((template) => {
    const inner = unbound(template.pattern ?? template.name)
    return templateOf(
      pattern.replace(/(?<!\\)\{DATE\}/gi, () => inner),
      newestYear,
    )
  })
}
