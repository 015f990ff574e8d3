/** Asks who an address belongs to: RFC 3912, a question of one line and an answer up to the end. */
import { connect } from 'node:net'

export interface WhoisOptions {
  /** The server to ask first. */
  readonly server: string
  readonly port?: number
  readonly timeoutMs?: number
}

/** Bytes of an answer that are kept. */
const longestAnswer = 1 << 16
/** How many servers are asked, each named by the one before. */
const mostServers = 3

/** The last answer of a chain of referrals (`refer:`, `whois:`), or why there is none; never throws. */
export async function whois(address: string, options: WhoisOptions): Promise<string> {
  let server = options.server
  let answer = ''
  for (let asked = 0; asked < mostServers; asked++) {
    try {
      answer = await ask(address, server, options)
    } catch (error) {
      return answer === '' ? `(${server} does not answer: ${(error as Error).message})` : answer
    }
    const next = /^(?:refer|whois|ReferralServer):\s*(?:whois:\/\/)?([\w.-]+)/im.exec(answer)?.[1]
    if (next === undefined || next === server) return answer
    server = next
  }
  return answer
}

function ask(
  address: string,
  server: string,
  { port = 43, timeoutMs = 10_000 }: WhoisOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, server)
    let answer = ''
    socket.setEncoding('utf8')
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('it took too long')))
    socket.on('connect', () => void socket.write(`${address}\r\n`))
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > longestAnswer) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer.slice(0, longestAnswer).replaceAll('\r', '')))
  })
}
