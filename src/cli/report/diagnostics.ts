/** Diagnostics as text for a terminal. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { renderDiagnostic } from '../../lang/render.ts'
import type { Environment } from '../environment.ts'
import { palette } from '../style.ts'

/** One after the other, a blank line between them, in the colours and the width of the stream. */
export const renderDiagnostics = (
  diagnostics: readonly Diagnostic[],
  { color, columns }: Pick<Environment, 'color' | 'columns'>,
  stream: 'stdout' | 'stderr',
): string => {
  const style = { paint: palette(color[stream]), columns: Math.max(40, columns - 12) }
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, style)).join('\n')
}
