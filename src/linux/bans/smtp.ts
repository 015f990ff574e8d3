/**
 * Hands one message to a mail server: RFC 5321, over TLS where the server offers it (RFC 3207) or speaks nothing else (RFC
 * 8314), with a login (RFC 4954, PLAIN or LOGIN) where one is given.
 */
import { connect, isIP, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'

export const smtpTls = ['auto', 'starttls', 'implicit', 'no'] as const
/**
 * `auto`: STARTTLS where it is offered, and `implicit` at port 465; the server's certificate matters only where a password
 * is sent. `starttls` and `implicit` demand TLS and a certificate that holds. `no`: never TLS.
 */
export type SmtpTls = (typeof smtpTls)[number]

export interface SmtpServer {
  readonly host: string
  readonly port: number
  readonly timeoutMs?: number
  /** Default: `auto`. */
  readonly tls?: SmtpTls
  readonly login?: { readonly user: string; readonly password: string }
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string
}

export interface Envelope {
  readonly sender: string
  readonly recipients: readonly string[]
}

/** Throws when the server refuses, does not answer, or cannot be trusted. `message` has lines that end in LF. */
export async function sendBySmtp(server: SmtpServer, envelope: Envelope, message: string): Promise<void> {
  const talk = new Talk(server)
  try {
    await talk.expect(220)
    await begin(talk, server)
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

/** Says hello, turns to TLS, and logs in, as far as the settings ask for it. */
async function begin(talk: Talk, { host, tls = 'auto', login }: SmtpServer): Promise<void> {
  let offers = await hello(talk)
  if (!talk.isEncrypted && tls !== 'no') {
    if (offers.has('STARTTLS')) {
      await talk.say('STARTTLS', 220)
      await talk.encrypt()
      offers = await hello(talk)
    } else if (tls === 'starttls') throw new Error('the mail server offers no STARTTLS')
  }
  if (login === undefined) return
  if (!talk.isEncrypted && tls !== 'no' && !isLoopback(host))
    throw new Error('the mail server offers no STARTTLS, and a password is not sent readable (unless tls=no)')
  await logIn(talk, offers.get('AUTH')?.toUpperCase().split(' ') ?? [], login)
}

/** What the server offers, by keyword. */
async function hello(talk: Talk): Promise<Map<string, string>> {
  const said = await talk.say(`EHLO ${hostname()}`, 250)
  return new Map(
    said.split(/\r?\n/).map((line) => {
      const [keyword = '', ...rest] = line.slice(4).split(' ')
      return [keyword.toUpperCase(), rest.join(' ')]
    }),
  )
}

async function logIn(
  talk: Talk,
  ways: readonly string[],
  { user, password }: { readonly user: string; readonly password: string },
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  if (ways.includes('PLAIN')) await talk.say(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`, 235)
  else if (ways.includes('LOGIN')) {
    await talk.say('AUTH LOGIN', 334)
    await talk.say(base64(user), 334)
    await talk.say(base64(password), 235)
  } else throw new Error('the mail server offers no login by PLAIN or LOGIN')
}

/** Nothing of an address may end the command that it stands in. */
const plain = (address: string): string => address.replace(/[\s<>\p{Cc}]/gu, '')

const isLoopback = (host: string): boolean => /^(?:localhost|127\.[\d.]+|::1)$/.test(host)

/** A connection on which one side speaks after the other. */
class Talk {
  isEncrypted: boolean
  readonly #server: SmtpServer
  #socket: Socket
  #heard = ''
  #failure: Error | null = null
  #wake: (() => void) | null = null

  constructor(server: SmtpServer) {
    const { host, port, tls = 'auto' } = server
    this.#server = server
    this.isEncrypted = tls === 'implicit' || (tls === 'auto' && port === 465)
    this.#socket = this.isEncrypted ? connectTls({ host, port, ...this.#trust() }) : connect(port, host)
    this.#listen()
  }

  /** Waits for an answer of that code, and gives it. */
  async expect(code: number): Promise<string> {
    const said = await this.#answer()
    if (!said.startsWith(`${code}`)) throw new Error(`the mail server says: ${said}`)
    return said
  }

  say(text: string, code: number): Promise<string> {
    this.#socket.write(`${text}\r\n`)
    return this.expect(code)
  }

  async encrypt(): Promise<void> {
    // What came in the clear behind the answer may be somebody else's (RFC 3207, 4.2).
    if (this.#heard !== '') throw new Error('the mail server spoke before TLS began')
    const bare = this.#socket
    bare.removeAllListeners()
    this.#socket = connectTls({ socket: bare, ...this.#trust() })
    this.isEncrypted = true
    this.#listen()
  }

  close(): void {
    this.#socket.destroy()
  }

  #trust() {
    const { host, tls = 'auto', login, ca } = this.#server
    return {
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: tls !== 'auto' || login !== undefined,
    }
  }

  #listen(): void {
    const socket = this.#socket
    const notice = (): void => {
      const waiting = this.#wake
      this.#wake = null
      waiting?.()
    }
    const fail = (error: Error): void => {
      this.#failure ??= error
      notice()
    }
    socket.setEncoding('utf8')
    socket.setTimeout(this.#server.timeoutMs ?? 20_000, () =>
      socket.destroy(new Error('the mail server took too long')),
    )
    socket.on('data', (text: Buffer | string) => {
      this.#heard += text
      notice()
    })
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the mail server hung up')))
  }

  /** The next whole answer; the last of its lines has a blank behind the code. */
  async #answer(): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r?\n)*\d{3}(?: .*)?\r?\n/.exec(this.#heard)?.[0]
      if (whole !== undefined) {
        this.#heard = this.#heard.slice(whole.length)
        return whole.trim()
      }
      if (this.#failure !== null) throw this.#failure
      await new Promise<void>((go) => {
        this.#wake = go
      })
    }
  }
}
