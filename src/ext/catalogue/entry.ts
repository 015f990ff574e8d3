/** One thing that can be said about rules, with an example that is wrong and the same mended. */
import type { Severity } from '../../lang/diagnostic.ts'
import type { Family } from '../../net/address.ts'

export interface CatalogueEntry {
  /** As diagnostics carry it; `*` in front of the slash stands for the name of any match or target. */
  readonly code: string
  readonly severity: Severity
  /** What it means, and why it matters: one or two sentences. */
  readonly means: string
  /**
   * Text that gives this diagnostic alone; «marks» stand around its place. A whole file begins with `*` or ends in a
   * line break; other lines are those of the filter table.
   */
  readonly wrong: string
  /** The same as it was meant. */
  readonly mended: string
  /** Default: IPv4. */
  readonly family?: Family
}

/** What can be explained of any room's diagnostics: of some, no example can stand alone. */
export interface ExplainedCode extends Pick<CatalogueEntry, 'code' | 'severity' | 'means'> {
  readonly wrong?: string
  readonly mended?: string
  readonly family?: Family
  /** The file that the example stands in, where that matters. */
  readonly file?: string
}

/** The whole text of an example, and the place that is marked; offsets of the text without the marks. */
export function textOfExample(example: string): {
  readonly text: string
  readonly start: number
  readonly end: number
} {
  const isWhole = example.endsWith('\n') || /^«?\*/.test(example)
  const whole = isWhole ? example : `*filter\n${example}\nCOMMIT\n`
  const start = whole.indexOf('«')
  const end = whole.indexOf('»') - 1
  return { text: whole.replace('«', '').replace('»', ''), start, end }
}
