/**
 * A date template: where in a line a date of one form stands, and what moment it is.
 *
 * Read first: jail.conf(5), "datepattern". The text around a pattern follows fail2ban 1.0.2: word boundaries at both
 * ends unless `**`, `{UNB}`, an anchor or a blank says otherwise, `{^LN-BEG}` for the beginning of a line.
 */
import {
  compilePython,
  type PythonMatch,
  type PythonRegex,
  type SearchBudget,
} from '../regex/python-regex.ts'
import { type DateContext, momentOf } from './fields.ts'
import { expandTokens, hasWords, nameOfPattern, tokenPatterns } from './tokens.ts'

export interface DateTemplate {
  readonly name: string
  /** The pattern with its tokens, where it has one: what `{DATE}` puts into others. */
  readonly pattern: string | null
  readonly regex: PythonRegex
  /** Bound to the beginning or the end of a line: its match is taken without looking further. */
  readonly anchored: boolean
  readonly lineBegin: boolean
  /** Templates with a greater weight are moved forward sooner. */
  readonly weight: number
  /** The moment a match stands for, in milliseconds since 1970, or null where it is no date after all. */
  moment(match: PythonMatch, context: DateContext): number | null
}

/** What all templates together may take for one line; filled before each (`line-date.ts`). Templates are shared by filters. */
export const dateBudget: SearchBudget = { steps: 0 }

type WordBegin = boolean | 'start'

/**
 * The template of a pattern, which may be `Epoch`, `LEPOCH`, `TAI64N` or one with `{EPOCH}`.
 *
 * @throws Error where it cannot be read.
 */
export function templateOf(pattern: string, newestYear: number, weight = 1): DateTemplate {
  const key = pattern.includes('%') ? pattern : pattern.toUpperCase()
  if (/(?<!\\)\{L?EPOCH\}/i.test(pattern)) return epochWithin(pattern, key.includes('LEPOCH'), weight)
  const bare = key.replace(/^(?:\{\^LN-BEG\}|\^)/, '')
  const bound = bare === key ? false : 'start'
  if (bare === 'EPOCH' || bare === 'LEPOCH') return epoch(bare === 'LEPOCH', bound, weight)
  if (bare === 'TAI64N') return tai64n(bound, weight)
  return ofTokens(pattern, newestYear, weight)
}

function ofTokens(pattern: string, newestYear: number, weight: number): DateTemplate {
  let body = pattern
  let wordBegin: WordBegin = true
  let wordEnd = true
  if (body.startsWith('{UNB}')) {
    body = body.slice(5)
    wordBegin = wordEnd = false
  } else if (body.startsWith(lineBeginMark)) {
    body = body.slice(lineBeginMark.length)
    wordBegin = 'start'
  }
  const expanded = expandTokens(body, tokenPatterns(newestYear))
  const source = hasWords(body) ? `(?iu)${expanded}` : expanded
  const { regex, ...bounds } = bounded(source, wordBegin, wordEnd)
  const isBegin = wordBegin === 'start' && bounds.byWords
  return {
    name: (isBegin ? lineBeginMark : '') + nameOfPattern(body),
    pattern,
    regex,
    weight,
    anchored: bounds.lineBegin || bounds.lineEnd,
    lineBegin: bounds.lineBegin,
    moment: (match, context) => momentOf(fieldsOf(regex, match), context),
  }
}

export const lineBeginMark = '{^LN-BEG}'

function fieldsOf(regex: PythonRegex, match: PythonMatch): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [name, index] of regex.names) {
    const text = match.group(index)
    if (text !== undefined) fields.set(name, text)
  }
  return fields
}

/** An expression with what has to stand around it; its first group is what is cut from the line. */
function bounded(
  source: string,
  wordBegin: WordBegin,
  wordEnd: boolean,
): { regex: PythonRegex; lineBegin: boolean; lineEnd: boolean; byWords: boolean } {
  const flags = /\(\?[a-z]+\)/.exec(source)?.[0] ?? ''
  let body = source.trim().replace(flags, '')
  const begin = wordBegin !== false && !/^\(*(?:\(\?\w+\))?(?:\^|\(*\*\*|\((?:\?:)?\^)/.test(body)
  const end = wordEnd && !/(?<!\\)(?:\$\)?|\\b|\\s|\*\*\)*)$/.test(body)
  if (!/(?<!\(\?)(?<!\\)\((?!\?)/.test(body)) body = body.replace(/^(\^?)(.*?)(\$?)$/s, '$1($2)$3')
  if (begin) body = (wordBegin === 'start' ? '^(?:\\W{0,2})?' : '(?=^|\\b|\\W)') + body
  if (end) body += '(?=\\b|\\W|$)'
  const lineBegin = /^(?:\^|\((?:\?:)?\^(?!\|))/.test(body)
  const lineEnd = /(?<![\\|])\$\)?$/.test(body)
  body = body.replace(/^\(*\*\*/, dropStars).replace(/(?<!\\)\*\*\)*$/, dropStars)
  const regex = compilePython(flags + body, { keep: [1, 2], budget: dateBudget })
  return { regex, lineBegin, lineEnd, byWords: begin }
}

const dropStars = (text: string): string => text.replace('**', '')

const epochDigits = '\\d{10,11}\\b(?:\\.\\d{3,6})?'
const longEpochDigits = '\\d{10,11}(?:\\d{3}(?:\\.\\d{1,6}|\\d{3})?)?'

/** Seconds since 1970 at the beginning of a line, also after `[`, or (not bound) after `audit(`. */
function epoch(long: boolean, bound: 'start' | false, weight: number): DateTemplate {
  const digits = long ? longEpochDigits : epochDigits
  const source =
    bound === false
      ? `(?:^|(?<=^\\[)|(?<=\\baudit\\())(${digits})(?=\\b|\\W|$)`
      : `^(?:\\W{0,2})?(${digits})(?=\\b|\\W|$)`
  const name = long ? 'LongEpoch' : 'Epoch'
  const regex = compilePython(source, { keep: [1], budget: dateBudget })
  return {
    name: bound === false ? name : lineBeginMark + name,
    pattern: null,
    regex,
    weight,
    anchored: bound !== false,
    lineBegin: bound !== false,
    moment: (match) => epochMs(match.group(1)!, long),
  }
}

/** A pattern of one's own around `{EPOCH}`: all of it is cut out, the digits are the second group. */
function epochWithin(pattern: string, long: boolean, weight: number): DateTemplate {
  const digits = long ? longEpochDigits : epochDigits
  const source = `(${pattern.replace(/(?<!\\)\{L?EPOCH\}/gi, () => `(${digits})`)})`
  const { regex, lineBegin, lineEnd } = bounded(source, true, true)
  return {
    name: pattern,
    pattern: null,
    regex,
    weight,
    anchored: lineBegin || lineEnd,
    lineBegin,
    moment: (match) => epochMs(match.group(2)!, long),
  }
}

/** Epochs keep their fraction; long ones of 13 digits are milliseconds, of 16 microseconds. */
function epochMs(digits: string, long: boolean): number {
  const value = Number(digits)
  if (!long || digits.length < 13) return value * 1000
  return digits.length >= 16 && !digits.includes('.') ? value / 1000 : value
}

/** `@` and 24 hexadecimal digits (DJB's TAI64N); taken for seconds since 1970, leap seconds aside. */
function tai64n(bound: 'start' | false, weight: number): DateTemplate {
  const { regex, lineBegin } = bounded('@[0-9a-f]{24}', bound, true)
  return {
    name: bound === false ? 'TAI64N' : `${lineBeginMark}TAI64N`,
    pattern: null,
    regex,
    weight,
    anchored: lineBegin,
    lineBegin,
    moment: (match) => Number.parseInt(match.group(1)!.slice(2, 17), 16) * 1000,
  }
}

/** A pattern without the marks that bind it, as `{DATE}` puts it into another. */
export function unbound(pattern: string): string {
  return pattern
    .replace(/^\{UNB\}/, '')
    .replace(/^\{\^LN-BEG\}/, '')
    .replace(/^\((?:\?:)?\^\|\\b\|\\W\)/, '')
    .replace(/\(\?=\\b\|\\W\|\$\)$/, '')
}
