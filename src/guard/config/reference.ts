/**
 * How options name filters and actions: `name[option=value, other="a, b"][third='x']`, several by blanks or lines.
 */
import { isBlank, pythonClass, strip, stripEnd } from './python.ts'

export interface Reference {
  readonly name: string
  /** In the order in which they were given. */
  readonly options: ReadonlyMap<string, string>
}

/** What is wrong with a reference, where, and fail2ban's words for it. */
export class BadReference extends Error {
  /** Offsets in the reference's text. */
  readonly start: number
  readonly end: number

  constructor(said: string, start: number, end: number) {
    super(said)
    this.start = start
    this.end = end
  }
}

const { space: s, word } = pythonClass
/** Python's `$` outside of MULTILINE: the end, or before a line feed there. */
const atEnd = '(?=\\n?$)'
const optionName = `(?:${word}|[-.])+`

const nameAndOptions = new RegExp(`^([^\\[]+)(?:\\[([^]*)\\])?${s}*$`, 'u')
const optionGroups = new RegExp(
  `${s}*(${optionName})=(?:"([^"]*)"|'([^']*)'|([^,\\]]*))` +
    `(?:,|\\]${s}*\\[|${atEnd}|(?<behind>[^]+))|,?${s}*${atEnd}|(?<instead>[^]+)`,
  'gu',
)

/** Throws `BadReference`. */
export function parseReference(text: string): Reference {
  const whole = nameAndOptions.exec(text)
  if (whole === null) {
    throw new BadReference('unexpected option syntax', Math.max(0, text.indexOf('[')), text.length)
  }
  const [, name, inner = ''] = whole
  const innerAt = name!.length + 1
  const options = new Map<string, string>()
  if (inner === '') return { name: name!, options }
  for (const found of inner.matchAll(optionGroups)) {
    const [, option, double, single, bare] = found
    const { behind, instead } = found.groups!
    const matchEnd = found.index + found[0].length
    if (behind !== undefined) {
      const at = matchEnd - behind.length
      const said = `unexpected syntax at ${codePoints(inner, at)} after option '${option}': ${head(behind)}`
      throw new BadReference(said, innerAt + at, innerAt + matchEnd)
    }
    if (instead !== undefined) {
      const at = matchEnd - instead.length
      const said = `expected option, wrong syntax at ${codePoints(inner, at)}: ${head(instead)}`
      throw new BadReference(said, innerAt + at, innerAt + matchEnd)
    }
    if (option !== undefined) options.set(strip(option), strip(double ?? single ?? bare ?? ''))
  }
  return { name: name!, options }
}

const codePoints = (text: string, end: number): number => [...text.slice(0, end)].length
const head = (text: string): string => [...text].slice(0, 25).join('')

/** The references of a list with their places in it, empty ones left out. */
export function splitReferences(text: string): { readonly text: string; readonly start: number }[] {
  const found: { text: string; start: number }[] = []
  for (let at = 0; at < text.length; ) {
    if (isBlank(text[at]!)) at++
    else {
      const end = referenceEnd(text, at)
      found.push({ text: stripEnd(text.slice(at, end)), start: at })
      at = end
    }
  }
  return found
}

/**
 * Where the reference that begins at a place ends: a name with its options, else everything up to a blank.
 *
 * fail2ban finds it by an expression that takes time without end where a bracket stays open. This takes the same ways
 * in the same order, and none of them twice.
 */
function referenceEnd(text: string, start: number): number {
  let nameEnd = start
  while (nameEnd < text.length && text[nameEnd] !== '[' && !isBlank(text[nameEnd]!)) nameEnd++
  if (nameEnd > start) {
    const bracket = skipBlanks(text, nameEnd)
    if (text[bracket] === '[') {
      const end = groupsEnd(text, skipBlanks(text, bracket + 1), new Set())
      if (end !== null) return end
    }
    if (nameEnd === text.length || isBlank(text[nameEnd]!)) return nameEnd
  }
  let wordEnd = start
  while (wordEnd < text.length && !isBlank(text[wordEnd]!)) wordEnd++
  return wordEnd
}

function skipBlanks(text: string, at: number): number {
  let end = at
  while (end < text.length && isBlank(text[end]!)) end++
  return end
}

/** The end of the options that go on at a place, their last bracket included; null when they do not end well. */
function groupsEnd(text: string, at: number, failed: Set<number>): number | null {
  if (failed.has(at)) return null
  for (const next of optionEnds(text, at)) {
    const end = groupsEnd(text, next, failed)
    if (end !== null) return end
  }
  const behind = at + 1
  if (text[at] === ']' && (behind === text.length || isBlank(text[behind]!))) return behind
  failed.add(at)
  return null
}

/** Places where an option that begins here may end, with the comma or brackets behind it; the likeliest first. */
function optionEnds(text: string, at: number): ReadonlySet<number> {
  const ends = new Set<number>()
  oneName.lastIndex = at
  const name = oneName.exec(text)
  if (name === null) return ends
  const valueAt = oneName.lastIndex
  const quote = text[valueAt]
  const closed = quote === '"' || quote === "'" ? text.indexOf(quote, valueAt + 1) : -1
  if (closed >= 0) addEnds(text, closed + 1, ends)
  let bareEnd = valueAt
  while (bareEnd < text.length && text[bareEnd] !== ',' && text[bareEnd] !== ']') bareEnd++
  for (let end = bareEnd; end >= valueAt; end--) addEnds(text, end, ends)
  return ends
}

const oneName = new RegExp(`${optionName}=`, 'uy')

/** Behind a value: blanks, a comma or `][` between groups, blanks. */
function addEnds(text: string, valueEnd: number, ends: Set<number>): void {
  const at = skipBlanks(text, valueEnd)
  if (text[at] === ',') ends.add(skipBlanks(text, at + 1))
  if (text[at] === ']') {
    const bracket = skipBlanks(text, at + 1)
    if (text[bracket] === '[') ends.add(skipBlanks(text, bracket + 1))
  }
  ends.add(at)
}

/** Words between blanks, commas and lines. */
export const splitWords = (text: string): string[] =>
  text
    .split(/[ ,\n]+/)
    .map(strip)
    .filter((one) => one !== '')

/** `str.rsplit(' ', 1)`: what stands before and behind the last blank. */
export function splitLastBlank(text: string): readonly [string, string | null] {
  const at = text.lastIndexOf(' ')
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
}

/** The words of a line as a POSIX shell reads them (`shlex.split`); null when a quote or a backslash stays open. */
export function shellWords(text: string): string[] | null {
  const words: string[] = []
  let current: string | null = null
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    if (/[ \t\r\n]/.test(letter)) {
      if (current !== null) words.push(current)
      current = null
    } else if (letter === '\\') {
      if (++at >= text.length) return null
      current = (current ?? '') + text[at]!
    } else if (letter === "'" || letter === '"') {
      current ??= ''
      for (at++; text[at] !== letter; at++) {
        if (at >= text.length) return null
        const escaped = letter === '"' && text[at] === '\\' && /["\\]/.test(text[at + 1] ?? '')
        if (escaped) at++
        current += text[at]!
      }
    } else {
      current = (current ?? '') + letter
    }
  }
  if (current !== null) words.push(current)
  return words
}
