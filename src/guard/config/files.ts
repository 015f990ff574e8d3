/** Where the configuration's files come from: a folder of a machine, or a table in memory. Paths are POSIX. */

export interface ConfigFiles {
  /** The whole file; null when there is none. Throws an `Error` when there is one that cannot be read. */
  read(path: string): Uint8Array | null
  /** Names in a folder; null when there is no such folder. */
  list(folder: string): readonly string[] | null
  /** Files and folders that a pattern of a shell (`*`, `?`, `[...]`) means, sorted; links that lead nowhere left out. */
  glob(pattern: string): readonly string[]
}

/** As `os.path.join` with two parts. */
export const joinPath = (folder: string, name: string): string =>
  name.startsWith('/') ? name : folder === '' || folder.endsWith('/') ? folder + name : `${folder}/${name}`

/** As `os.path.dirname`. */
export function folderOf(path: string): string {
  const head = path.slice(0, path.lastIndexOf('/') + 1)
  return /^\/*$/.test(head) ? head : head.replace(/\/+$/, '')
}

/** The path without its suffix, as `os.path.splitext` sees it: dots that a name begins with belong to the name. */
export function withoutSuffix(path: string): string {
  const nameAt = path.lastIndexOf('/') + 1
  const dot = path.lastIndexOf('.')
  return dot > nameAt && /[^.]/.test(path.slice(nameAt, dot)) ? path.slice(0, dot) : path
}

/** Order of Python's `sorted`: by code points. */
export const byCodePoint = (a: string, b: string): number => {
  const [left, right] = [[...a], [...b]]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/**
 * The expression that a name must fit, as Python's `fnmatch`: `*` any letters, `?` one, `[abc]`, `[a-z]`, `[!a]`.
 * Names that begin with a dot fit only patterns that do.
 */
export function namePattern(pattern: string): RegExp {
  const source = pattern.replace(
    /\*+|\?|\[(!?)(\]?[^\]]*)\]|[\s\S]/g,
    (token: string, not?: string, set?: string) => {
      if (token.startsWith('*')) return '[^]*'
      if (token === '?') return '[^]'
      if (set !== undefined && token.length > 1) {
        return `[${not === '!' ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`
      }
      return token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    },
  )
  const hidden = pattern.startsWith('.') ? '' : '(?!\\.)'
  try {
    return new RegExp(`^${hidden}${source}$`, 'u')
  } catch {
    // A range the wrong way round, such as [z-a], fits nothing.
    return /^(?!)/
  }
}

/** Whether a path has letters that mean more than themselves in a pattern. */
export const isPattern = (path: string): boolean => /[*?[]/.test(path)

/** Files in memory, by absolute path. Folders are there because files lie in them. */
export function memoryFiles(table: Readonly<Record<string, string | Uint8Array>>): ConfigFiles {
  const encoder = new TextEncoder()
  const paths = Object.keys(table)
  return {
    read(path) {
      const content = Object.hasOwn(table, path) ? table[path]! : null
      return typeof content === 'string' ? encoder.encode(content) : content
    },
    list(folder) {
      const prefix = folder.endsWith('/') ? folder : `${folder}/`
      const names = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length))
      return names.length === 0 ? null : [...new Set(names.map((name) => name.split('/')[0]!))]
    },
    glob(pattern) {
      const parts = pattern.split('/').map(namePattern)
      return paths
        .filter((path) => {
          const names = path.split('/')
          return names.length === parts.length && names.every((name, at) => parts[at]!.test(name))
        })
        .sort(byCodePoint)
    },
  }
}
