/** What is wrong with a `postern.yaml`, all of it at once. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile } from '../config/index.ts'
import { sections } from './sections.ts'

export const checkConfig = (file: ConfigFile): readonly Diagnostic[] => [
  ...file.diagnostics,
  ...sections.flatMap((section) => (file.config?.[section.name] === undefined ? [] : section.check(file))),
]
