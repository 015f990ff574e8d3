/** Lines as they were read: bytes until somebody wants their texts. */
import { isAscii } from 'node:buffer'
import type { LineBlock } from '../../guard/filter/index.ts'

/** Bytes of the longest line; the rest of a longer one is passed over. */
export const longestLine = 1 << 16

/** Decodes bytes that end at a line's end; bytes that are no text become U+FFFD. */
export interface Decode {
  (bytes: Buffer): string
  /** Set where ASCII stands for itself, so that lines can be told apart before they are decoded. */
  readonly encoding?: 'utf8' | 'latin1'
}

/** Whole lines that follow each other in a log. */
export class ReadLines {
  readonly #bytes: Buffer
  readonly #decode: Decode

  constructor(bytes: Buffer, decode: Decode) {
    this.#bytes = bytes
    this.#decode = decode
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0
  }

  /** The same as bytes; null where the encoding does not let lines be told apart. */
  get block(): LineBlock | null {
    const { encoding } = this.#decode
    return encoding === undefined ? null : lineBlock(this.#bytes, encoding)
  }

  /** Their texts, without line ends. */
  get lines(): string[] {
    if (this.isEmpty) return []
    const lines = this.#decode(this.#bytes).split('\n')
    if (this.#bytes.at(-1) === 0x0a) lines.pop()
    for (const [at, line] of lines.entries()) if (isOdd(line)) lines[at] = trimmed(line)
    return lines
  }
}

/** Bytes as lines whose texts are made when they are asked for. */
export function lineBlock(bytes: Buffer, encoding: 'utf8' | 'latin1'): LineBlock {
  const ascii = isAscii(bytes)
  const cheapest = ascii ? 'latin1' : encoding
  return {
    bytes,
    isAscii: ascii,
    textOf(start, end) {
      const text = bytes.toString(cheapest, start, end)
      return isOdd(text) ? trimmed(text) : text
    },
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
      return Object.assign((bytes: Buffer) => bytes.toString('utf8'), { encoding: 'utf8' as const })
    case 'latin-1':
    case 'latin1':
    case 'iso-8859-1':
      return Object.assign((bytes: Buffer) => bytes.toString('latin1'), { encoding: 'latin1' as const })
    default:
      try {
        const decoder = new TextDecoder(encoding)
        return (bytes) => decoder.decode(bytes)
      } catch {
        return null
      }
  }
}
