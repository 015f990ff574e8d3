/**
 * How options name filters and actions: `name[option=value, other="a, b"][third='x']`, several by blanks or lines.
 */
import { pythonClass, strip } from './python.ts'

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

const { space: s, notSpace, word } = pythonClass
/** Python's `$` outside of MULTILINE: the end, or before a line feed there. */
const atEnd = '(?=\\n?$)'
const optionName = `(?:${word}|[-.])+`

const optionGroups =
  `${s}*(${optionName})=(?:"([^"]*)"|'([^']*)'|([^,\\]]*))` +
  `(?:,|\\]${s}*\\[|${atEnd}|(?<behind>[^]+))|,?${s}*${atEnd}|(?<instead>[^]+)`

/** Throws `BadReference`. */
export function parseReference(text: string): Reference {
  const whole = new RegExp(`^([^\\[]+)(?:\\[([^]*)\\])?${s}*$`, 'u').exec(text)
  if (whole === null) {
    throw new BadReference('unexpected option syntax', Math.max(0, text.indexOf('[')), text.length)
  }
  const [, name, inner = ''] = whole
  const innerAt = name!.length + 1
  const options = new Map<string, string>()
  if (inner === '') return { name: name!, options }
  for (const found of inner.matchAll(new RegExp(optionGroups, 'gu'))) {
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

const oneReference =
  `(?:(?:(?!\\[)${notSpace})+(?:${s}*\\[${s}*(?:${optionName}=(?:"[^"]*"|'[^']*'|[^,\\]]*)` +
  `${s}*(?:,|\\]${s}*\\[)?${s}*)*\\])?${s}*|${notSpace}+)(?=\\n${s}*|${s}+|${atEnd})`

/** The references of a list with their places in it, empty ones left out. */
export function splitReferences(text: string): { readonly text: string; readonly start: number }[] {
  return [...text.matchAll(new RegExp(oneReference, 'gu'))].flatMap(({ 0: found, index }) => {
    const plain = strip(found)
    return plain === '' ? [] : [{ text: plain, start: index + found.indexOf(plain) }]
  })
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
