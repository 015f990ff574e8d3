/**
 * The process that faces the network. It begins with privilege, takes the ports and the key, drops the privilege for
 * good, and only then accepts a connection.
 */
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { parsePrefix } from '../../net/address.ts'
import { Door, type DoorEvent } from './door.ts'
import { connectKeeper } from './line-protocol.ts'
import { LoginDesk } from './login.ts'
import type { AuthportSettings } from './settings.ts'
import { parseUsers } from './users.ts'

/** What the keeper's process tells the door's at the start; sent as JSON. */
export interface DoorStart {
  readonly kind: 'start'
  readonly settings: Omit<AuthportSettings, 'proxies'> & { readonly proxies: readonly string[] }
  readonly maxAddresses: number
  readonly secrets: DoorSecrets
  /** The keeper's socket: a name in the abstract namespace. */
  readonly socket: string
  /** Whom to become; null where there is no privilege to drop. */
  readonly account: { readonly uid: number; readonly gid: number } | null
}

/** What only privilege can read. */
export interface DoorSecrets {
  /** The text of the users' file. */
  readonly users: string
  readonly tls: { readonly certificate: string; readonly key: string } | null
}

export type ToDoor = DoorStart | { readonly kind: 'secrets'; readonly secrets: DoorSecrets }

export type FromDoor =
  | { readonly kind: 'ready'; readonly listening: readonly string[] }
  | { readonly kind: 'unable'; readonly message: string }
  | { readonly kind: 'event'; readonly event: DoorEvent }

/** Connections at once, in all and of one address. */
const maxConnections = 512
const maxOfOneAddress = 32

/** Runs until the process that started it goes away, or a signal comes. */
export async function runDoorProcess(signal: AbortSignal): Promise<void> {
  const tell = (message: FromDoor): void => void process.send?.(message)
  const start = await new Promise<DoorStart>((resolve) => process.once('message', resolve))
  process.on('disconnect', () => process.exit(0))
  signal.addEventListener('abort', () => process.exit(0))
  try {
    const door = await openDoor(start, (event) => tell({ kind: 'event', event }))
    process.on('message', (message: ToDoor) => {
      if (message.kind === 'secrets') void door.renew(message.secrets)
    })
    tell({ kind: 'ready', listening: door.listening })
  } catch (error) {
    tell({ kind: 'unable', message: (error as Error).message })
    process.disconnect?.()
  }
}

interface OpenDoor {
  readonly listening: readonly string[]
  renew(secrets: DoorSecrets): Promise<void>
}

async function openDoor(start: DoorStart, tell: (event: DoorEvent) => void): Promise<OpenDoor> {
  const settings: AuthportSettings = {
    ...start.settings,
    proxies: start.settings.proxies.map((text) => parsePrefix(text)!),
  }
  const servers = settings.listen.map(() => makeServer(start.secrets))
  for (const [at, server] of servers.entries()) await listen(server, settings.listen[at]!)
  if (start.account !== null) dropPrivilege(start.account)
  const nowMs = (): number => Date.now()
  const keeper = await connectKeeper(start.socket)
  const desk = new LoginDesk({ ...settings, maxAddresses: start.maxAddresses }, keeper, nowMs)
  await desk.setUsers(parseUsers(start.secrets.users))
  const door = new Door({ settings, desk, nowMs, tell })
  for (const server of servers)
    server.on('request', (request, response) => void door.handle(request, response))
  return {
    listening: servers.map((server) => printEndpoint(server.address() as AddressInfo)),
    async renew(secrets) {
      await desk.setUsers(parseUsers(secrets.users))
      if (secrets.tls !== null)
        for (const server of servers)
          (server as TlsServer).setSecureContext({ cert: secrets.tls.certificate, key: secrets.tls.key })
    },
  }
}

/** Whoever sends slowly, much or nothing is hung up on. */
function makeServer({ tls }: DoorSecrets): Server | TlsServer {
  const limits = {
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 8_192,
  }
  const server =
    tls === null
      ? createHttpServer(limits)
      : createHttpsServer({
          ...limits,
          cert: tls.certificate,
          key: tls.key,
          minVersion: 'TLSv1.2',
          handshakeTimeout: 5_000,
        })
  server.maxConnections = maxConnections
  server.maxRequestsPerSocket = 100
  server.timeout = 20_000
  const open = new Map<string, number>()
  server.on('connection', (socket) => {
    const from = socket.remoteAddress ?? ''
    const count = (open.get(from) ?? 0) + 1
    open.set(from, count)
    socket.once('close', () => {
      const left = open.get(from)! - 1
      if (left === 0) open.delete(from)
      else open.set(from, left)
    })
    if (count > maxOfOneAddress) socket.destroy()
  })
  return server
}

function listen(
  server: Server | TlsServer,
  { address, port }: { address: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`cannot listen at ${address} port ${port}: ${error.message}`)),
    )
    // ipv6Only, so that both families can be listed side by side.
    server.listen({ host: address, port, ipv6Only: true, backlog: 128 }, () => resolve())
  })
}

/** Throws unless it is gone for good. */
function dropPrivilege({ uid, gid }: { uid: number; gid: number }): void {
  process.setgroups!([gid])
  process.setgid!(gid)
  process.setuid!(uid)
  let regained = true
  try {
    process.setuid!(0)
  } catch {
    regained = false
  }
  if (regained || process.getuid!() !== uid || process.getgid!() !== gid)
    throw new Error('the privilege could not be dropped')
}

const printEndpoint = ({ address, port }: AddressInfo): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
