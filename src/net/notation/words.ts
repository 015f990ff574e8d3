/** Words of a line, and complaints that point at them. */
import type { Key } from './values.ts'

export interface Word {
  readonly text: string
  /** Offsets in the line: [start, end). */
  readonly start: number
  readonly end: number
}

export interface NotationError {
  readonly message: string
  readonly start: number
  readonly end: number
  readonly help?: string
}

/** Thrown within this folder and caught by `parsePacketLine`. */
export class Complaint extends Error {
  readonly error: NotationError

  constructor(at: { readonly start: number; readonly end: number }, message: string, help?: string) {
    super(message)
    const { start, end } = at
    this.error = help === undefined ? { message, start, end } : { message, start, end, help }
  }
}

/** Blanks part words, except within double quotes (where a backslash takes the next character with it). */
export function splitWords(text: string): Word[] {
  const words: Word[] = []
  const pattern = /(?:"(?:\\.|[^"\\])*("?)|[^\s"])+/g
  for (const match of text.matchAll(pattern)) {
    const word = { text: match[0], start: match.index, end: match.index + match[0].length }
    if (match[1] === '') throw new Complaint(word, 'the quote is not closed', 'end the text with "')
    words.push(word)
  }
  return words
}

/** The candidate that differs least from `word`, if it differs by two letters at most, as help; else undefined. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | null = null
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate)
    if (distance <= 2 && distance < word.length && distance < (best?.distance ?? 3))
      best = { candidate, distance }
  }
  return best === null ? undefined : `did you mean ${best.candidate}?`
}

/** Letters to insert, delete, replace or swap with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const cost = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1)
      next.push(swapped ? Math.min(cost, before[j - 2]! + 1) : cost)
    }
    before = row
    row = next
  }
  return row[b.length]!
}

/** `key=value`. */
export class Item {
  readonly word: Word
  readonly key: string
  readonly value: string

  constructor(word: Word) {
    const equals = word.text.indexOf('=')
    this.word = word
    this.key = word.text.slice(0, equals)
    this.value = word.text.slice(equals + 1)
  }

  /** Where the value stands. */
  get at(): { readonly start: number; readonly end: number } {
    return { start: this.word.end - this.value.length, end: this.word.end }
  }

  parse(key: Key): number | Uint8Array {
    const value = key.parse(this.value)
    if (typeof value === 'number' || value instanceof Uint8Array) return value
    throw new Complaint(this.at, value.wrong, `${this.key}: ${key.doc}`)
  }
}

/** The `key=value` and bare words of a packet, in any order; readers take what is theirs. */
export class Given {
  readonly #items = new Map<string, Item>()
  #bare: Word[] = []

  add(word: Word): void {
    if (!word.text.includes('=')) {
      this.#bare.push(word)
      return
    }
    const item = new Item(word)
    if (this.#items.has(item.key)) throw new Complaint(word, `${item.key}= is given twice`)
    this.#items.set(item.key, item)
  }

  take(key: string): Item | null {
    const item = this.#items.get(key) ?? null
    this.#items.delete(key)
    return item
  }

  /** Whether the bare word was there. */
  takeWord(text: string): Word | null {
    const index = this.#bare.findIndex((word) => word.text === text)
    return index < 0 ? null : this.#bare.splice(index, 1)[0]!
  }

  takeBare(): readonly Word[] {
    const bare = this.#bare
    this.#bare = []
    return bare
  }

  /** Complains of the first word that nobody took. */
  refuseRest(known: Iterable<string>): void {
    const [word] = this.#bare
    if (word !== undefined) throw new Complaint(word, `"${word.text}" means nothing here`)
    const [item] = this.#items.values()
    if (item === undefined) return
    throw new Complaint(item.word, `this packet has no ${item.key}=`, didYouMean(item.key, known))
  }
}

/** Goes through the words of a line once. */
export class Cursor {
  readonly #words: readonly Word[]
  /** The empty place behind the last word, for what is missing. */
  readonly end: { readonly start: number; readonly end: number }
  #next = 0

  constructor(words: readonly Word[], textLength: number) {
    this.#words = words
    this.end = { start: textLength, end: textLength }
  }

  get peek(): Word | null {
    return this.#words[this.#next] ?? null
  }

  get peekSecond(): Word | null {
    return this.#words[this.#next + 1] ?? null
  }

  /** The next word, which `missing` names. */
  take(missing = 'a word'): Word {
    const word = this.peek
    if (word === null) {
      throw new Complaint(
        this.end,
        `${missing} is missing`,
        'for example: eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn',
      )
    }
    this.#next++
    return word
  }

  /** Takes words up to the end or a bracket. */
  takeGiven(given: Given): void {
    for (let word = this.peek; word !== null && word.text !== '[' && word.text !== ']'; word = this.peek) {
      given.add(this.take())
    }
  }
}
