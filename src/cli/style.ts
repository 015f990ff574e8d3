/** Colours and small layout helpers. A style that is off returns its text unchanged. */
import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

export interface Palette {
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  blue(text: string): string
  cyan(text: string): string
  dim(text: string): string
  bold(text: string): string
}

export function palette(on: boolean): Palette {
  const paint = (format: Format) => (text: string) =>
    on ? styleText(format, text, { validateStream: false }) : text
  return {
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    blue: paint('blue'),
    cyan: paint('cyan'),
    dim: paint('dim'),
    bold: paint('bold'),
  }
}

/** The text in the colour of a verdict: accept green, reject yellow, drop red. */
export function paintVerdict(colors: Palette, verdict: string, text: string): string {
  return verdict === 'accept'
    ? colors.green(text)
    : verdict === 'reject'
      ? colors.yellow(text)
      : colors.red(text)
}

/** Text cut to so many columns; 0 leaves it whole. */
export const cutToColumns = (text: string, columns: number): string =>
  columns > 0 && text.length > columns ? `${text.slice(0, columns - 1)}…` : text

/** Columns as wide as their widest cell; the last one is not padded. Cells must be free of colours. */
export function table(rows: readonly (readonly string[])[], gap = '  '): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!)))
      .join(gap)
      .trimEnd(),
  )
}
