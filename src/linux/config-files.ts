/** The files of a folder of this machine, for those who read configurations. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { byCodePoint, type ConfigFiles, isPattern, joinPath, namePattern } from '../guard/config/files.ts'

export const machineFiles: ConfigFiles = {
  read(path) {
    try {
      return readFileSync(path)
    } catch (error) {
      if (isAbsence(error)) return null
      throw error
    }
  },
  list(folder) {
    try {
      return readdirSync(folder)
    } catch {
      return null
    }
  },
  glob(pattern) {
    return expand(pattern).filter(existsSync).sort(byCodePoint)
  },
}

const absences = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ELOOP']

const isAbsence = (error: unknown): boolean => absences.includes((error as NodeJS.ErrnoException).code ?? '')

/** Paths that a pattern means, dangling links among them. */
function expand(pattern: string): string[] {
  if (!isPattern(pattern)) return pattern === '' ? [] : [pattern]
  const names = pattern.split('/')
  let paths = [names[0] === '' ? '/' : isPattern(names[0]!) ? '' : names[0]!]
  const rest = paths[0] === '' ? names : names.slice(1)
  for (const name of rest) {
    if (name === '') continue
    if (!isPattern(name)) paths = paths.map((path) => joinPath(path, name))
    else {
      const fits = namePattern(name)
      paths = paths.flatMap((path) =>
        entriesOf(path)
          .filter((entry) => fits.test(entry))
          .map((entry) => joinPath(path, entry)),
      )
    }
  }
  return paths
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder === '' ? '.' : folder)
  } catch {
    return []
  }
}
