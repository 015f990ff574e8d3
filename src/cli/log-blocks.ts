/** Lines of a log, read in blocks: millions of them without holding the file. */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { LineBlock } from '../guard/filter/index.ts'
import { type Decode, decoderOf, lineBlock } from '../linux/follow/index.ts'
import type { Environment } from './environment.ts'

/** Bytes of a line that are kept while its end is looked for; what is longer is cut there, so that no line can fill the memory. */
const longestLine = 65_536

const utf8 = decoderOf('utf-8')!

/** Whole lines, many at a time, of a file, standard input (`-`) or a compressed file (`*.gz`). */
export async function* logBlocks(
  path: string,
  environment: Environment,
  decode: Decode = utf8,
): AsyncGenerator<LineBlock> {
  const chunks = environment.readChunks(path)
  const source = path.endsWith('.gz') ? Readable.from(chunks).pipe(createGunzip()) : chunks
  let rest: Uint8Array = Buffer.alloc(0)
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    const bytes = Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf(0x0a) + 1
    rest = end > 0 ? bytes.subarray(end) : bytes.subarray(0, longestLine)
    if (end > 0) yield blockOf(bytes.subarray(0, end), decode)
  }
  if (rest.length > 0) yield blockOf(Buffer.from(rest), decode)
}

/** Lines of a text. */
export const textBlock = (text: string): LineBlock => lineBlock(Buffer.from(text), 'utf8')

const blockOf = (bytes: Buffer, decode: Decode): LineBlock =>
  decode.encoding === undefined ? textBlock(decode(bytes)) : lineBlock(bytes, decode.encoding)
