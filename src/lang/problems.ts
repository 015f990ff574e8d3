/** Where parsers put their diagnostics: bounded, however bad the input. */
import type { Diagnostic, Refusal, Severity } from './diagnostic.ts'
import type { Span } from './source.ts'

/** Diagnostics kept of one input; the rest is only counted. */
export const defaultProblemLimit = 200

/** Errors after which nobody reads on: such a text is no rules. */
export const errorsToGiveUp = 5000

export class Problems {
  readonly list: Diagnostic[] = []
  readonly counts: Record<Severity, number> = { error: 0, warning: 0, note: 0 }
  /** How many there were, those that nobody wants to hear included. */
  heard = 0
  readonly #limit: number
  readonly #silenced: ReadonlySet<string>
  readonly #said = new Set<string>()

  readonly #isAllowed: (code: string, span: Span | null) => boolean

  /**
   * `silenced` holds codes of warnings and notes that nobody wants to hear, `isAllowed` knows the places where one is
   * meant; errors are always heard.
   */
  constructor(
    limit = defaultProblemLimit,
    silenced: Iterable<string> = [],
    isAllowed: (code: string, span: Span | null) => boolean = () => false,
  ) {
    this.#limit = limit
    this.#silenced = new Set(silenced)
    this.#isAllowed = isAllowed
  }

  /** Diagnostics that came after the limit. */
  get omitted(): number {
    return this.counts.error + this.counts.warning + this.counts.note - this.list.length
  }

  /** Whether readers should give up. */
  get exhausted(): boolean {
    return this.counts.error >= errorsToGiveUp
  }

  /** Says that readers gave up at a place. */
  giveUp(span: Span): void {
    // In front of the limit, so that it is heard.
    if (this.list.length >= this.#limit) this.list.length = this.#limit - 1
    this.error(
      {
        code: 'file/given-up',
        message: `after ${this.counts.error} errors the rest of the text is not read`,
      },
      span,
    )
  }

  error(refusal: Refusal, span: Span | null, related?: Diagnostic['related']): void {
    this.#add('error', refusal, span, related)
  }

  warn(refusal: Refusal, span: Span | null, related?: Diagnostic['related']): void {
    this.#add('warning', refusal, span, related)
  }

  /** A warning that is said at the first place only. */
  warnOnce(refusal: Refusal, span: Span | null): void {
    const key = `${refusal.code} ${refusal.message}`
    if (this.#said.has(key)) return
    this.#said.add(key)
    this.warn(refusal, span)
  }

  /** A note that is said at the first place of its code only. */
  noteOnce(refusal: Refusal, span: Span | null): void {
    if (this.#said.has(refusal.code)) return
    this.#said.add(refusal.code)
    this.note(refusal, span)
  }

  note(refusal: Refusal, span: Span | null, related?: Diagnostic['related']): void {
    this.#add('note', refusal, span, related)
  }

  #add(severity: Severity, refusal: Refusal, span: Span | null, related?: Diagnostic['related']): void {
    this.heard++
    if (severity !== 'error' && (this.#silenced.has(refusal.code) || this.#isAllowed(refusal.code, span)))
      return
    this.counts[severity]++
    if (this.list.length >= this.#limit) return
    const { code, message, notes = [], help = null, fix, said, saidBefore } = refusal
    this.list.push({
      code,
      severity,
      span,
      message,
      notes,
      help,
      ...(fix === undefined ? {} : { fix }),
      ...(said === undefined ? {} : { said }),
      ...(saidBefore === undefined ? {} : { saidBefore }),
      ...(related === undefined ? {} : { related }),
    })
  }
}
