/** An environment that records what commands print and write, with files in memory before those of the checkout. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../environment.ts'
import { run } from '../run.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

export interface Given {
  /** By path; `-` is standard input. Files of the checkout are found by their path from its root. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** Answers to questions for secrets. */
  readonly secrets?: readonly string[]
  /** Default: none. */
  readonly color?: boolean
  /** Default 80. */
  readonly columns?: number
  readonly interactive?: boolean
  /** Ctrl-C comes when so many chunks of a file were read. */
  readonly interruptAfterChunks?: number
}

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  /** Files that were created. */
  readonly written: ReadonlyMap<string, Uint8Array>
}

/** Runs `postern ARGV` in this process. */
export async function postern(argv: readonly string[], given: Given = {}): Promise<Ran> {
  const output = { stdout: '', stderr: '' }
  const written = new Map<string, Uint8Array>()
  const { files = {}, color = false, columns = 80, interactive = false, interruptAfterChunks } = given
  const secrets = [...(given.secrets ?? [])]
  const interruption = new AbortController()
  const read = (path: string): Uint8Array => {
    const content = written.get(path) ?? files[path]
    if (content === undefined) return readFileSync(resolve(root, path))
    return typeof content === 'string' ? new TextEncoder().encode(content) : content
  }
  let nowMs = 0
  const environment: Environment = {
    stdout: (text) => {
      output.stdout += text
    },
    stderr: (text) => {
      output.stderr += text
    },
    readFile: async (path) => read(path),
    // Small pieces, so that readers meet every kind of cut.
    async *readChunks(path) {
      const bytes = read(path)
      for (let at = 0; at < bytes.length; at += 1000) {
        if (at === interruptAfterChunks! * 1000) interruption.abort()
        yield bytes.subarray(at, at + 1000)
      }
    },
    async createFile(path) {
      const parts: Uint8Array[] = []
      return {
        write: async (data) => void parts.push(data.slice()),
        close: async () => void written.set(path, Buffer.concat(parts)),
      }
    },
    exists: (path) => files[path] !== undefined || existsSync(resolve(root, path)),
    replaceFile: async (path, data) => void written.set(path, data.slice()),
    removeFile: async (path) => void written.delete(path),
    onHangup: () => {},
    askSecret: async () => secrets.shift() ?? null,
    exclusively: (_path, action) => action(),
    variable: () => undefined,
    color: { stdout: color, stderr: color },
    interactive,
    columns,
    nowMs: () => {
      nowMs += 300
      return nowMs
    },
    signal: interruption.signal,
  }
  const status = await run(argv, environment)
  return { status, ...output, written }
}

/** What was printed with `--json`: an object a line. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
