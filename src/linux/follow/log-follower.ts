/** Follows all files of a jail: its globs, files that appear later, and the folders they lie in. */
import { type FSWatcher, realpathSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { openFile } from './content.ts'
import { type Batch, FileFollower } from './file-follower.ts'
import { expandGlob } from './glob.ts'
import type { Decode } from './lines.ts'
import type { Content, FilePosition } from './position.ts'

export interface LogPattern {
  readonly glob: string
  /** Where to begin in files that are there at the first start; files that appear later are read from the beginning. */
  readonly from: 'head' | 'tail'
}

export interface LogFollowerOptions {
  readonly patterns: readonly LogPattern[]
  readonly decode: Decode
  /** Where reading stood when the guard ended, of all files of the jail. */
  readonly positions: readonly FilePosition[]
  /** Finds where to begin in a file that was never read, for `head`: lines before are too old to matter. */
  readonly begin?: (content: Content) => number
}

/** How often globs are expanded anew, in milliseconds. */
const globEveryMs = 2_000
/** How many positions of files that are away are kept. */
const mostAway = 200
/** How long nothing may be told of a folder before it is looked at anyway, in milliseconds. */
const pollEveryMs = 1_000

export class LogFollower {
  readonly #options: LogFollowerOptions
  readonly #files = new Map<string, FileFollower>()
  #expandedMs = Number.NEGATIVE_INFINITY
  #isFirst = true
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(options: LogFollowerOptions) {
    this.#options = options
  }

  /** The files that are followed. */
  get paths(): string[] {
    return [...this.#files.keys()]
  }

  /** Whether everything that was there at the start has been read. */
  get caughtUp(): boolean {
    return !this.#isFirst && [...this.#files.values()].every((file) => file.caughtUp)
  }

  /** The next lines of any file, or null when nobody has any now. */
  poll(nowMs: number): Batch | null {
    const batch = this.#pollFiles(nowMs)
    if (batch !== null || nowMs < this.#expandedMs + globEveryMs) return batch
    // Known files first: what was rotated is theirs and not a new one.
    this.#expand(nowMs)
    return this.#pollFiles(nowMs)
  }

  #pollFiles(nowMs: number): Batch | null {
    for (const file of this.#files.values()) {
      const batch = file.poll(nowMs)
      if (batch !== null) return batch
    }
    return null
  }

  /** Calls back when it is time to poll: soon after something changed, and every second. Returns how to stop. */
  watch(onChange: () => void): () => void {
    let soon: NodeJS.Timeout | null = null
    const notice = (): void => {
      soon ??= setTimeout(() => {
        soon = null
        onChange()
      }, 5)
    }
    const timer = setInterval(() => {
      this.#watchFolders(notice)
      onChange()
    }, pollEveryMs)
    this.#watchFolders(notice)
    return () => {
      clearInterval(timer)
      if (soon !== null) clearTimeout(soon)
      for (const watcher of this.#watchers.values()) watcher.close()
      this.#watchers.clear()
    }
  }

  /** Where reading stands, in files that are away or not asked for now, too: they may come back. */
  positions(): FilePosition[] {
    const away = this.#options.positions.filter(({ path }) => !this.#files.has(path)).slice(-mostAway)
    return [...away, ...[...this.#files.values()].flatMap((file) => file.positions())]
  }

  close(): void {
    for (const file of this.#files.values()) file.close()
  }

  #expand(nowMs: number): void {
    this.#expandedMs = nowMs
    for (const { glob, from } of this.#options.patterns)
      for (const path of expandGlob(glob)) if (!this.#files.has(path)) this.#add(path, from)
    this.#isFirst = false
  }

  #add(path: string, from: 'head' | 'tail'): void {
    const { decode, begin } = this.#options
    const positions = this.#options.positions.filter((position) => position.path === path)
    const first = this.#isFirst ? (from === 'head' ? (begin ?? 'head') : 'tail') : 'head'
    const known = positions.length > 0 || glimpse(path, (content) => this.#isKnown(content, path))
    if (known === 'same') return
    const start = typeof known === 'number' ? () => known : first
    this.#files.set(path, new FileFollower(path, { decode, positions, from: start }))
  }

  /** Whether a new name is another one for a file that is followed, or a copy; then how much of it was read. */
  #isKnown(content: Content, path: string): 'same' | number | false {
    for (const file of this.#files.values()) {
      if (isSameFile(file.path, path) || file.owns(content)) return 'same'
      const read = file.readUpTo(content)
      if (read > 0) return read
    }
    return false
  }

  #watchFolders(notice: () => void): void {
    for (const folder of new Set(this.paths.map((path) => dirname(path)))) {
      if (this.#watchers.has(folder)) continue
      try {
        const watcher = watch(folder, notice)
        this.#watchers.set(folder, watcher)
        watcher.on('error', () => {
          watcher.close()
          this.#watchers.delete(folder)
        })
      } catch {
        // A folder that is not there (yet), or no more watches to be had: looking every second goes on.
      }
    }
  }
}

function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b)
  } catch {
    return false
  }
}

function glimpse<Answer>(path: string, look: (content: Content) => Answer): Answer | false {
  const content = openFile(path)
  if (content === null) return false
  try {
    return look(content)
  } finally {
    content.close()
  }
}
