/** One open log: gives its whole lines, batch by batch. */
import { type Decode, longestLine, ReadLines } from './lines.ts'
import { type Content, endsOf, type FilePosition, hashOf, headBytes, tailBytes } from './position.ts'

/** Bytes read at once. */
export const batchBytes = 1 << 18
const newline = 0x0a

export class Source {
  readonly path: string
  readonly content: Content
  /** When the file was left behind (renamed, deleted), by the clock in milliseconds; null while it is the current one. */
  retiredMs: number | null = null
  #offset: number
  #skipping: boolean
  /** The first bytes and the last ones of what was read: taken when they were read, to notice that they changed. */
  #head: Buffer
  #tail: Buffer
  readonly #decode: Decode
  readonly #nothing: ReadLines
  #buffer: Buffer | null = null

  constructor(path: string, content: Content, decode: Decode, from: { offset: number; skipping: boolean }) {
    this.path = path
    this.content = content
    this.#offset = from.offset
    this.#skipping = from.skipping
    this.#decode = decode
    this.#nothing = new ReadLines(Buffer.alloc(0), decode)
    const { head, tail } = endsOf(content, from.offset)
    this.#head = head
    this.#tail = tail
  }

  get offset(): number {
    return this.#offset
  }

  position(seenNs: bigint, done = false): FilePosition {
    const { path, content } = this
    const { device, inode } = content
    const [head, tail] = [hashOf(this.#head), hashOf(this.#tail)]
    return {
      path,
      device,
      inode,
      offset: this.#offset,
      head,
      tail,
      seenNs: `${seenNs}`,
      done,
      skipping: this.#skipping,
    }
  }

  /** Begins anew: the file was truncated. */
  restart(): void {
    this.#offset = 0
    this.#skipping = false
    this.#head = Buffer.alloc(0)
    this.#tail = Buffer.alloc(0)
  }

  /** The next whole lines, which are there until the next are read; empty when there are none. At the end of a file that nobody writes any more, the rest, too. */
  read(isLast = false): ReadLines {
    const bytes = this.content.read(this.#offset, batchBytes, this.#buffer ?? undefined)
    // while there is more to read the same memory serves; who waits for lines holds none
    this.#buffer = bytes.length < batchBytes ? null : (this.#buffer ?? bytes)
    if (bytes.length === 0) return this.#nothing
    const end = bytes.lastIndexOf(newline) + 1
    if (end > 0) return this.#take(bytes.subarray(0, end))
    if (bytes.length < longestLine && !isLast) return this.#nothing
    // What follows belongs to the same line until it ends.
    const lines = this.#take(bytes)
    this.#skipping = bytes.length >= longestLine
    return lines
  }

  #take(bytes: Buffer): ReadLines {
    this.#offset += bytes.length
    if (this.#head.length < headBytes)
      this.#head = Buffer.concat([this.#head, bytes.subarray(0, headBytes - this.#head.length)])
    this.#tail = Buffer.from(
      bytes.length < tailBytes
        ? Buffer.concat([this.#tail, bytes]).subarray(-tailBytes)
        : bytes.subarray(-tailBytes),
    )
    return new ReadLines(this.#wanted(bytes), this.#decode)
  }

  /** Without the rest of a line that is too long. */
  #wanted(bytes: Buffer): Buffer {
    if (!this.#skipping) return bytes
    this.#skipping = false
    const end = bytes.indexOf(newline)
    return end < 0 ? bytes.subarray(bytes.length) : bytes.subarray(end + 1)
  }
}
