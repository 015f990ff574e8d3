/** One open log: gives its whole lines, batch by batch. */
import { type Content, endsOf, type FilePosition, hashOf, headBytes, tailBytes } from './position.ts'

/** Bytes read at once. */
export const batchBytes = 1 << 18
/** Bytes of the longest line; the rest of a longer one is passed over. */
export const longestLine = 1 << 16

const newline = 0x0a

/** Decodes bytes that end at a line's end; bytes that are no text become U+FFFD. */
export type Decode = (bytes: Buffer) => string

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

  constructor(path: string, content: Content, decode: Decode, from: { offset: number; skipping: boolean }) {
    this.path = path
    this.content = content
    this.#offset = from.offset
    this.#skipping = from.skipping
    this.#decode = decode
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

  /** The next whole lines; empty when there are none. At the end of a file that nobody writes any more, the rest, too. */
  read(isLast = false): string[] {
    const bytes = this.content.read(this.#offset, batchBytes)
    if (bytes.length === 0) return []
    const end = bytes.lastIndexOf(newline) + 1
    if (end > 0) return this.#take(bytes.subarray(0, end))
    if (bytes.length < longestLine && !isLast) return []
    // What follows belongs to the same line until it ends.
    const lines = this.#take(bytes)
    this.#skipping = bytes.length >= longestLine
    return lines
  }

  #take(bytes: Buffer): string[] {
    this.#offset += bytes.length
    if (this.#head.length < headBytes)
      this.#head = Buffer.concat([this.#head, bytes.subarray(0, headBytes - this.#head.length)])
    this.#tail = Buffer.from(
      bytes.length < tailBytes
        ? Buffer.concat([this.#tail, bytes]).subarray(-tailBytes)
        : bytes.subarray(-tailBytes),
    )
    return this.#linesOf(bytes)
  }

  #linesOf(bytes: Buffer): string[] {
    const lines = this.#decode(bytes).split('\n')
    if (bytes.at(-1) === newline) lines.pop()
    if (this.#skipping) {
      lines.shift()
      this.#skipping = false
    }
    for (const [at, line] of lines.entries()) if (isOdd(line)) lines[at] = trimmed(line)
    return lines
  }
}

const isOdd = (line: string): boolean =>
  line.charCodeAt(0) === 0 || line.charCodeAt(line.length - 1) === 13 || line.length > longestLine

/** Without CR at the end, nor the NULs that a writer leaves in a file that was truncated under it. */
function trimmed(line: string): string {
  let start = 0
  while (line.charCodeAt(start) === 0) start++
  return line.slice(start, Math.min(line.length, start + longestLine)).replace(/\r$/, '')
}

/** Decodes by the name of an encoding as fail2ban's `logencoding` has it; null for one nobody knows. */
export function decoderOf(encoding: string): Decode | null {
  switch (encoding.toLowerCase().replaceAll('_', '-')) {
    case 'auto':
    case 'utf-8':
    case 'utf8':
    case 'ascii':
    case 'us-ascii':
      return (bytes) => bytes.toString('utf8')
    case 'latin-1':
    case 'latin1':
    case 'iso-8859-1':
      return (bytes) => bytes.toString('latin1')
    default:
      try {
        const decoder = new TextDecoder(encoding)
        return (bytes) => decoder.decode(bytes)
      } catch {
        return null
      }
  }
}
