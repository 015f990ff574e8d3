/** What is wrong with a `postern.yaml`, all of it at once. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { parseEndpoint } from '../authport/index.ts'
import type { ConfigFile } from '../config/index.ts'
import { sections } from './sections.ts'
import type { Section } from './service.ts'

/** Whether the file has anything for a section to do. */
export const isDeclared = ({ config }: ConfigFile, { keys }: Section): boolean =>
  keys.some((key) => config?.[key] !== undefined)

/** Parts of the file that have a place and nobody yet who reads them. */
const absent = {
  fleet: 'bans are not shared with other hosts',
  console: 'no web console is served',
} as const

export const checkConfig = (
  file: ConfigFile,
  surroundings = { stateFolder: '/var/lib/postern' },
): readonly Diagnostic[] => [
  ...file.diagnostics,
  ...sections.flatMap((section) => (isDeclared(file, section) ? section.check(file, surroundings) : [])),
  ...checkMetrics(file),
  ...(['fleet', 'console'] as const).flatMap((key) =>
    file.config?.[key] === undefined
      ? []
      : [
          file.warningAt(
            [key],
            `this version of Postern has no "${key}" yet: ${absent[key]}`,
            'leave it out',
          ),
        ],
  ),
]

function checkMetrics({ config, errorAt }: ConfigFile): Diagnostic[] {
  if (config?.metrics === undefined || parseEndpoint(config.metrics) !== null) return []
  return [errorAt(['metrics'], `"${config.metrics}" is no address with a port`, '127.0.0.1:9184')]
}
