/** Diagnostics as text for a terminal. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { renderDiagnostic } from '../../lang/render.ts'
import { palette } from '../style.ts'

/** One after the other, each ending in a newline. */
export const renderDiagnostics = (diagnostics: readonly Diagnostic[], color: boolean): string =>
  diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, { paint: palette(color) })).join('\n')
