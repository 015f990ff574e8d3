/**
 * Shell text cut into tokens: words with quotes and simple variables resolved, operators, comments.
 *
 * Only what plain scripts of commands need. A word that takes a running shell (`$(...)`, `$1`, patterns of `${...}`,
 * unknown variables) says so in `needsShell`. Source: POSIX.1-2017, Shell Command Language, 2.2 to 2.6.
 */
import type { SourceText, Span } from './source.ts'
import { type Word, withoutFiller } from './words.ts'

export interface ShellWord extends Word {
  /** What in the word only a running shell can tell, and why; null when the text is complete. */
  readonly needsShell: { readonly span: Span; readonly what: string } | null
  /** Whether any part is quoted: quoted words are no keywords. */
  readonly quoted: boolean
}

export type ShellToken =
  /** One word of the text; several where an unquoted variable held them, none where it was empty. */
  | { readonly kind: 'words'; readonly words: readonly ShellWord[]; readonly span: Span }
  /** `;` `&` `|` `&&` `||` `(` `)` `;;` `<` `>` `>>` `<<` ..., with the descriptor before a redirection. */
  | { readonly kind: 'operator'; readonly text: string; readonly span: Span }
  | { readonly kind: 'newline'; readonly span: Span }
  | { readonly kind: 'comment'; readonly span: Span }
  | { readonly kind: 'open-quote'; readonly span: Span }

/** Value of a variable: text, or why it is not known. */
export type Variable = { readonly text: string } | { readonly unknown: string }

const operators = ['<<<', '<<-', '&>>', ';;', '&&', '||', '<<', '>>', '>&', '<&', '>|', '<>', '&>']
const singleOperators = ';&|()<>'

/** A run of characters that mean themselves. */
const ordinary = /[^\s;&|()<>'"\\$`]+/y

/** Characters to look ahead for the end of `$(...)`; longer ones are not worth finding. */
const substitutionLimit = 65536

/** Substitutions without end after which only their line is searched. */
const patience = 100

/** A word being put together; an unquoted variable can make several of it. */
interface Draft {
  /** Words that are complete. */
  readonly fields: string[]
  /** The word at the end; null when none has begun, which is not the same as an empty one. */
  current: string | null
  quoted: boolean
  needsShell: ShellWord['needsShell']
}

export class ShellLexer {
  readonly #source: SourceText
  readonly #text: string
  readonly #lookUp: (name: string) => Variable | null
  #at = 0
  #endless = 0

  /**
   * `lookUp` answers for variables at the moment they are read; null when nothing was said about them. `text` is what
   * to read in place of the source's, repaired and of the same length.
   */
  constructor(source: SourceText, lookUp: (name: string) => Variable | null, text = source.text) {
    this.#source = source
    this.#text = text
    this.#lookUp = lookUp
  }

  /** The next token, or null at the end. */
  next(): ShellToken | null {
    this.#skipBlanks()
    const text = this.#text
    const start = this.#at
    if (start >= text.length) return null
    const character = text[start]!
    if (character === '\n') {
      this.#at++
      return { kind: 'newline', span: this.#span(start) }
    }
    if (character === '#') {
      this.#at = this.#lineEnd(start)
      return { kind: 'comment', span: this.#span(start) }
    }
    const operator = this.#operatorAt(start)
    if (operator !== null) {
      this.#at += operator.length
      return { kind: 'operator', text: operator, span: this.#span(start) }
    }
    return this.#readWord()
  }

  /** The lines from here to one that is `delimiter`: a here-document, whose span excludes the delimiter. */
  skipHereDocument(delimiter: string, stripTabs: boolean): Span {
    const start = this.#at
    while (this.#at < this.#text.length) {
      const lineStart = this.#at
      const end = this.#lineEnd(lineStart)
      const line = this.#text.slice(lineStart, end)
      this.#at = Math.min(end + 1, this.#text.length)
      if ((stripTabs ? line.replace(/^\t+/, '') : line) === delimiter) {
        return { source: this.#source, start, end: lineStart }
      }
    }
    return this.#span(start)
  }

  #span(start: number, end = this.#at): Span {
    return { source: this.#source, start, end }
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf('\n', from)
    return end < 0 ? this.#text.length : end
  }

  #skipBlanks(): void {
    const text = this.#text
    for (; this.#at < text.length; this.#at++) {
      const character = text[this.#at]
      if (character === '\\' && this.#continuation() > 0) this.#at += this.#continuation() - 1
      else if (character === '\r' && text[this.#at + 1] === '\n') continue
      else if (character !== ' ' && character !== '\t') return
    }
  }

  /** Length of a backslash and the line end behind it; 0 when there is none here. */
  #continuation(): number {
    if (this.#text[this.#at] !== '\\') return 0
    if (this.#text[this.#at + 1] === '\n') return 2
    return this.#text.startsWith('\\\r\n', this.#at) ? 3 : 0
  }

  #operatorAt(at: number): string | null {
    const text = this.#text
    const digits = /^\d/.test(text[at]!) ? (/^\d+(?=[<>])/.exec(text.slice(at, at + 12))?.[0] ?? '') : ''
    const behind = at + digits.length
    const long = operators.find((operator) => text.startsWith(operator, behind))
    const found = long ?? (singleOperators.includes(text[behind] ?? ' ') ? text[behind]! : null)
    if (found === null) return null
    return digits !== '' && !/[<>]/.test(found) ? null : digits + found
  }

  #readWord(): ShellToken {
    const start = this.#at
    const draft: Draft = { fields: [], current: null, quoted: false, needsShell: null }
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!
      if (' \t\n;&|()<>'.includes(character)) break
      if (character === '\r' && this.#text[this.#at + 1] === '\n') break
      const open = this.#readPart(character, draft)
      if (open !== null) return open
    }
    const span = this.#span(start)
    const fields = draft.current === null ? draft.fields : [...draft.fields, draft.current]
    const { quoted, needsShell } = draft
    const words = fields.map((text) => ({ text: withoutFiller(text), span, quoted, needsShell }))
    return { kind: 'words', words, span }
  }

  /** One part of a word; an `open-quote` token when a quote is never closed. */
  #readPart(character: string, draft: Draft): ShellToken | null {
    const start = this.#at
    switch (character) {
      case "'": {
        const end = this.#text.indexOf("'", start + 1)
        if (end < 0 || this.#swallowsCommands(start, end)) return this.#openQuote(start)
        this.#append(draft, this.#text.slice(start + 1, end))
        draft.quoted = true
        this.#at = end + 1
        return null
      }
      case '"':
        return this.#readDoubleQuotes(draft)
      case '\\': {
        const continuation = this.#continuation()
        if (continuation === 0) this.#append(draft, this.#text[start + 1] ?? '\\')
        // A backslash may be the last character of all.
        this.#at = Math.min(this.#at + (continuation === 0 ? 2 : continuation), this.#text.length)
        return null
      }
      case '$':
        this.#readVariable(draft, true)
        return null
      case '`':
        this.#needShell(draft, this.#matching(start + 1, '`'), 'the output of a command')
        return null
      default:
        ordinary.lastIndex = start
        this.#append(draft, ordinary.exec(this.#text)?.[0] ?? character)
        this.#at = Math.max(start + 1, ordinary.lastIndex)
        return null
    }
  }

  #readDoubleQuotes(draft: Draft): ShellToken | null {
    const start = this.#at
    const end = this.#doubleQuoteEnd(start + 1)
    if (end < 0 || this.#swallowsCommands(start, end)) return this.#openQuote(start)
    draft.quoted = true
    this.#append(draft, '')
    this.#at = start + 1
    while (this.#at < end) {
      const character = this.#text[this.#at]!
      if (character === '$') this.#readVariable(draft, false)
      else if (character === '`')
        this.#needShell(draft, this.#matching(this.#at + 1, '`'), 'the output of a command')
      else if (character === '\\') {
        const continuation = this.#continuation()
        const next = this.#text[this.#at + 1] ?? ''
        if (continuation === 0) this.#append(draft, '$`"\\'.includes(next) ? next : `\\${next}`)
        this.#at += continuation === 0 ? 2 : continuation
      } else {
        this.#append(draft, character)
        this.#at++
      }
    }
    this.#at = end + 1
    return null
  }

  #doubleQuoteEnd(from: number): number {
    for (let at = from; at < this.#text.length; at++) {
      if (this.#text[at] === '\\') at++
      else if (this.#text[at] === '"') return at
    }
    return -1
  }

  /** A quote that reaches over a later command was meant to end before it. */
  #swallowsCommands(start: number, end: number): boolean {
    return /\n[ \t]*(sudo +)?(\S*\/)?ip6?tables\s/.test(this.#text.slice(start, end))
  }

  /** Reads on behind the line. */
  #openQuote(start: number): ShellToken {
    this.#at = this.#lineEnd(start)
    return { kind: 'open-quote', span: this.#span(start, start + 1) }
  }

  #append(draft: Draft, text: string): void {
    draft.current = (draft.current ?? '') + text
  }

  #needShell(draft: Draft, end: number, what: string): void {
    draft.needsShell ??= { span: this.#span(this.#at, end), what }
    this.#append(draft, '')
    this.#at = end
  }

  /** Offset behind the closing character, or the end of the line. */
  #matching(from: number, closing: string): number {
    const end = this.#text.indexOf(closing, from)
    return end < 0 ? this.#lineEnd(from) : end + 1
  }

  #readVariable(draft: Draft, split: boolean): void {
    const start = this.#at
    const rest = this.#text.slice(start, start + 256)
    if (rest.startsWith('$(')) {
      const what = rest.startsWith('$((') ? 'arithmetic' : 'the output of a command'
      this.#needShell(draft, this.#closingParenthesis(start + 2), what)
      return
    }
    const [whole, braced, plain] = /^\$(?:\{([^}\n]*)\}|([A-Za-z_]\w*|[0-9@*#?$!-]))/.exec(rest) ?? []
    if (whole === undefined) {
      this.#append(draft, '$')
      this.#at++
      return
    }
    const end = start + whole.length
    const [, name = '', fallback] = /^([A-Za-z_]\w*)(?::?-(.*))?$/.exec(braced ?? plain ?? '') ?? []
    if (name === '') {
      this.#needShell(draft, end, `the value of ${whole}`)
      return
    }
    const found =
      this.#lookUp(name) ?? (fallback === undefined || /[$`\\]/.test(fallback) ? null : { text: fallback })
    if (found === null || 'unknown' in found) {
      this.#needShell(
        draft,
        end,
        found === null ? `$${name}, which nothing above sets` : `$${name}: ${found.unknown}`,
      )
      return
    }
    this.#at = end
    if (split) this.#appendFields(draft, found.text)
    else this.#append(draft, found.text)
  }

  #closingParenthesis(from: number): number {
    let depth = 1
    const lineEnd = this.#lineEnd(from)
    const limit = this.#endless < patience ? Math.min(this.#text.length, from + substitutionLimit) : lineEnd
    for (let at = from; at < limit; at++) {
      if (this.#text[at] === '(') depth++
      else if (this.#text[at] === ')' && --depth === 0) return at + 1
    }
    this.#endless++
    return lineEnd
  }

  /** An unquoted value falls apart at its blanks; blanks at its ends part it from what stands beside it. */
  #appendFields(draft: Draft, value: string): void {
    for (const part of value.split(/([ \t\n]+)/)) {
      if (part === '') continue
      if (!/^[ \t\n]/.test(part)) this.#append(draft, part)
      else if (draft.current !== null) {
        draft.fields.push(draft.current)
        draft.current = null
      }
    }
  }
}
