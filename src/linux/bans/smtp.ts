/** Hands one message to a mail server that takes it without a login: RFC 5321, nothing beyond its smallest part. */
import { connect } from 'node:net'
import { hostname } from 'node:os'

export interface SmtpServer {
  readonly host: string
  readonly port: number
  readonly timeoutMs?: number
}

export interface Envelope {
  readonly sender: string
  readonly recipients: readonly string[]
}

/** Throws when the server refuses or does not answer. `message` has lines that end in LF. */
export async function sendBySmtp(server: SmtpServer, envelope: Envelope, message: string): Promise<void> {
  const talk = await open(server)
  try {
    await talk.expect(220)
    await talk.say(`EHLO ${hostname()}`, 250)
    await talk.say(`MAIL FROM:<${plain(envelope.sender)}>`, 250)
    for (const recipient of envelope.recipients) await talk.say(`RCPT TO:<${plain(recipient)}>`, 250)
    await talk.say('DATA', 354)
    // A line that begins with a dot gets another one: RFC 5321 4.5.2.
    const body = message.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')
    await talk.say(`${body}${body.endsWith('\r\n') ? '' : '\r\n'}.`, 250)
    await talk.say('QUIT', 221).catch(() => {})
  } finally {
    talk.close()
  }
}

/** Nothing of an address may end the command that it stands in. */
const plain = (address: string): string => address.replace(/[\s<>\p{Cc}]/gu, '')

interface Talk {
  say(text: string, code: number): Promise<void>
  expect(code: number): Promise<void>
  close(): void
}

function open({ host, port, timeoutMs = 20_000 }: SmtpServer): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let heard = ''
    let failure: Error | null = null
    let wake: (() => void) | null = null
    const notice = (): void => {
      const waiting = wake
      wake = null
      waiting?.()
    }
    socket.setEncoding('utf8')
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('the mail server took too long')))
    socket.on('data', (text: string) => {
      heard += text
      notice()
    })
    socket.on('error', (error) => {
      failure = error
      reject(error)
    })
    socket.on('close', () => {
      failure ??= new Error('the mail server hung up')
      notice()
    })
    /** The next whole answer; the last of its lines has a blank behind the code. */
    const answer = async (): Promise<string> => {
      for (;;) {
        const whole = /^(?:\d{3}-.*\r?\n)*\d{3}(?: .*)?\r?\n/.exec(heard)?.[0]
        if (whole !== undefined) {
          heard = heard.slice(whole.length)
          return whole.trim()
        }
        if (failure !== null) throw failure
        await new Promise<void>((go) => {
          wake = go
        })
      }
    }
    const expect = async (code: number): Promise<void> => {
      const said = await answer()
      if (!said.startsWith(`${code}`)) throw new Error(`the mail server says: ${said}`)
    }
    socket.on('connect', () =>
      resolve({
        expect,
        say: async (text, code) => {
          socket.write(`${text}\r\n`)
          await expect(code)
        },
        close: () => socket.destroy(),
      }),
    )
  })
}
