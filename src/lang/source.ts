/** Texts that rules come from, and places in them. */

export class SourceText {
  readonly name: string
  readonly text: string
  /** Offset of the first character of each line; built on the first question. */
  #lineStarts: number[] | null = null

  constructor(name: string, text: string) {
    this.name = name
    this.text = text
  }

  /** Line and column (both from 1, columns in UTF-16 units) of an offset. */
  locate(offset: number): { line: number; column: number } {
    const starts = this.#starts()
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - starts[low]! + 1 }
  }

  /** The text of a line (from 1) without its line end. */
  line(number: number): string {
    const starts = this.#starts()
    const start = starts[number - 1]
    if (start === undefined) return ''
    const end = this.text.indexOf('\n', start)
    return this.text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '')
  }

  #starts(): number[] {
    if (this.#lineStarts === null) {
      const starts = [0]
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1))
        starts.push(at + 1)
      this.#lineStarts = starts
    }
    return this.#lineStarts
  }
}

/** A half-open range of UTF-16 offsets in a source. */
export interface Span {
  readonly source: SourceText
  readonly start: number
  readonly end: number
}
