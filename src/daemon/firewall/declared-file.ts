/** Files that a `postern.yaml` names. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { decodeText } from '../../lang/bytes.ts'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile } from '../config/index.ts'

/** Paths of a file are as seen from its folder. */
export const pathFrom = (file: ConfigFile, path: string): string => resolve(dirname(file.source.name), path)

/** The text of a file that the configuration names; null, and what is wrong, where it cannot be read. */
export function readText(
  file: ConfigFile,
  at: readonly (string | number)[],
  path: string,
  wrong: Diagnostic[],
): string | null {
  const whole = pathFrom(file, path)
  try {
    return decodeText(readFileSync(whole))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `there is no file ${whole}` : message
    wrong.push(file.errorAt(at, why, at[0] === 'rules' && code === 'ENOENT' ? 'sudo postern save' : null))
    return null
  }
}
