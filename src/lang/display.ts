/** How text looks on a terminal: what a character shows, and how many columns it takes. */

export interface Cell {
  /** UTF-16 offset of the character in its line. */
  readonly offset: number
  /** What is printed in its place. */
  readonly shown: string
  /** Columns: 0 for combining characters, 2 for wide ones, up to 4 for a tab. */
  readonly width: number
}

const tabWidth = 4

/** The characters of a piece of a line that begins at `offset` of it. */
export function cellsOf(text: string, offset: number): Cell[] {
  const cells: Cell[] = []
  let column = 0
  let at = offset
  for (const character of text) {
    const cell = cellOf(character, column, at)
    cells.push(cell)
    column += cell.width
    at += character.length
  }
  return cells
}

function cellOf(character: string, column: number, offset: number): Cell {
  const code = character.codePointAt(0)!
  if (character === '\t') {
    const width = tabWidth - (column % tabWidth)
    return { offset, shown: ' '.repeat(width), width }
  }
  // Pictures of the control characters stand at U+2400.
  if (code < 0x20) return { offset, shown: String.fromCodePoint(0x2400 + code), width: 1 }
  if (code === 0x7f) return { offset, shown: '\u2421', width: 1 }
  if (isHidden(code)) return { offset, shown: '\ufffd', width: 1 }
  return { offset, shown: character, width: widthOfCode(code) }
}

/** C1 controls, lone surrogates, and characters that turn the direction of text. */
const isHidden = (code: number): boolean =>
  (0x80 <= code && code < 0xa0) ||
  (0xd800 <= code && code < 0xe000) ||
  (0x202a <= code && code <= 0x202e) ||
  (0x2066 <= code && code <= 0x2069) ||
  code === 0xffff

/** Blocks of wide characters. Source: East_Asian_Width W and F, Unicode 15, in coarse ranges. */
const wideRanges: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
]

function widthOfCode(code: number): number {
  if (code < 0x300) return 1
  if (/\p{Mark}|\p{Format}/u.test(String.fromCodePoint(code))) return 0
  return wideRanges.some(([from, to]) => from <= code && code <= to) ? 2 : 1
}

/** Breaks at blanks so that no line is longer than `columns`, where a word allows. */
export function fold(text: string, indent: string, columns: number): string[] {
  if (columns <= 0 || indent.length + text.length <= columns) return [indent + text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > columns) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}
