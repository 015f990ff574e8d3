/** How mistakes in the configuration are told. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { Span } from '../../lang/source.ts'

export interface ComplaintDetails {
  readonly notes?: readonly string[]
  readonly help?: string | null
  readonly related?: Diagnostic['related'] | undefined
}

const diagnostic = (
  severity: Diagnostic['severity'],
  code: string,
  span: Span | null,
  message: string,
  { notes = [], help = null, related }: ComplaintDetails = {},
): Diagnostic => ({
  code: `guard/${code}`,
  severity,
  span,
  message,
  notes,
  help,
  ...(related !== undefined && { related }),
})

export const errorOf = (
  code: string,
  span: Span | null,
  message: string,
  details?: ComplaintDetails,
): Diagnostic => diagnostic('error', code, span, message, details)

export const warningOf = (
  code: string,
  span: Span | null,
  message: string,
  details?: ComplaintDetails,
): Diagnostic => diagnostic('warning', code, span, message, details)

export const noteOf = (
  code: string,
  span: Span | null,
  message: string,
  details?: ComplaintDetails,
): Diagnostic => diagnostic('note', code, span, message, details)

/** What would keep fail2ban from starting at all. */
export class ConfigFailure extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(...diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]!.message)
    this.diagnostics = diagnostics
  }
}

/** What makes fail2ban skip one jail. */
export class JailFailure extends Error {
  readonly diagnostic: Diagnostic
  /** fail2ban's own words for it. */
  readonly said: string

  constructor(said: string, reason: Diagnostic) {
    super(said)
    this.said = said
    this.diagnostic = reason
  }
}
