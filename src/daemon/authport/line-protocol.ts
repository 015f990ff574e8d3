/**
 * What the two halves of the auth port say to each other over their socket: a request of JSON a line, an answer a line.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { z } from 'zod'
import type { ListKeeper } from './keeper.ts'

const requestShape = z.strictObject({
  id: z.number().int(),
  ask: z.enum(['put', 'take']),
  list: z.string().max(200),
  address: z.string().max(64),
  seconds: z.number().int().optional(),
})

type Request = z.infer<typeof requestShape>

interface Answer {
  readonly id: number
  readonly error: string | null
}

/** Bytes of the longest line. */
const longestLine = 1024

/** Serves those whom `mayAsk` lets in; others are hung up on. */
export function serveKeeper(keeper: ListKeeper, mayAsk: (socket: Socket) => boolean): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (!mayAsk(socket)) return void socket.destroy()
    onLines(socket, (line) => {
      void answerTo(line, keeper).then((answer) => {
        if (answer === null) socket.destroy()
        else socket.write(`${JSON.stringify(answer)}\n`)
      })
    })
  })
}

/** Null when the line is no request. */
async function answerTo(line: string, keeper: ListKeeper): Promise<Answer | null> {
  const request = parseRequest(line)
  if (request === null) return null
  const { id, ask, list, address, seconds } = request
  try {
    if (ask === 'put') await keeper.put(list, address, seconds ?? 0)
    else await keeper.take(list, address)
    return { id, error: null }
  } catch (error) {
    return { id, error: (error as Error).message }
  }
}

function parseRequest(line: string): Request | null {
  try {
    return requestShape.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/** The other end: asks over the socket of that name. Rejects when the keeper refuses or is gone. */
export async function connectKeeper(name: string): Promise<ListKeeper> {
  const socket = connect({ path: name })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
  const waiting = new Map<number, (error: string | null) => void>()
  let gone = false
  let lastId = 0
  const end = (): void => {
    gone = true
    for (const settle of waiting.values()) settle('the keeper of the lists is gone')
    waiting.clear()
  }
  socket.on('error', end).on('close', end)
  onLines(socket, (line) => {
    const { id, error } = JSON.parse(line) as Answer
    waiting.get(id)?.(error)
    waiting.delete(id)
  })
  const ask = (request: Omit<Request, 'id'>): Promise<void> =>
    new Promise((resolve, reject) => {
      if (gone) return reject(new Error('the keeper of the lists is gone'))
      const id = ++lastId
      waiting.set(id, (error) => (error === null ? resolve() : reject(new Error(error))))
      socket.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  return {
    put: (list, address, seconds) => ask({ ask: 'put', list, address, seconds }),
    take: (list, address) => ask({ ask: 'take', list, address }),
  }
}

function onLines(socket: Socket, take: (line: string) => void): void {
  let text = ''
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      take(text.slice(0, end))
      text = text.slice(end + 1)
    }
    if (text.length > longestLine) socket.destroy()
  })
}
