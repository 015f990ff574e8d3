/**
 * Follows one path through everything that happens to logs: appended to, renamed and made anew, copied and truncated,
 * deleted and made anew, compressed, linked elsewhere, written to after it was renamed.
 *
 * A file is told by device and inode while it is open, and by what it begins with and what was read last otherwise. So
 * the unread rest of a rotated file is found where it is now, once. Nothing here waits or reads a clock: `poll` looks
 * and returns.
 */
import { statSync } from 'node:fs'
import type { LineBlock } from '../../guard/filter/index.ts'
import { isGone, openCompressed, openFile } from './content.ts'
import type { Decode, ReadLines } from './lines.ts'
import { type Content, continues, type FilePosition } from './position.ts'
import { type Sibling, siblingsOf } from './siblings.ts'
import { Source } from './source.ts'

/** Lines that follow each other in one file, and where reading stands after them. */
export interface Batch {
  readonly path: string
  readonly lines: readonly string[]
  /** The same as bytes; null where the encoding does not let lines be told apart. */
  readonly block: LineBlock | null
  /** All positions of this path, to be saved with what the lines led to. */
  readonly positions: readonly FilePosition[]
  /** The lines were there before following began: they may be old. */
  readonly catchingUp: boolean
}

export interface FileFollowerOptions {
  readonly decode: Decode
  /** Where reading stood before; empty on the first start. */
  readonly positions: readonly FilePosition[]
  /** On the first start: from the beginning, from the end, or from the offset that this finds. */
  readonly from: 'head' | 'tail' | ((content: Content) => number)
}

/** For how long a file that was left behind is looked at for late lines, in milliseconds. */
export const lateMs = 60_000
/** Files that are remembered after they were read to the end. */
const rememberedFiles = 8

export class FileFollower {
  readonly path: string
  readonly #options: FileFollowerOptions
  /** Open files, oldest first; the last is what the path leads to, unless that is missing. */
  readonly #sources: Source[] = []
  /** Files read to their end, oldest first. */
  #done: FilePosition[] = []
  #isStarted = false
  /** The time of modification of what the path last led to, in nanoseconds: what was rotated since is no older. */
  #seenNs = 0n
  /** Bytes of the current file that were there when following began. */
  #oldEnd = 0
  #caughtUp = false

  constructor(path: string, options: FileFollowerOptions) {
    this.path = path
    this.#options = options
  }

  /** Whether all that was there at the beginning has been read. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** Whether this content is a file that belongs to this path. Numbers of deleted files are given to others. */
  owns(content: Content): boolean {
    return (
      this.#sources.some((source) => isSame(source.content, content)) ||
      this.#done.some(
        (position) => position.offset > 0 && isSame(content, position) && continues(content, position),
      )
    )
  }

  positions(): FilePosition[] {
    return [...this.#done, ...this.#sources.map((source) => source.position(this.#seenNs))]
  }

  /** How many bytes of this content were read here already: those of a copy, or of a file that was written anew. */
  readUpTo(content: Content): number {
    const copies = this.positions().filter(({ offset }) => offset > 0)
    return Math.max(
      0,
      ...copies.filter((position) => continues(content, position)).map(({ offset }) => offset),
    )
  }

  /** The next lines, or null when there are none now. */
  poll(nowMs: number): Batch | null {
    if (this.#isStarted) this.#look(nowMs)
    else this.#start(nowMs)
    for (const source of [...this.#sources]) {
      const { offset, retiredMs } = source
      const lines = source.read()
      if (source.offset !== offset) return this.#batch(lines)
      if (retiredMs === null || nowMs < retiredMs + lateMs) continue
      const rest = this.#close(source)
      if (!rest.isEmpty) return this.#batch(rest)
    }
    this.#caughtUp = true
    return null
  }

  close(): void {
    for (const { content } of this.#sources.splice(0)) content.close()
  }

  #batch(read: ReadLines): Batch {
    const catchingUp = !this.#caughtUp
    const current = this.#sources.at(-1)
    if (current?.retiredMs === null && this.#oldEnd <= current.offset) this.#caughtUp = true
    return {
      path: this.path,
      get lines() {
        return read.lines
      },
      block: read.block,
      positions: this.positions(),
      catchingUp,
    }
  }

  /** Takes up where the positions say, or at the head or tail of what is there. */
  #start(nowMs: number): void {
    this.#isStarted = true
    const { positions, from } = this.#options
    const current = openFile(this.path)
    this.#oldEnd = current?.size() ?? 0
    for (const { seenNs } of positions) if (this.#seenNs < BigInt(seenNs)) this.#seenNs = BigInt(seenNs)
    if (positions.length === 0) {
      if (current === null) return
      const offset = from === 'head' ? 0 : from === 'tail' ? lineStart(current) : from(current)
      this.#open(current, { offset, skipping: false })
      this.#seenNs = identity(this.path)?.modifiedNs ?? 0n
      return
    }
    this.#done = positions.filter(({ done }) => done)
    const waiting = positions.filter(({ done }) => !done)
    const goesOn = current === null ? undefined : waiting.findLast((position) => isGoingOn(current, position))
    for (const position of waiting) if (position !== goesOn) this.#recover(position, nowMs)
    this.#recoverBetween(nowMs, current)
    if (current !== null) this.#open(current, goesOn ?? { offset: this.readUpTo(current), skipping: false })
    this.#seenNs = identity(this.path)?.modifiedNs ?? this.#seenNs
  }

  #open(content: Content, from: { offset: number; skipping: boolean }, at = this.#sources.length): Source {
    const source = new Source(this.path, content, this.#options.decode, from)
    this.#sources.splice(at, 0, source)
    return source
  }

  /** Sees what became of the path since the last look. */
  #look(nowMs: number): void {
    const last = this.#sources.at(-1)
    const current = last?.retiredMs === null ? last : undefined
    const there = identity(this.path)
    if (current !== undefined && !continues(current.content, current.position(this.#seenNs)))
      this.#restart(current, nowMs)
    if (current !== undefined && there !== null && isSame(current.content, there)) {
      this.#seenNs = there.modifiedNs
      return
    }
    if (current !== undefined) current.retiredMs = nowMs
    const content = there === null ? null : openFile(this.path)
    if (content === null) return
    const again = this.#sources.findIndex((source) => isSame(source.content, content))
    if (again >= 0) {
      // It was renamed and is back.
      content.close()
      const [source] = this.#sources.splice(again, 1)
      source!.retiredMs = null
      this.#sources.push(source!)
      return
    }
    this.#recoverBetween(nowMs, content)
    this.#open(content, { offset: this.readUpTo(content), skipping: false })
    this.#seenNs = there!.modifiedNs
  }

  /** What was read is no longer there: the file was copied and truncated. The rest is in the copy. */
  #restart(current: Source, nowMs: number): void {
    const position = current.position(this.#seenNs)
    const at = this.#sources.indexOf(current)
    this.#sources.splice(at, 1)
    this.#recover(position, nowMs)
    this.#recoverBetween(nowMs, current.content)
    current.restart()
    this.#sources.push(current)
  }

  /** Finds the file that a position stands in, under its new name, copied or compressed, and reads on there. */
  #recover(position: FilePosition, nowMs: number): void {
    const siblings = siblingsOf(this.path)
    const renamed = siblings.filter((sibling) => isSame(sibling, position))
    // Nothing is known of a file of which nothing was read, but its number.
    const copied = position.offset === 0 ? [] : siblings.filter((sibling) => !isSame(sibling, position))
    for (const sibling of [...renamed, ...copied]) {
      if (this.#sources.some(({ content }) => isSame(content, sibling))) continue
      const content = openSibling(sibling)
      if (content === null) continue
      if (continues(content, position)) {
        this.#open(content, position).retiredMs = nowMs
        return
      }
      content.close()
    }
    this.#remember({ ...position, done: true })
  }

  /** Opens files that came and were rotated away between two looks. */
  #recoverBetween(nowMs: number, current: Content | null): void {
    // Before the path was ever seen, whatever lies beside it is older than what we begin with.
    if (this.#seenNs === 0n) return
    for (const sibling of siblingsOf(this.path)) {
      if (sibling.modifiedNs < this.#seenNs || (current !== null && isSame(current, sibling))) continue
      const content = openSibling(sibling)
      if (content === null) continue
      if (this.#isRead(content) || (current !== null && startsAlike(content, current))) content.close()
      else this.#open(content, { offset: 0, skipping: false }).retiredMs = nowMs
    }
  }

  /** Whether this is a file that is being read or was, or a copy of one. */
  #isRead(content: Content): boolean {
    if (this.owns(content) || this.readUpTo(content) > 0) return true
    return this.#sources.some((source) => startsAlike(content, source.content))
  }

  /** Lets go of a file that was left behind; returns the line without an end that stood at its own end. */
  #close(source: Source): ReadLines {
    const rest = source.read(true)
    this.#sources.splice(this.#sources.indexOf(source), 1)
    this.#remember(source.position(this.#seenNs, true))
    source.content.close()
    return rest
  }

  #remember(position: FilePosition): void {
    this.#done = [...this.#done.filter((other) => !isSame(other, position)), position].slice(-rememberedFiles)
  }
}

/** Whether the file that the path leads to is the one of the position, or the same text written anew. */
function isGoingOn(current: Content, position: FilePosition): boolean {
  if (position.offset === 0) return isSame(current, position)
  return continues(current, position)
}

interface Identity {
  readonly device: string
  readonly inode: string
}

const isSame = (a: Identity, b: Identity): boolean => a.inode === b.inode && a.device === b.device

function identity(path: string): (Identity & { readonly modifiedNs: bigint }) | null {
  try {
    const { dev, ino, mtimeNs } = statSync(path, { bigint: true })
    return { device: `${dev}`, inode: `${ino}`, modifiedNs: mtimeNs }
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

const openSibling = ({ path, compressed }: Sibling): Content | null =>
  compressed ? openCompressed(path) : openFile(path)

/** Whether two contents begin with the same lines, one at least, as a copy does. */
function startsAlike(a: Content, b: Content): boolean {
  const length = Math.min(a.size(), b.size(), 4096)
  const bytes = a.read(0, length)
  return bytes.includes(0x0a) && bytes.equals(b.read(0, length))
}

/** The end of the last whole line. */
function lineStart(content: Content): number {
  const size = content.size()
  const from = Math.max(0, size - (1 << 16))
  const end = content.read(from, size - from).lastIndexOf(0x0a)
  return end < 0 ? size : from + end + 1
}
