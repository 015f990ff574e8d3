/** Which files a pattern names: `*`, `?`, `[...]` within one folder's names, as Python's `glob` reads them. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const isPattern = (text: string): boolean => /[*?[]/.test(text)

/** Existing paths that match, sorted; a path without pattern characters is given even where nothing is there. */
export function expandGlob(pattern: string): string[] {
  if (!isPattern(pattern)) return [pattern]
  const parts = pattern.split('/').filter((part) => part !== '')
  let paths = [pattern.startsWith('/') ? '/' : '.']
  for (const part of parts) {
    paths = isPattern(part)
      ? paths.flatMap((folder) => matching(folder, part))
      : paths.map((folder) => join(folder, part))
  }
  return paths.filter((path) => existsSync(path)).sort()
}

function matching(folder: string, part: string): string[] {
  const expression = wildcard(part)
  // A name that begins with a dot is only meant where the pattern says the dot.
  return namesIn(folder)
    .filter((name) => (part.startsWith('.') || !name.startsWith('.')) && expression.test(name))
    .map((name) => join(folder, name))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The expression of one pattern. */
export function wildcard(pattern: string): RegExp {
  const source = pattern.replace(
    /\[(!?)(\]?[^\]]*)\]|[*?]|[\\^$.+(){}|[\]/]/g,
    (text, not: string | undefined, set: string | undefined) => {
      if (set !== undefined) return `[${not === '!' ? '^' : ''}${set.replace(/[\\\]^]/g, '\\$&')}]`
      return text === '*' ? '.*' : text === '?' ? '.' : `\\${text}`
    },
  )
  return new RegExp(`^${source}$`, 's')
}
