/** Diagnostics in a tiny notation for tests. */
import type { Diagnostic } from '../../src/lang/diagnostic.ts'

/** `jail.conf:3:8 error guard/unknown-filter: there is no filter "g"`, a line each. */
export const said = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map(({ span, severity, code, message }) => {
    const place = span?.source.locate(span.start)
    const where =
      span === null ? '-' : `${span.source.name.replace('/f/', '')}:${place!.line}:${place!.column}`
    const marked = span === null ? '' : ` «${span.source.text.slice(span.start, span.end)}»`
    return `${where} ${severity} ${code.replace('guard/', '')}: ${message}${marked}`
  })
