/** The real environment of a terminal, and the start of the program. */
// Of Node's own modules each is loaded where it is used: together they take longer than a small command.
import { closeSync, createReadStream, existsSync, fstatSync, openSync, promises, readFileSync } from 'node:fs'
import { encodeText } from '../lang/bytes.ts'
import { exclusively, replaceFile } from '../linux/files.ts'
import type { Environment, FileSink } from './environment.ts'
import { run } from './run.ts'
import { standardOutput } from './standard-output.ts'

function wantsColor(isTerminal: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return isTerminal && TERM !== 'dumb'
}

/** Bytes of the largest file that is read as a whole. Beyond, a text does not fit into one string. */
const largestFile = 1 << 28

/** What is no plain file (a pipe, a device, standard input) comes in chunks. */
async function readFile(path: string): Promise<Uint8Array> {
  if (path === '-') return readAll(process.stdin)
  const descriptor = openSync(path, 'r')
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile() || stat.size === 0)
      return await readAll(createReadStream(path, { fd: descriptor, autoClose: false }))
    if (largestFile < stat.size) throw tooLarge()
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const tooLarge = (): Error => Object.assign(new Error('too large'), { code: 'EFBIG' })

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > largestFile) throw tooLarge()
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

const readChunks = (path: string): AsyncIterable<Uint8Array> =>
  path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 })

async function createFile(path: string): Promise<FileSink> {
  const file = await promises.open(path, 'w')
  return {
    write: async (data) => void (await file.write(data)),
    close: () => file.close(),
  }
}

export async function main(): Promise<void> {
  const interruption = new AbortController()
  let interrupts = 0
  let onHangup: (() => void) | null = null
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && onHangup !== null) return onHangup()
      interruption.abort()
      // A second Ctrl-C means it: whoever is cleaning up has had his chance.
      if (++interrupts > 1) process.exit(130)
    })
  }
  const stdout = standardOutput(1)
  const stderr = standardOutput(2)
  const environment: Environment = {
    // Bytes of rules that are no UTF-8 leave as they came.
    stdout: (text) => stdout.write(encodeText(text)),
    stderr: (text) => stderr.write(text),
    readFile,
    readChunks,
    createFile,
    exists: existsSync,
    replaceFile,
    removeFile: (path) => promises.rm(path, { force: true }),
    exclusively,
    askSecret: async (question) => (await import('./secret.ts')).askSecret(question),
    variable: (name) => process.env[name],
    readKey: async (signal) => (await import('./terminal-key.ts')).readKey(signal),
    color: { stdout: wantsColor(stdout.isTerminal), stderr: wantsColor(stderr.isTerminal) },
    interactive: stderr.isTerminal,
    get columns() {
      return stdout.columns ?? 80
    },
    ...(stdout.isTerminal && {
      screen: {
        get columns() {
          return stdout.columns ?? 80
        },
        get rows() {
          return stdout.rows ?? 24
        },
      },
    }),
    nowMs: Date.now,
    signal: interruption.signal,
    onHangup: (listener) => {
      onHangup = listener
    },
  }
  process.exitCode = await run(process.argv.slice(2), environment)
}
