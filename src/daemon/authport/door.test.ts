/** The door over real HTTP on loopback, with a keeper and a clock of its own. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parsePrefix } from '../../net/address.ts'
import { Door, type DoorEvent } from './door.ts'
import { LoginDesk } from './login.ts'
import { codeOfStep } from './totp.ts'
import { hashPassword, type User } from './users.ts'

const cheap = { costLog2: 10, blockSize: 8, parallel: 1 }
const totpSecret = new TextEncoder().encode('12345678901234567890')
let users: User[]
let nowMs = 0
let events: DoorEvent[] = []
let asked: string[] = []
let keeperFails = false
let server: Server
let base = ''
let desk: LoginDesk

beforeAll(async () => {
  users = [
    { name: 'alice', password: await hashPassword('correct horse', cheap), totpSecret: null, lists: null },
    { name: 'bob', password: await hashPassword('battery staple', cheap), totpSecret, lists: ['db'] },
  ]
  // Requests say themselves where they come from, as if through a proxy.
  let door: Door
  server = createServer((request, response) => void door.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  renewDoor = async () => {
    const keeper = {
      put: async (list: string, address: string, seconds: number) => {
        if (keeperFails) throw new Error('no such file')
        asked.push(`+${list} ${address} ${seconds}`)
      },
      take: async (list: string, address: string) => void asked.push(`-${list} ${address}`),
    }
    desk = new LoginDesk(
      {
        lists: ['authok', 'db'],
        sessionSeconds: 3600,
        maxAddresses: 3,
        lockout: { addressFailures: 3, accountFailures: 50, withinMs: 60_000, lastsMs: 60_000 },
      },
      keeper,
      () => nowMs,
    )
    await desk.setUsers(users)
    const settings = { proxies: [parsePrefix('127.0.0.1')!], tls: null, title: 'Door', sessionSeconds: 3600 }
    door = new Door({ settings, desk, nowMs: () => nowMs, tell: (event) => events.push(event) })
  }
})
let renewDoor: () => Promise<void>
afterAll(() => void server.close())
beforeEach(async () => {
  ;[nowMs, events, asked, keeperFails] = [1_000_000_000, [], [], false]
  await renewDoor()
})

const from = (address: string, more: Record<string, string> = {}) => ({ 'x-forwarded-for': address, ...more })

const apiLogin = (address: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${base}/api/login`, {
    method: 'POST',
    headers: from(address, { 'content-type': 'application/json', ...headers }),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** As a browser does: fetches the form, and sends it with its token and cookie. */
async function formLogin(
  address: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) {
  const page = await fetch(base, { headers: from(address) })
  const cookie = page.headers.getSetCookie()[0]!.split(';')[0]!
  const form = /name="form" value="([^"]+)"/.exec(await page.text())![1]!
  const response = await fetch(`${base}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: from(address, { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers }),
    body: new URLSearchParams({ form, ...fields }).toString(),
  })
  return { response, cookie, form }
}

const alice = { user: 'alice', password: 'correct horse' }
const client = '198.51.100.9'

describe('by the API', () => {
  it('opens, tells how long, and closes', async () => {
    const opened = await apiLogin(client, alice)
    expect(opened.status).toBe(200)
    const { token, ...rest } = (await opened.json()) as { token: string }
    expect(rest).toEqual({ user: 'alice', address: client, lists: ['authok', 'db'], secondsLeft: 3600 })
    expect(asked).toEqual([`+authok ${client} 3600`, `+db ${client} 3600`])
    nowMs += 600_000
    const headers = from('192.0.2.77', { authorization: `Bearer ${token}` })
    const session = await fetch(`${base}/api/session`, { headers })
    expect(await session.json()).toEqual({ ...rest, secondsLeft: 3000 })
    expect((await fetch(`${base}/api/session`, { method: 'DELETE', headers })).status).toBe(204)
    expect(asked.slice(2)).toEqual([`-authok ${client}`, `-db ${client}`])
    expect((await fetch(`${base}/api/session`, { headers })).status).toBe(401)
    expect(events.map(({ event }) => event)).toEqual(['opened', 'closed'])
  })

  it('ends when its time is over', async () => {
    const { token } = (await (await apiLogin(client, alice)).json()) as { token: string }
    nowMs += 3_600_000
    const headers = from(client, { authorization: `Bearer ${token}` })
    expect((await fetch(`${base}/api/session`, { headers })).status).toBe(401)
  })

  it('keeps an address in for the other who is behind it', async () => {
    const first = (await (await apiLogin(client, alice)).json()) as { token: string }
    await apiLogin(client, alice)
    asked = []
    const headers = from(client, { authorization: `Bearer ${first.token}` })
    await fetch(`${base}/api/session`, { method: 'DELETE', headers })
    expect(asked).toEqual([])
  })

  it('wants the code where there is one, takes it once, and puts into the own lists alone', async () => {
    const bob = { user: 'bob', password: 'battery staple' }
    const code = codeOfStep(totpSecret, Math.floor(nowMs / 30_000))
    expect((await apiLogin(client, bob)).status).toBe(401)
    expect((await apiLogin(client, { ...bob, code })).status).toBe(200)
    expect(asked).toEqual([`+db ${client} 3600`])
    expect((await apiLogin(client, { ...bob, code })).status).toBe(401)
  })

  it('does not tell which names exist', async () => {
    const wrong = await apiLogin(client, { user: 'alice', password: 'x' })
    const nobody = await apiLogin('198.51.100.10', { user: 'nobody', password: 'x' })
    expect([wrong.status, await wrong.text()]).toEqual([nobody.status, await nobody.text()])
  })

  it('locks out who fails, even with the right password, and lets in again', async () => {
    for (let at = 0; at < 3; at++)
      expect((await apiLogin(client, { ...alice, password: `${at}` })).status).toBe(401)
    const locked = await apiLogin(client, alice)
    expect([locked.status, locked.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await apiLogin('198.51.100.10', alice)).status).toBe(200)
    nowMs += 60_001
    expect((await apiLogin(client, alice)).status).toBe(200)
    expect(events.map(({ event }) => event)).toEqual([
      'failed',
      'failed',
      'failed',
      'locked',
      'refused',
      'opened',
      'opened',
    ])
  })

  it('counts tries that come at once', async () => {
    const tries = Array.from({ length: 12 }, (_, at) => apiLogin(client, { ...alice, password: `${at}` }))
    const statuses = (await Promise.all(tries)).map(({ status }) => status).sort()
    expect(statuses).toEqual([...Array(3).fill(401), ...Array(9).fill(429)])
  })

  it('takes no more addresses than fit', async () => {
    for (let at = 1; at <= 3; at++) expect((await apiLogin(`192.0.2.${at}`, alice)).status).toBe(200)
    expect((await apiLogin('192.0.2.4', alice)).status).toBe(503)
    expect((await apiLogin('192.0.2.1', alice)).status).toBe(200)
    nowMs += 3_600_000
    expect((await apiLogin('192.0.2.4', alice)).status).toBe(200)
  })

  it('says when the firewall could not be told, and is not open then', async () => {
    keeperFails = true
    const response = await apiLogin(client, alice)
    expect([response.status, events.at(-1)?.why]).toEqual([503, 'no such file'])
  })

  it.each([
    ['{', 400],
    ['[]', 400],
    ['null', 400],
    ['{"user":"alice"}', 400],
    ['{"user":["alice"],"password":"x"}', 400],
    [`{"user":"alice","password":"${'x'.repeat(5000)}"}`, 413],
    [JSON.stringify({ user: '__proto__', password: 'x' }), 401],
    [JSON.stringify({ user: 'a\nb', password: 'x' }), 401],
  ])('%.60s: %d', async (body, status) => {
    expect((await apiLogin(client, body)).status).toBe(status)
    expect(asked).toEqual([])
  })

  it('takes JSON alone, so that no form of another site passes', async () => {
    expect((await apiLogin(client, alice, { 'content-type': 'text/plain' })).status).toBe(415)
  })

  it('keeps what comes from outside out of the log', async () => {
    await apiLogin(client, { user: 'x"\n"root" 192.0.2.1', password: 'secret word' })
    expect(events).toEqual([
      { event: 'failed', address: client, user: 'x"?"root" 192.0.2.1', why: 'wrong name, password or code' },
    ])
  })

  it('ends sessions of users who are gone', async () => {
    const { token } = (await (await apiLogin(client, alice)).json()) as { token: string }
    await desk.setUsers(users.slice(1))
    expect(asked.slice(2)).toEqual([`-authok ${client}`, `-db ${client}`])
    const headers = from(client, { authorization: `Bearer ${token}` })
    expect((await fetch(`${base}/api/session`, { headers })).status).toBe(401)
  })
})

describe('by the page', () => {
  it('opens and closes', async () => {
    const { response, cookie, form } = await formLogin(client, alice)
    expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    const session = response.headers.getSetCookie()[0]!
    expect(session).toMatch(
      /^__Host-postern-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=3600$/,
    )
    const cookies = `${cookie}; ${session.split(';')[0]}`
    const page = await fetch(base, { headers: from(client, { cookie: cookies }) })
    expect(await page.text()).toContain(`Open for ${client}, 60 minutes more.`)
    const closed = await fetch(`${base}/logout`, {
      method: 'POST',
      redirect: 'manual',
      headers: from(client, { cookie: cookies, 'content-type': 'application/x-www-form-urlencoded' }),
      body: `form=${form}`,
    })
    expect(closed.status).toBe(303)
    expect(asked.slice(2)).toEqual([`-authok ${client}`, `-db ${client}`])
  })

  it('says what was wrong, and nothing of what was typed', async () => {
    const { response } = await formLogin(client, { user: '<script>', password: 'topsecret' })
    const text = await response.text()
    expect(response.status).toBe(401)
    expect(text).toContain('Wrong name, password or code.')
    expect(text).not.toMatch(/<script>|topsecret/)
  })

  it.each([
    ['without the token', { form: '' }, {}],
    ['with another token', { form: 'A'.repeat(43) }, {}],
    ['from another site', {}, { 'sec-fetch-site': 'cross-site' }],
    ['without the cookie', {}, { cookie: '' }],
  ])('refuses a form %s', async (_what, fields, headers) => {
    const { response } = await formLogin(client, { ...alice, ...fields }, headers)
    expect(response.status).toBe(403)
    expect(asked).toEqual([])
  })

  it('refuses a request of the proxy that does not say whose it is', async () => {
    expect((await fetch(base)).status).toBe(400)
  })

  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/__proto__', 404],
    ['GET', '/constructor', 404],
    ['PUT', '/', 405],
    ['POST', '/', 405],
    ['GET', '/logout', 405],
  ])('%s %s: %d', async (method, path, status) => {
    expect((await fetch(`${base}${path}`, { method, headers: from(client) })).status).toBe(status)
  })

  it('sends headers that keep other sites out', async () => {
    const { headers } = await fetch(base, { headers: from(client) })
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
    )
    for (const [name, value] of [
      ['cache-control', 'no-store'],
      ['x-frame-options', 'DENY'],
      ['x-content-type-options', 'nosniff'],
      ['referrer-policy', 'no-referrer'],
    ] as const)
      expect(headers.get(name)).toBe(value)
  })

  it('survives a request line that is no path', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(base).port), '127.0.0.1')
      let text = ''
      socket.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      socket.on('close', () => resolve(text))
      socket.write('GET //[ HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\nconnection: close\r\n\r\n')
    })
    expect(answer).toMatch(/^HTTP\/1\.1 (404|400)/)
  })
})
