/**
 * What of Python's own behaviour shows in fail2ban's configuration: blanks, numbers, and how lists are printed.
 *
 * Measured with Python 3.11.
 */

/** What `str.strip()` takes for a blank: JavaScript's set with four separators and NEL, without the byte order mark. */
const blank = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

/** Python's `\s` and `\w` for expressions with the flag `u`. */
export const pythonClass = { space: `[${blank}]`, notSpace: `[^${blank}]`, word: '[\\p{L}\\p{N}_]' } as const

const leadingBlanks = new RegExp(`^[${blank}]*`)
const trailingBlanks = new RegExp(`[${blank}]$`)
const oneBlank = new RegExp(`^[${blank}]$`)

export const isBlank = (character: string): boolean => oneBlank.test(character)

/** How many blanks a text begins with. */
export const indentOf = (text: string): number => leadingBlanks.exec(text)![0].length

/** `str.rstrip()`: from the end, so that a long run of blanks inside costs nothing. */
export function stripEnd(text: string): string {
  let end = text.length
  while (end > 0 && trailingBlanks.test(text[end - 1]!)) end--
  return text.slice(0, end)
}

/** `str.strip()`. */
export const strip = (text: string): string => stripEnd(text.slice(indentOf(text)))

/** `int(text)` for decimal digits: blanks around, a sign and single underscores are allowed; null for anything else. */
export function parseInteger(text: string): number | null {
  const plain = strip(text)
  return /^[+-]?\d+(_\d+)*$/.test(plain) ? Number(plain.replaceAll('_', '')) : null
}

/** What fail2ban takes for yes; everything else is no. */
export const isYes = (text: string): boolean => ['1', 'on', 'true', 'yes'].includes(text.toLowerCase())

/** What a command of fail2ban's client can carry. */
export type PythonValue = string | number | boolean | null | readonly PythonValue[] | PythonRecord
export interface PythonRecord {
  readonly [name: string]: PythonValue
}

/** `repr(value)`, as `fail2ban-client -d` prints its commands. */
export function repr(value: PythonValue): string {
  if (value === null) return 'None'
  switch (typeof value) {
    case 'string':
      return reprText(value)
    case 'number':
      return String(value)
    case 'boolean':
      return value ? 'True' : 'False'
    default:
      return isList(value)
        ? `[${value.map(repr).join(', ')}]`
        : `{${Object.entries(value)
            .map(([name, inner]) => `${reprText(name)}: ${repr(inner)}`)
            .join(', ')}}`
  }
}

const isList = (value: PythonValue): value is readonly PythonValue[] => Array.isArray(value)

/** What `str.isprintable()` refuses, the plain blank excepted. */
const unprintable = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/gu

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(unprintable, escapeCharacter)
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`
}

const named: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  ' ': ' ',
}

function escapeCharacter(character: string): string {
  const name = named[character]
  if (name !== undefined) return name
  const code = character.codePointAt(0)!
  const digits = code.toString(16)
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`
}

/** `str(value)`. */
export const pythonText = (value: string | number | boolean | null): string =>
  typeof value === 'string' ? value : repr(value)

/** `json.dumps` of a map of texts: blanks behind commas and colons, nothing but ASCII. */
export function jsonText(record: ReadonlyMap<string, string>): string {
  const quoted = (text: string): string =>
    JSON.stringify(text).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  return `{${[...record].map(([name, value]) => `${quoted(name)}: ${quoted(value)}`).join(', ')}}`
}
