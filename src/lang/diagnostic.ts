/**
 * Diagnostics are data; text with carets, JSON and editor squiggles are renderings of it.
 */
import type { Span } from './source.ts'

export type Severity = 'error' | 'warning' | 'note'

export interface Diagnostic {
  /** `area/what`, for example `recent/hitcount-too-large`. Warnings can be silenced by it. */
  readonly code: string
  readonly severity: Severity
  readonly span: Span | null
  /** One line: what is wrong, quoting the value. */
  readonly message: string
  /** Why it is wrong, a line each. */
  readonly notes: readonly string[]
  /** What to do or write instead, or null. */
  readonly help: string | null
  /** Text that would replace the span to mend it, when there is one right answer. */
  readonly fix?: string
  /** How iptables 1.8.9 itself words it, behind its name and version; absent where that is not known. */
  readonly said?: string
  /** What iptables prints before that, whole lines. */
  readonly saidBefore?: string
  /** Another place that explains this one ("chain declared here"). */
  readonly related?: { readonly span: Span; readonly message: string }
}

/** What a value parser or an extension says when it refuses; the caller adds the place. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly notes?: readonly string[]
  readonly help?: string
  readonly fix?: string
  /**
   * How iptables 1.8.9 itself words it, behind its name and version. Ends in a line break where iptables' own text
   * does. In an extension's text `%name`, `%option` and `%value` stand for its name, the option as it was given with
   * its dashes, and the value.
   */
  readonly said?: string
  /** What iptables prints before that, whole lines. */
  readonly saidBefore?: string
}

/** A refusal; catalogues are made of it. */
export const say = (
  code: string,
  message: string,
  more: Omit<Refusal, 'code' | 'message'> = {},
): Refusal => ({
  code,
  message,
  ...more,
})

/** Thrown by value parsers and extensions on bad user input; caught by the rule parser, never seen by users. */
export class RefusedError extends Error {
  readonly refusal: Refusal
  /** Where, if narrower than the option being parsed. */
  readonly span: Span | null

  constructor(refusal: Refusal, span: Span | null = null) {
    super(refusal.message)
    this.refusal = refusal
    this.span = span
  }
}

/** Throws a refusal; reads well as the last arm of an expression. */
export function refuse(code: string, message: string, more: Omit<Refusal, 'code' | 'message'> = {}): never {
  throw new RefusedError({ code, message, ...more })
}
