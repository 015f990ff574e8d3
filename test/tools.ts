/** Programs that some tests compare with; such tests skip, with this reason, where a program is missing. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export function hasTool(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Why tests that need these programs cannot run; null when nothing is missing. */
export function missingTools(...names: string[]): string | null {
  const missing = names.filter((name) => !hasTool(name))
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`
}

/** Runs a program and returns what it printed; throws with its messages when it fails. */
export function runTool(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 })
}
