/** Where reading stands in one file, so that a restart neither loses nor repeats a line. */
import { createHash } from 'node:crypto'

export interface FilePosition {
  /** The path that is followed; what it leads to may have been renamed since. */
  readonly path: string
  /** As decimal text: inode numbers of some file systems need 64 bits. */
  readonly device: string
  readonly inode: string
  /** Bytes that were read, up to the end of the last whole line. */
  readonly offset: number
  /** A hash of the first bytes: at most `headBytes`, at most `offset`. */
  readonly head: string
  /** A hash of the last bytes before `offset`: at most `tailBytes`. */
  readonly tail: string
  /** When the path was last seen to lead to a file: its time of modification, in nanoseconds, as decimal text. */
  readonly seenNs: string
  /** The file was left behind and read to its end; kept for a while so that it is not taken for a new one. */
  readonly done: boolean
  /** Reading stands within a line that is too long, whose beginning was already given. */
  readonly skipping: boolean
}

export const headBytes = 256
export const tailBytes = 64

export const hashOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64').slice(0, 22)

/** Bytes that can be read anywhere: a file that is open, or what came out of a compressed one. */
export interface Content {
  readonly device: string
  readonly inode: string
  /** Bytes there are now. */
  size(): number
  /** As many bytes as there are, at most `length`; they may be put into a buffer of that length or more. */
  read(offset: number, length: number, into?: Buffer): Buffer
  close(): void
}

/** Whether this content begins with all that the position has read. */
export function continues(
  content: Content,
  position: Pick<FilePosition, 'offset' | 'head' | 'tail'>,
): boolean {
  const { offset } = position
  if (content.size() < offset) return false
  const { head, tail } = endsOf(content, offset)
  return hashOf(head) === position.head && hashOf(tail) === position.tail
}

/** The first bytes and the last ones before an offset. */
export function endsOf(content: Content, offset: number): { head: Buffer; tail: Buffer } {
  const from = Math.max(0, offset - tailBytes)
  return { head: content.read(0, Math.min(headBytes, offset)), tail: content.read(from, offset - from) }
}
