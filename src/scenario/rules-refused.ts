/** How a scenario says that its rules cannot be used; in a file of its own, so that it can be known without the engine. */
import type { Diagnostic } from '../lang/diagnostic.ts'

/** The rules have errors, or the kernel would refuse them. Thrown before the first step. */
export class RulesRefused extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]?.message ?? 'the rules were refused')
    this.diagnostics = diagnostics
  }
}
