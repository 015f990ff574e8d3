/** What a backslash means in Python's regular expressions, outside a class and inside. */
import type { Category } from './charset.ts'
import { PythonSyntaxError } from './parse.ts'
import type { Assertion } from './tree.ts'

type CharEscape = { readonly kind: 'char'; readonly code: number; readonly end: number }
type CategoryEscape = {
  readonly kind: 'category'
  readonly category: Category
  readonly negated: boolean
  readonly end: number
}

/** An escape, and where the text goes on after it. */
export type Escape =
  | CharEscape
  | CategoryEscape
  | { readonly kind: 'assert'; readonly what: Assertion; readonly end: number }
  | { readonly kind: 'group'; readonly index: number; readonly end: number }

const controls: Record<string, number> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 }
const categories: Record<string, Category> = { d: 'digit', s: 'space', w: 'word' }
const assertions: Record<string, Assertion> = { A: 'start', Z: 'textEnd', b: 'boundary', B: 'noBoundary' }

export function escapeOutside(text: string, at: number): Escape {
  const char = text[at + 1]
  if (char === undefined) throw new PythonSyntaxError('bad escape (end of pattern)', at)
  const end = at + 2
  const what = assertions[char]
  if (what !== undefined) return { kind: 'assert', what, end }
  if (char >= '1' && char <= '9') {
    const octal = matchAt(/[0-3][0-7][0-7]|[4-7][0-7][0-7]/y, text, at + 1)
    if (octal !== null) return octalEscape(octal, at)
    const digits = matchAt(/\d\d?/y, text, at + 1)!
    return { kind: 'group', index: Number(digits), end: at + 1 + digits.length }
  }
  if (char === '0') return octalEscape(matchAt(/0[0-7]{0,2}/y, text, at + 1)!, at)
  return common(text, at, char)
}

export function classEscape(text: string, at: number): CharEscape | CategoryEscape {
  const char = text[at + 1]
  if (char === undefined) throw new PythonSyntaxError('bad escape (end of pattern)', at)
  const octal = matchAt(/[0-7]{1,3}/y, text, at + 1)
  if (octal !== null) return octalEscape(octal, at)
  return common(text, at, char)
}

function common(text: string, at: number, char: string): CharEscape | CategoryEscape {
  const end = at + 2
  const control = controls[char]
  if (control !== undefined) return { kind: 'char', code: control, end }
  const category = categories[char.toLowerCase()]
  if (category !== undefined) {
    return { kind: 'category', category, negated: char !== char.toLowerCase(), end }
  }
  const digits = { x: /[0-9a-fA-F]{2}/y, u: /[0-9a-fA-F]{4}/y, U: /[0-9a-fA-F]{8}/y }[char]
  if (digits !== undefined) {
    const found = matchAt(digits, text, end)
    const code = found === null ? Number.NaN : Number.parseInt(found, 16)
    if (!(code <= 0x10ffff)) throw new PythonSyntaxError(`incomplete escape \\${char}`, at)
    return { kind: 'char', code, end: end + found!.length }
  }
  if (/[a-zA-Z0-9]/.test(char)) throw new PythonSyntaxError(`bad escape \\${char}`, at)
  const code = text.codePointAt(at + 1)!
  return { kind: 'char', code, end: code > 0xffff ? end + 1 : end }
}

function octalEscape(digits: string, at: number): CharEscape {
  const code = Number.parseInt(digits, 8)
  if (code > 0o377) throw new PythonSyntaxError('octal escape value outside of range 0-0o377', at)
  return { kind: 'char', code, end: at + 1 + digits.length }
}

function matchAt(expression: RegExp, text: string, at: number): string | null {
  expression.lastIndex = at
  return expression.exec(text)?.[0] ?? null
}
