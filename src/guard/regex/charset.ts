/**
 * Sets of characters as Python's `re` understands them for text: `\w`, `\d` and `\s` reach over all of Unicode, and
 * ignoring case compares lower and upper forms.
 *
 * Unicode's tables are those of the JavaScript engine, which may know some newer characters than Python's.
 */
export type Category = 'word' | 'digit' | 'space'

export type SetItem =
  | { readonly lo: number; readonly hi: number }
  | { readonly category: Category; readonly negated: boolean; readonly ascii: boolean }

/** The parts of a class `[...]` with flag `u`. */
const unicodeClass: Record<Category, string> = {
  // str.isalnum() or the underscore
  word: '\\p{L}\\p{N}_',
  digit: '\\p{Nd}',
  // str.isspace()
  space: '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000',
}
const asciiClass: Record<Category, string> = { word: '\\w', digit: '0-9', space: '\\t-\\r\\x20' }

/** A category as the inside of a JavaScript class with flag `u`. */
export const categoryClass = (category: Category, ascii: boolean): string =>
  (ascii ? asciiClass : unicodeClass)[category]

const tests = (classes: Record<Category, string>) => ({
  word: new RegExp(`[${classes.word}]`, 'u'),
  digit: new RegExp(`[${classes.digit}]`, 'u'),
  space: new RegExp(`[${classes.space}]`, 'u'),
})
const unicodeTest = tests(unicodeClass)
const asciiTest = tests(asciiClass)

/** Answers for ASCII: for each character bit 1 for a word, 2 for a digit, 4 for a space; 8, 16, 32 with flag `a`. */
const table = Uint8Array.from({ length: 128 }, (_, code) => {
  const text = String.fromCharCode(code)
  return [unicodeTest, asciiTest]
    .flatMap((test) => [test.word, test.digit, test.space])
    .reduce((bits, test, at) => bits | (test.test(text) ? 1 << at : 0), 0)
})
const bitOf: Record<Category, number> = { word: 1, digit: 2, space: 4 }

export function inCategory(code: number, category: Category, ascii: boolean): boolean {
  if (code < 128) return (table[code]! & (bitOf[category] << (ascii ? 3 : 0))) !== 0
  return (ascii ? asciiTest : unicodeTest)[category].test(String.fromCodePoint(code))
}

export const isWord = (code: number, ascii = false): boolean =>
  code < 128
    ? (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122)
    : inCategory(code, 'word', ascii)

/** Characters that Python holds equal beyond simple lower and upper forms (`_EXTRA_CASES` in Lib/re/_casefix.py). */
const extraCases: readonly (readonly number[])[] = [
  [0x69, 0x131],
  [0x69, 0x130],
  [0x73, 0x17f],
  [0x6b, 0x212a],
  [0xe5, 0x212b],
  [0xb5, 0x3bc],
  [0x3c9, 0x2126],
]

/** Variants of the characters that most expressions are made of. */
const knownVariants = new Map<number, readonly number[]>()

/** All characters that equal one when case is ignored, itself first. */
export function caseVariants(code: number): readonly number[] {
  const known = knownVariants.get(code)
  if (known !== undefined) return known
  const variants = findVariants(code)
  if (code < 128) knownVariants.set(code, variants)
  return variants
}

function findVariants(code: number): readonly number[] {
  if (code < 128 && !isLetter(code)) return [code]
  const found = new Set([code])
  for (const one of found) {
    const text = String.fromCodePoint(one)
    for (const other of [text.toLowerCase(), text.toUpperCase()]) {
      const point = other.codePointAt(0)!
      if (String.fromCodePoint(point) === other) found.add(point)
    }
    for (const group of extraCases) if (group.includes(one)) for (const other of group) found.add(other)
  }
  return [...found]
}

const isLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122

/** A set of characters, negation and case included. */
export interface CharSet {
  readonly negated: boolean
  readonly items: readonly SetItem[]
  readonly ignoreCase: boolean
}

/** A text that is the same for sets that are: expressions have the same few sets many times. */
export function setKey({ negated, items, ignoreCase }: CharSet): string {
  const parts = items.map((item) =>
    'lo' in item ? `${item.lo}-${item.hi}` : `${item.category} ${item.negated} ${item.ascii}`,
  )
  return `${negated} ${ignoreCase} ${parts.join(',')}`
}

/** Whether a set holds a character. */
export function setHas(set: CharSet, code: number): boolean {
  const one = (point: number) =>
    set.items.some((item) =>
      'lo' in item
        ? item.lo <= point && point <= item.hi
        : inCategory(point, item.category, item.ascii) !== item.negated,
    )
  const found = set.ignoreCase ? caseVariants(code).some(one) : one(code)
  return found !== set.negated
}

/** Which of the ASCII characters (a bit each, 32 to a word), and (word 4) whether any other, a predicate holds for. */
export type AsciiMap = Uint32Array

export function asciiMap(has: (code: number) => boolean, other: boolean): AsciiMap {
  const map = new Uint32Array(5)
  for (let code = 0; code < 128; code++) if (has(code)) map[code >> 5]! |= 1 << (code & 31)
  map[4] = other ? 1 : 0
  return map
}
