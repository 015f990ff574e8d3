/** Texts that rules come from, and places in them. */

/** Where a text stands in a larger file, of which it is a block of whole lines without their indentation. */
export interface SourcePlace {
  readonly linesAbove: number
  readonly columnsBefore: number
}

const wholeFile: SourcePlace = { linesAbove: 0, columnsBefore: 0 }

export class SourceText {
  /** Of the file. */
  readonly name: string
  readonly text: string
  readonly #place: SourcePlace
  /** Offset of the first character of each line, as far as anybody asked. */
  readonly #lineStarts: number[] = [0]
  #complete = false

  constructor(name: string, text: string, place: SourcePlace = wholeFile) {
    this.name = name
    this.text = text
    this.#place = place
  }

  /** Line and column in the file (both from 1, columns in UTF-16 units) of an offset. */
  locate(offset: number): { line: number; column: number } {
    const starts = this.#startsUntil((last) => offset < last)
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    const { linesAbove, columnsBefore } = this.#place
    return { line: linesAbove + low + 1, column: columnsBefore + offset - starts[low]! + 1 }
  }

  /** The text of a line of the file (from 1) without its line end; '' for lines that are not in the text. */
  line(fileNumber: number): string {
    const { linesAbove, columnsBefore } = this.#place
    const number = fileNumber - linesAbove
    const start = this.#startsUntil((_, count) => number <= count)[number - 1]
    if (start === undefined) return ''
    const end = this.text.indexOf('\n', start)
    const line = this.text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '')
    return `${' '.repeat(columnsBefore)}${line}`
  }

  #startsUntil(enough: (last: number, count: number) => boolean): readonly number[] {
    const starts = this.#lineStarts
    while (!this.#complete && !enough(starts[starts.length - 1]!, starts.length)) {
      const newline = this.text.indexOf('\n', starts[starts.length - 1])
      if (newline < 0) this.#complete = true
      else starts.push(newline + 1)
    }
    return starts
  }
}

/** A half-open range of UTF-16 offsets in a source. */
export interface Span {
  readonly source: SourceText
  readonly start: number
  readonly end: number
}
