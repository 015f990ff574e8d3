/** Reads a `postern.yaml`: its data, and where in the file each of them stands. */
import { YamlFile } from '../../guard/config/yaml/document.ts'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { SourceText } from '../../lang/source.ts'
import { complaintsOf, type Path } from '../../scenario/shape-complaints.ts'
import { type PosternConfig, posternShape } from './shape.ts'

export interface ConfigFile {
  readonly source: SourceText
  /** Null when the file has another shape; the diagnostics say why. */
  readonly config: PosternConfig | null
  readonly diagnostics: readonly Diagnostic[]
  /** A complaint about the value at a path. */
  errorAt(path: Path, message: string, help?: string | null): Diagnostic
  /** What is no mistake, at a key. */
  warningAt(path: Path, message: string, help?: string | null): Diagnostic
}

export function readConfigFile(source: SourceText): ConfigFile {
  const yaml = new YamlFile(source)
  const errorAt = (path: Path, message: string, help: string | null = null, atKey = false): Diagnostic => ({
    code: 'config/shape',
    severity: 'error',
    span: atKey ? yaml.spanOfKey(path) : yaml.spanOf(path),
    message,
    notes: [],
    help,
  })
  const answer = (config: PosternConfig | null, diagnostics: readonly Diagnostic[]): ConfigFile => ({
    source,
    config,
    diagnostics,
    errorAt: (path, message, help) => errorAt(path, message, help),
    warningAt: (path, message, help) => ({ ...errorAt(path, message, help, true), severity: 'warning' }),
  })
  if (yaml.data === undefined) return answer(null, yaml.diagnostics)
  const parsed = posternShape.safeParse(yaml.data)
  if (parsed.success) return answer(parsed.data, [])
  return answer(
    null,
    complaintsOf(parsed.error.issues, yaml.data, posternShape).map(({ path, atKey, message, help }) =>
      errorAt(path, message, help ?? null, atKey),
    ),
  )
}
