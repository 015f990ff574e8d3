/**
 * What the auth port answers over HTTP: a login page, and the same as an API.
 *
 * | request | answer |
 * | --- | --- |
 * | `GET /` | the form, or how long it is open |
 * | `POST /login`, `POST /logout` | the form's, with its token |
 * | `POST /api/login` `{user, password, code?}` | 200 `{token, address, lists, secondsLeft}` |
 * | `GET /api/session`, `DELETE /api/session` | with `Authorization: Bearer TOKEN` |
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callerOf } from './caller.ts'
import type { Credentials, LoginDesk, LoginResult } from './login.ts'
import { loginPage, messagePage, openPage, spanInWords, styleSource } from './pages.ts'
import type { Session } from './sessions.ts'
import type { AuthportSettings } from './settings.ts'

export interface DoorEvent {
  readonly event: 'opened' | 'closed' | 'failed' | 'locked' | 'refused' | 'error'
  readonly address: string
  /** As it was given, cut and without anything but printable ASCII. */
  readonly user?: string
  readonly why?: string
}

export interface DoorParts {
  readonly settings: Pick<AuthportSettings, 'proxies' | 'tls' | 'title' | 'sessionSeconds'>
  readonly desk: LoginDesk
  readonly nowMs: () => number
  readonly tell: (event: DoorEvent) => void
}

/** Bytes of the longest body. */
const longestBody = 4096

/** Ends a request with a status and a sentence. */
class Refusal extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

export class Door {
  readonly #parts: DoorParts
  /** Whether browsers come by HTTPS, to us or to the proxy: cookies are then for HTTPS alone. */
  readonly #secure: boolean
  readonly #formKey = randomBytes(32)

  constructor(parts: DoorParts) {
    this.#parts = parts
    this.#secure = parts.settings.tls !== null || parts.settings.proxies.length > 0
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isApi = request.url?.startsWith('/api/') ?? false
    for (const [name, value] of this.#headers()) response.setHeader(name, value)
    try {
      const address = callerOf(
        request.socket.remoteAddress ?? '',
        oneHeader(request.headers['x-forwarded-for']),
        this.#parts.settings.proxies,
      )
      if (address === null) throw new Refusal(400, 'The proxy in front does not say whose request this is.')
      await this.#route(request, response, address)
    } catch (error) {
      this.#refuse(request, response, error, isApi)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, address: string): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?')
    const methods = routes[path]
    if (methods === undefined) throw new Refusal(404, 'There is no such page.')
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    const name = methods[method]
    if (name === undefined)
      throw new Refusal(405, 'That cannot be done here.', { allow: Object.keys(methods).join(', ') })
    switch (name) {
      case 'page':
        return this.#showPage(request, response, address, 200, null)
      case 'login':
        return this.#login(request, response, address)
      case 'logout':
        return this.#logout(request, response)
      case 'apiLogin':
        return this.#apiLogin(request, response, address)
      case 'apiSession':
        return sendJson(response, 200, this.#sessionData(this.#bearer(request).session))
      case 'apiLogout':
        await this.#close(this.#bearer(request).secret)
        response.writeHead(204).end()
    }
  }

  #showPage(
    request: IncomingMessage,
    response: ServerResponse,
    address: string,
    status: number,
    complaint: string | null,
  ): void {
    const { settings, desk, nowMs } = this.#parts
    const seed = cookieOf(request, this.#cookieName('form')) ?? randomBytes(18).toString('base64url')
    response.setHeader('set-cookie', this.#cookie('form', seed))
    const shared = { title: settings.title, formToken: this.#formToken(seed) }
    const session = desk.session(cookieOf(request, this.#cookieName('session')))
    sendHtml(
      response,
      status,
      session === null
        ? loginPage({ ...shared, address, complaint })
        : openPage({ ...shared, ...session, nowMs: nowMs() }),
    )
  }

  async #login(request: IncomingMessage, response: ServerResponse, address: string): Promise<void> {
    const form = await this.#form(request)
    const field = (name: string): string => form.get(name) ?? ''
    const credentials = { user: field('user'), password: field('password'), code: field('code').trim() }
    const result = await this.#try(address, credentials)
    if (result.kind !== 'open') {
      const { status, message, headers } = this.#refusalOf(result)
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      return this.#showPage(request, response, address, status, message)
    }
    response.setHeader(
      'set-cookie',
      this.#cookie('session', result.secret, this.#parts.settings.sessionSeconds),
    )
    response.writeHead(303, { location: '/' }).end()
  }

  async #logout(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#form(request)
    const secret = cookieOf(request, this.#cookieName('session'))
    if (secret !== null) await this.#close(secret)
    response.setHeader('set-cookie', this.#cookie('session', '', 0))
    response.writeHead(303, { location: '/' }).end()
  }

  async #apiLogin(request: IncomingMessage, response: ServerResponse, address: string): Promise<void> {
    // A form of another site cannot send this type without asking first, and is not answered when it asks.
    if (mediaType(request) !== 'application/json')
      throw new Refusal(415, 'The body must be application/json.')
    const result = await this.#try(address, credentialsOf(await readBody(request)))
    if (result.kind !== 'open') throw this.#refusalOf(result)
    sendJson(response, 200, { token: result.secret, ...this.#sessionData(result.session) })
  }

  async #try(address: string, credentials: Credentials): Promise<LoginResult> {
    const { desk, tell } = this.#parts
    const result = await desk.login(address, credentials)
    const about = { address, user: printable(credentials.user) }
    switch (result.kind) {
      case 'open':
        tell({ event: 'opened', ...about, why: result.session.lists.join(',') })
        break
      case 'wrong':
        tell({ event: 'failed', ...about, why: 'wrong name, password or code' })
        if (result.locked.length > 0) tell({ event: 'locked', ...about, why: result.locked.join(' and ') })
        break
      case 'locked':
        tell({ event: 'refused', ...about, why: 'locked out' })
        break
      case 'failed':
        tell({ event: 'error', ...about, why: result.message })
        break
      default:
        tell({ event: 'refused', ...about, why: result.kind })
    }
    return result
  }

  #refusalOf(result: Exclude<LoginResult, { kind: 'open' }>): Refusal {
    switch (result.kind) {
      case 'wrong':
        return new Refusal(401, 'Wrong name, password or code.')
      case 'locked': {
        const leftMs = result.untilMs - this.#parts.nowMs()
        return new Refusal(429, `Too many tries. Wait ${spanInWords(leftMs)}.`, {
          'retry-after': `${Math.ceil(leftMs / 1000)}`,
        })
      }
      case 'busy':
        return new Refusal(503, 'Too many try at this moment.', { 'retry-after': '5' })
      case 'full':
        return new Refusal(503, 'As many addresses are in as fit. Wait until one goes.', {
          'retry-after': '60',
        })
      case 'failed':
        return new Refusal(
          503,
          'You are who you say, but the firewall could not be told. See the log of the server.',
        )
    }
  }

  async #close(secret: string): Promise<void> {
    const { desk, tell } = this.#parts
    try {
      const session = await desk.logout(secret)
      if (session !== null) tell({ event: 'closed', address: session.address, user: session.user })
    } catch (error) {
      tell({ event: 'error', address: '-', why: (error as Error).message })
      throw new Refusal(503, 'The firewall could not be told. It closes by itself when the time is over.')
    }
  }

  #bearer(request: IncomingMessage): { secret: string; session: Session } {
    const secret = /^Bearer ([\w-]{20,100})$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const session = this.#parts.desk.session(secret)
    if (session === null)
      throw new Refusal(401, 'There is no such session, or it is over.', { 'www-authenticate': 'Bearer' })
    return { secret, session }
  }

  #sessionData({ user, address, lists, endsAtMs }: Session): object {
    const secondsLeft = Math.max(0, Math.round((endsAtMs - this.#parts.nowMs()) / 1000))
    return { user, address, lists, secondsLeft }
  }

  /** The fields of a form that this door has given out. */
  async #form(request: IncomingMessage): Promise<URLSearchParams> {
    if (mediaType(request) !== 'application/x-www-form-urlencoded')
      throw new Refusal(415, 'The body must be application/x-www-form-urlencoded.')
    const form = new URLSearchParams(await readBody(request))
    const site = request.headers['sec-fetch-site']
    const seed = cookieOf(request, this.#cookieName('form'))
    const given = Buffer.from(form.get('form') ?? '')
    const wanted = Buffer.from(seed === null ? '' : this.#formToken(seed))
    const ours = seed !== null && given.length === wanted.length && timingSafeEqual(given, wanted)
    if (!ours || (site !== undefined && site !== 'same-origin' && site !== 'none'))
      throw new Refusal(403, 'This form is too old, or not from this page. Go back and try again.')
    return form
  }

  #formToken(seed: string): string {
    return createHmac('sha256', this.#formKey).update(seed).digest('base64url')
  }

  #cookieName(name: string): string {
    return `${this.#secure ? '__Host-' : ''}postern-${name}`
  }

  #cookie(name: string, value: string, seconds?: number): string {
    const words = [`${this.#cookieName(name)}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Strict']
    if (this.#secure) words.push('Secure')
    if (seconds !== undefined) words.push(`Max-Age=${seconds}`)
    return words.join('; ')
  }

  #headers(): readonly (readonly [string, string])[] {
    return [
      ['cache-control', 'no-store'],
      [
        'content-security-policy',
        `default-src 'none'; style-src ${styleSource}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      ],
      ['x-content-type-options', 'nosniff'],
      ['x-frame-options', 'DENY'],
      ['referrer-policy', 'no-referrer'],
      ['cross-origin-opener-policy', 'same-origin'],
      ['cross-origin-resource-policy', 'same-origin'],
      ...(this.#secure ? [['strict-transport-security', 'max-age=31536000'] as const] : []),
    ]
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown, isApi: boolean): void {
    const known = error instanceof Refusal
    const { status, message, headers } = known ? error : new Refusal(500, 'Something went wrong here.')
    if (!known)
      this.#parts.tell({ event: 'error', address: '-', why: printable(`${(error as Error).message}`, 200) })
    if (response.headersSent) return void response.destroy()
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    // What is left of a refused body is not waited for.
    if (!request.complete) response.setHeader('connection', 'close')
    if (isApi) sendJson(response, status, { error: message })
    else sendHtml(response, status, messagePage(this.#parts.settings.title, message))
  }
}

type Route = 'page' | 'login' | 'logout' | 'apiLogin' | 'apiSession' | 'apiLogout'

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  __proto__: null as never,
  '/': { GET: 'page' },
  '/login': { POST: 'login', GET: 'page' },
  '/logout': { POST: 'logout' },
  '/api/login': { POST: 'apiLogin' },
  '/api/session': { GET: 'apiSession', DELETE: 'apiLogout' },
}

function sendHtml(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(text)
}

function sendJson(response: ServerResponse, status: number, data: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(data)}\n`)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > longestBody) throw new Refusal(413, `The body is longer than ${longestBody} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function credentialsOf(body: string): Credentials {
  let data: unknown = null
  try {
    data = JSON.parse(body)
  } catch {
    // Said below.
  }
  const {
    user,
    password,
    code = '',
  } = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>
  if (typeof user !== 'string' || typeof password !== 'string' || typeof code !== 'string')
    throw new Refusal(400, 'The body must be {"user": "...", "password": "...", "code": "..."}.')
  return { user, password, code }
}

const oneHeader = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value

const mediaType = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()

function cookieOf(request: IncomingMessage, name: string): string | null {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=')
    if (key === name && value !== undefined && /^[\w-]{1,100}$/.test(value)) return value
  }
  return null
}

/** What came from outside, fit for a log. */
const printable = (text: string, length = 64): string => text.slice(0, length).replace(/[^\x20-\x7e]/g, '?')
