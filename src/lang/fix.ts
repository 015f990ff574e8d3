/** Corrections that diagnostics offer, put into the text. */
import type { Diagnostic } from './diagnostic.ts'

export interface Fix {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What can be corrected in this text at once: no two at the same place. In the order of the text. */
export function fixesOf(diagnostics: readonly Diagnostic[], text: string): Fix[] {
  const fixes = diagnostics
    .flatMap(({ span, fix }) =>
      span === null || fix === undefined || span.source.text !== text
        ? []
        : [{ start: span.start, end: span.end, text: fix }],
    )
    .sort((a, b) => a.start - b.start)
  return fixes.filter(({ start }, at) => at === 0 || fixes[at - 1]!.end <= start)
}

/** The text with all corrections in it. */
export function withFixes(text: string, fixes: readonly Fix[]): string {
  let done = 0
  const parts = fixes.flatMap((fix) => {
    const part = [text.slice(done, fix.start), fix.text]
    done = fix.end
    return part
  })
  return parts.join('') + text.slice(done)
}
