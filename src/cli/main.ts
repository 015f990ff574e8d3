/** The real environment of a terminal, and the start of the program. */
import { createReadStream, existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { encodeText } from '../lang/bytes.ts'
import { exclusively, replaceFile } from '../linux/files.ts'
import type { Environment, FileSink } from './environment.ts'
import { run } from './run.ts'

function wantsColor(stream: { isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return stream.isTTY === true && TERM !== 'dumb'
}

/** Bytes of the largest file that is read as a whole. Beyond, a text does not fit into one string. */
const largestFile = 1 << 28

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > largestFile) throw Object.assign(new Error('too large'), { code: 'EFBIG' })
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

const readChunks = (path: string): AsyncIterable<Uint8Array> =>
  path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 })

async function createFile(path: string): Promise<FileSink> {
  const file = await open(path, 'w')
  return {
    write: async (data) => void (await file.write(data)),
    close: () => file.close(),
  }
}

export async function main(): Promise<void> {
  const interruption = new AbortController()
  let interrupts = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.abort()
      // A second Ctrl-C means it: whoever is cleaning up has had his chance.
      if (++interrupts > 1) process.exit(130)
    })
  }
  // A closed pipe (`postern ... | head`) is the reader's choice, not an error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0)
      throw error
    })
  }
  const environment: Environment = {
    // Bytes of rules that are no UTF-8 leave as they came.
    stdout: (text) => void process.stdout.write(encodeText(text)),
    stderr: (text) => void process.stderr.write(text),
    readFile: (path) => readAll(readChunks(path)),
    readChunks,
    createFile,
    exists: existsSync,
    replaceFile,
    exclusively,
    variable: (name) => process.env[name],
    color: { stdout: wantsColor(process.stdout), stderr: wantsColor(process.stderr) },
    interactive: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? 80,
    nowMs: Date.now,
    signal: interruption.signal,
  }
  process.exitCode = await run(process.argv.slice(2), environment)
}
