/**
 * Diagnostics for people (a frame of the source with carets) and for programs (flat objects).
 *
 *   error[recent/hitcount-too-large]: --hitcount 999 is more than this kernel remembers
 *     --> rules.v4:12:40
 *      |
 *   12 | -A INPUT -m recent --update --hitcount 999 -j DROP
 *      |                                        ^^^
 *      = why: on Linux 5.15 an entry holds 255 timestamps; loading fails with EINVAL
 *      = try: --hitcount 255
 */
import type { Diagnostic, Severity } from './diagnostic.ts'
import { type Cell, cellsOf } from './display.ts'
import type { Span } from './source.ts'

/** Colours; each function returns its text painted. */
export interface Paint {
  red(text: string): string
  yellow(text: string): string
  blue(text: string): string
  cyan(text: string): string
  bold(text: string): string
}

export const noPaint: Paint = {
  red: (text) => text,
  yellow: (text) => text,
  blue: (text) => text,
  cyan: (text) => text,
  bold: (text) => text,
}

export interface RenderOptions {
  readonly paint?: Paint
  /** Columns of the frame's text; longer lines are cut around the caret. Default 100. */
  readonly columns?: number
}

const colourOf: Readonly<Record<Severity, (paint: Paint) => (text: string) => string>> = {
  error: (paint) => paint.red,
  warning: (paint) => paint.yellow,
  note: (paint) => paint.cyan,
}

/** One diagnostic, ending in a newline. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const { paint = noPaint } = options
  const { severity, code, message, notes, help, span, related } = diagnostic
  const colour = colourOf[severity](paint)
  const gutter = gutterOf([span, related?.span ?? null])
  const indent = ' '.repeat(gutter + 1)
  const lines = [
    `${paint.bold(colour(`${severity}[${code}]`))}${paint.bold(`: ${visible(message)}`)}`,
    ...(span === null ? [] : frame(span, gutter, colour, options)),
    ...notes.map((note) => `${indent}${paint.blue('=')} why: ${visible(note)}`),
    ...(help === null ? [] : [`${indent}${paint.blue('=')} try: ${visible(help)}`]),
  ]
  if (related !== undefined) {
    lines.push(`${indent}${paint.blue('=')} see: ${visible(related.message)}`)
    lines.push(...frame(related.span, gutter, paint.blue, options))
  }
  return `${lines.join('\n')}\n`
}

const gutterOf = (spans: readonly (Span | null)[]): number =>
  Math.max(
    1,
    ...spans.map((span) => (span === null ? 1 : String(span.source.locate(span.start).line).length)),
  )

/** Control characters shown as pictures, so that a message cannot play with the terminal. */
const visible = (text: string): string =>
  cellsOf(text, 0)
    .map(({ shown }) => shown)
    .join('')

function frame(
  span: Span,
  gutter: number,
  colour: (text: string) => string,
  { paint = noPaint, columns = 100 }: RenderOptions,
): string[] {
  const { source, start, end } = span
  const { line, column } = source.locate(start)
  const blank = ' '.repeat(gutter)
  const bar = paint.blue('|')
  // Nothing at the very beginning: the file as a whole, of which no line says more than its name.
  if (end === 0) return [`${blank}${paint.blue('-->')} ${source.name}`]
  const view = cutAround(source.line(line), column - 1, column - 1 + Math.max(1, end - start), columns)
  return [
    `${blank}${paint.blue('-->')} ${source.name}:${line}:${column}`,
    `${blank} ${bar}`,
    `${paint.blue(String(line).padStart(gutter))} ${bar} ${view.text}`.trimEnd(),
    `${blank} ${bar} ${' '.repeat(view.caretAt)}${colour('^'.repeat(view.caretWidth))}`,
  ]
}

interface View {
  readonly text: string
  /** In columns of the terminal. */
  readonly caretAt: number
  readonly caretWidth: number
}

/** Characters of a line that are looked at on each side of the caret. */
const neighbourhood = 400

/** As much of a line as fits, with the marked part in it. Offsets are UTF-16 units of the line. */
function cutAround(line: string, from: number, to: number, columns: number): View {
  const begin = Math.max(0, from - neighbourhood)
  const end = Math.max(from, Math.min(to, from + neighbourhood)) + neighbourhood
  const cells = cellsOf(line.slice(begin, end), begin)
  const first = cells.findIndex(({ offset }) => from <= offset)
  const at = first < 0 ? cells.length : first
  const behind = cells.findIndex(({ offset }) => to <= offset)
  const last = behind < 0 ? cells.length : behind
  let left = at
  let right = Math.max(at, Math.min(last, at + 1))
  let width = widthOf(cells.slice(left, right))
  // Grow to the right over the marked part, then to both sides in turn.
  while (right < last && width + cells[right]!.width <= columns) width += cells[right++]!.width
  for (let grown = true; grown; ) {
    grown = false
    if (0 < left && width + cells[left - 1]!.width <= columns) {
      width += cells[--left]!.width
      grown = true
    }
    if (right < cells.length && width + cells[right]!.width <= columns) {
      width += cells[right++]!.width
      grown = true
    }
  }
  const cutLeft = left > 0 || begin > 0
  const cutRight = right < cells.length || end < line.length
  const text = cells
    .slice(left, right)
    .map(({ shown }) => shown)
    .join('')
  return {
    text: `${cutLeft ? '…' : ''}${text}${cutRight ? '…' : ''}`,
    caretAt: (cutLeft ? 1 : 0) + widthOf(cells.slice(left, at)),
    caretWidth: Math.max(1, widthOf(cells.slice(at, Math.min(last, right)))),
  }
}

const widthOf = (cells: readonly Cell[]): number => cells.reduce((sum, { width }) => sum + width, 0)

/** A flat object with stable names; lines and columns count from 1, columns in UTF-16 units. */
export interface DiagnosticJson {
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly endLine: number | null
  readonly endColumn: number | null
  readonly code: string
  readonly severity: Severity
  readonly message: string
  readonly notes: readonly string[]
  readonly help: string | null
  /** Text to put in the place of the span; null when there is no single right one. */
  readonly fix: string | null
  readonly related: {
    readonly message: string
    readonly file: string
    readonly line: number
    readonly column: number
  } | null
}

export function diagnosticJson({
  span,
  code,
  severity,
  message,
  notes,
  help,
  fix,
  related,
}: Diagnostic): DiagnosticJson {
  const from = span?.source.locate(span.start)
  const to = span?.source.locate(span.end)
  return {
    file: span?.source.name ?? null,
    line: from?.line ?? null,
    column: from?.column ?? null,
    endLine: to?.line ?? null,
    endColumn: to?.column ?? null,
    code,
    severity,
    message,
    notes,
    help,
    fix: fix ?? null,
    related:
      related === undefined
        ? null
        : {
            message: related.message,
            file: related.span.source.name,
            ...related.span.source.locate(related.span.start),
          },
  }
}

/** `2 errors, 1 warning`, with what was left out; null when there was nothing. */
export function summarize(counts: Readonly<Record<Severity, number>>, omitted = 0): string | null {
  const parts = (['error', 'warning', 'note'] as const)
    .filter((severity) => counts[severity] > 0)
    .map((severity) => `${counts[severity]} ${severity}${counts[severity] === 1 ? '' : 's'}`)
  if (parts.length === 0) return null
  return `${parts.join(', ')}${omitted > 0 ? ` (${omitted} of them not shown)` : ''}`
}
