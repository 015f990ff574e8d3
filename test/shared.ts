/** Where third-party test data lies when it stands beside the checkout; tests skip, with this reason, when absent. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)))

/** Path of a file or folder of the shared test data, or null. */
export function sharedPath(relative: string): string | null {
  for (const base of ['../shared', '../../shared']) {
    const path = join(repositoryRoot, base, relative)
    if (existsSync(path)) return path
  }
  return null
}

export const absent = (relative: string): string => `shared/${relative} is not beside this checkout`
