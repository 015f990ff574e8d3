/** Values of the configuration, and where each part of them was written. */
import type { SourceText, Span } from '../../lang/source.ts'

/** A part of a value that stands in a file as it is. */
interface Piece {
  /** Offset in the value. */
  readonly start: number
  readonly length: number
  readonly source: SourceText
  /** Offset in the file. */
  readonly at: number
}

export interface Value {
  readonly text: string
  /** In order; what no file wrote (line joins, substituted tags) lies between them. */
  readonly pieces: readonly Piece[]
  /** The option's name where it was set; null for what fail2ban or Postern presets. */
  readonly key: Span | null
}

/** Where a value was set, for people and for JSON. */
export interface Origin {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

/** A value that stands in no file. */
export const presetValue = (text: string): Value => ({ text, pieces: [], key: null })

/** Another text in the place of a value, such as one with its tags substituted. */
export const rewritten = (value: Value, text: string): Value =>
  text === value.text ? value : { text, pieces: [], key: value.key }

export function originOf({ key }: Value): Origin | null {
  if (key === null) return null
  return { file: key.source.name, ...key.source.locate(key.start) }
}

/** Where a part of a value stands: in the file that wrote it, one line at most; else where the option was set. */
export function spanOf(value: Value, start = 0, end = value.text.length): Span | null {
  const piece = value.pieces.find(
    (one) =>
      start < one.start + one.length || (start === value.text.length && start <= one.start + one.length),
  )
  if (piece === undefined || piece.start > start)
    return value.pieces.length > 0 && start === 0 ? whole(value) : value.key
  const from = piece.at + start - piece.start
  const to = piece.at + Math.min(end - piece.start, piece.length)
  return { source: piece.source, start: from, end: Math.max(to, from) }
}

const whole = ({ pieces: [first] }: Value): Span => ({
  source: first!.source,
  start: first!.at,
  end: first!.at + first!.length,
})

/** Puts a value together from parts of others. */
export class ValueBuilder {
  #text = ''
  readonly #pieces: Piece[] = []

  get text(): string {
    return this.#text
  }

  /** Text that stands in no file. */
  addText(text: string): void {
    this.#text += text
  }

  /** A part of a file. */
  addSource(source: SourceText, at: number, text: string): void {
    if (text === '') return
    this.#pieces.push({ start: this.#text.length, length: text.length, source, at })
    this.#text += text
  }

  /** A part of another value. */
  addPart(value: Value, start: number, end: number): void {
    const base = this.#text.length - start
    for (const piece of value.pieces) {
      const from = Math.max(start, piece.start)
      const to = Math.min(end, piece.start + piece.length)
      if (from < to) {
        const at = piece.at + from - piece.start
        this.#pieces.push({ start: base + from, length: to - from, source: piece.source, at })
      }
    }
    this.#text += value.text.slice(start, end)
  }

  /** `key`: where the option is set that the value is of. */
  build(key: Span | null, text = this.#text): Value {
    return { text, pieces: this.#pieces, key }
  }
}

/** A part of a value with the blanks at its ends taken off. */
export function part(value: Value, start: number, end: number): Value {
  const builder = new ValueBuilder()
  builder.addPart(value, start, end)
  return builder.build(value.key)
}
