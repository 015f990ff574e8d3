/**
 * The socket of a running service: one request of JSON words a line, one answer a line. It lies in a folder of root's with
 * a mode that lets nobody else in, and the kernel is asked who calls where that is possible.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { peerReader } from './peer.ts'
import { UnavailableError } from './unavailable.ts'

export type Answer =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly error: string }

/** A mistake of the one who asks. */
export class VerbError extends Error {}

/** Characters of the longest request. */
const longestRequest = 1 << 20

type CarryOut = (words: readonly string[]) => Promise<unknown>

/**
 * Listens; throws `UnavailableError` when another of its kind does so already. `who`: what listens, for messages: `guard`.
 * Returns how to end it.
 */
export async function listen(path: string, who: string, carryOut: CarryOut): Promise<() => Promise<void>> {
  if (await isAnswered(path)) throw new UnavailableError(`another ${who} listens at ${path}`)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  const mayCall = await peerCheck()
  const server = createServer((socket) => {
    if (mayCall(socket)) serve(socket, carryOut)
    else socket.destroy()
  })
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(before)
  }
  chmodSync(path, 0o600)
  return () => close(server)
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
  })

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Whether the process at the other end is root's or our own user's; the file's mode alone where that cannot be asked. */
async function peerCheck(): Promise<(socket: Socket) => boolean> {
  try {
    const peerOf = await peerReader()
    return (socket) => {
      const peer = peerOf(socket)
      return peer !== null && (peer.uid === 0 || peer.uid === process.getuid?.())
    }
  } catch {
    return () => true
  }
}

function serve(socket: Socket, carryOut: CarryOut): void {
  let text = ''
  socket.on('error', () => socket.destroy())
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more
    if (text.length > longestRequest) return void socket.destroy()
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      void answerTo(line, carryOut).then((answer) => socket.write(`${JSON.stringify(answer)}\n`))
    }
  })
}

async function answerTo(line: string, carryOut: CarryOut): Promise<Answer> {
  try {
    const words: unknown = JSON.parse(line)
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
      return { ok: false, error: 'a request is a list of words' }
    return { ok: true, data: (await carryOut(words)) ?? null }
  } catch (error) {
    return { ok: false, error: (error as Error).message }
  }
}

/** Whom a request is for: in messages, and how to start one. */
export interface Listener {
  readonly who: string
  readonly hint: string
}

/** Asks a running service. Throws `UnavailableError` when none answers, `VerbError` when it refuses. */
export function ask(path: string, words: readonly string[], { who, hint }: Listener): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => void socket.write(`${JSON.stringify(words)}\n`))
    socket.on('data', (more: string) => {
      text += more
      if (!text.endsWith('\n')) return
      socket.end()
      const answer = JSON.parse(text) as Answer
      if (answer.ok) resolve(answer.data)
      else reject(new VerbError(answer.error))
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EACCES'
          ? new UnavailableError(`the ${who} at ${path} answers its own account and root only`, 'sudo')
          : new UnavailableError(`no ${who} answers at ${path}`, hint),
      ),
    )
    socket.on('close', () => reject(new UnavailableError(`the ${who} at ${path} hung up`)))
  })
}
