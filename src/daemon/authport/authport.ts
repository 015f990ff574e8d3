/** Starts both halves of the auth port, brings them together, and watches over them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { peerReader } from '../../linux/peer.ts'
import { UnavailableError } from '../../linux/unavailable.ts'
import { printPrefix } from '../../net/address.ts'
import type { DoorEvent } from './door.ts'
import type { DoorSecrets, DoorStart, FromDoor, ToDoor } from './door-process.ts'
import { Keeper, type ListKeeper } from './keeper.ts'
import { serveKeeper } from './line-protocol.ts'
import type { AuthportSettings } from './settings.ts'
import { parseUsers } from './users.ts'

export interface AuthportParts {
  readonly settings: AuthportSettings
  /** The command line of the door's process. */
  readonly doorCommand: readonly [string, ...string[]]
  /** Where the keeper notes whom it has put in. */
  readonly folder: string
  /** False: the lists are left alone, and what would be done is told. */
  readonly enforce: boolean
  readonly nowMs: () => number
  readonly tell: (event: DoorEvent) => void
  /** What is no event of a caller's. */
  readonly say: (message: string) => void
}

export interface RunningAuthport {
  /** Where it listens. */
  readonly listening: readonly string[]
  /** Reads users and certificate anew; what is wrong is said, and the old ones stay. */
  renew(): void
  /** Takes everybody out. */
  stop(): Promise<void>
}

const expiryMs = 250
const repairMs = 5_000
const restartMs = 1_000

/** Throws `UnavailableError` for what the machine lacks, an `Error` for what cannot be read. */
export async function startAuthport(parts: AuthportParts): Promise<RunningAuthport> {
  const { settings, folder, enforce, say } = parts
  const account = process.getuid?.() === 0 ? accountOf(settings.account) : null
  readSecrets(settings)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keeper = enforce ? await realKeeper(parts) : watchingKeeper(say)
  // A name in no folder: the door, without privilege, could not come to one of root's.
  const socket = `\0postern-authport-${randomBytes(12).toString('hex')}`
  let door: ChildProcess | null = null
  const server = await listenForDoor(socket, keeper, account, () => door?.pid ?? null)
  let stopped = false
  const begin = async (): Promise<readonly string[]> => {
    door = spawnDoor(parts.doorCommand)
    const ended = new Promise<void>((resolve) => void door!.once('exit', () => resolve()))
    void ended.then(async () => {
      if (keeper instanceof Keeper) await keeper.closeAll()
      if (stopped) return
      say('the door has gone, everybody is out; it is started anew')
      await pause(restartMs)
      if (!stopped) await begin().catch((error: Error) => say(`the door cannot be started: ${error.message}`))
    })
    return startDoor(door, startMessage(settings, socket, account), parts)
  }
  const listening = await begin().catch(async (error) => {
    stopped = true
    door?.kill()
    server.close()
    throw error
  })
  const timers =
    keeper instanceof Keeper
      ? [setInterval(() => void keeper.expire(), expiryMs), setInterval(() => void keeper.repair(), repairMs)]
      : []
  return {
    listening,
    renew: () => renew(settings, door, say),
    async stop() {
      stopped = true
      for (const timer of timers) clearInterval(timer)
      const running = door
      if (running !== null && running.exitCode === null) {
        const ended = new Promise((resolve) => running.once('exit', resolve))
        running.kill()
        await ended
      }
      server.close()
      if (keeper instanceof Keeper) await keeper.closeAll()
    },
  }
}

async function realKeeper({ settings, folder, nowMs, say }: AuthportParts): Promise<Keeper> {
  const keeper = new Keeper({
    lists: settings.lists,
    longestSeconds: settings.sessionSeconds,
    grantsFile: join(folder, 'grants'),
    nowMs,
    complain: say,
  })
  await keeper.start()
  return keeper
}

const watchingKeeper = (say: (message: string) => void): ListKeeper => ({
  put: async (list, address, seconds) => say(`would put ${address} into ${list} for ${seconds} seconds`),
  take: async (list, address) => say(`would take ${address} out of ${list}`),
})

/** Only the door's process, under its account, is listened to. */
async function listenForDoor(
  name: string,
  keeper: ListKeeper,
  account: { readonly uid: number; readonly gid: number } | null,
  doorPid: () => number | null,
): Promise<Server> {
  const peerOf = await peerReader()
  const uid = account?.uid ?? process.getuid?.()
  const server = serveKeeper(keeper, (socket) => {
    const peer = peerOf(socket)
    return peer !== null && peer.pid === doorPid() && peer.uid === uid
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(name, resolve)
  })
  return server
}

/** With nothing of our environment but what it needs. */
function spawnDoor([program, ...args]: readonly [string, ...string[]]): ChildProcess {
  const { PATH = '/usr/bin:/bin', TZ } = process.env
  return spawn(program, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH, ...(TZ !== undefined && { TZ }) },
    cwd: '/',
  })
}

function startMessage(settings: AuthportSettings, socket: string, account: DoorStart['account']): DoorStart {
  return {
    kind: 'start',
    settings: { ...settings, proxies: settings.proxies.map(printPrefix) },
    maxAddresses: settings.maxSessions ?? kernelListLength(),
    secrets: readSecrets(settings),
    socket,
    account,
  }
}

/** Answers where it listens. */
function startDoor(
  door: ChildProcess,
  start: DoorStart,
  { tell }: AuthportParts,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    door.once('error', reject)
    door.once('exit', (status) =>
      reject(new UnavailableError(`the door's process ended with status ${status}`)),
    )
    door.on('message', (message: FromDoor) => {
      if (message.kind === 'ready') resolve(message.listening)
      else if (message.kind === 'unable') reject(new UnavailableError(message.message))
      else tell(message.event)
    })
    door.send(start satisfies ToDoor)
  })
}

function renew(settings: AuthportSettings, door: ChildProcess | null, say: (message: string) => void): void {
  try {
    door?.send({ kind: 'secrets', secrets: readSecrets(settings) } satisfies ToDoor)
    say('users and certificate read anew')
  } catch (error) {
    say(`the old users and certificate stay: ${(error as Error).message}`)
  }
}

/** Throws what keeps them from being read. */
function readSecrets({ usersFile, tls }: AuthportSettings): DoorSecrets {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      const hint = path === usersFile ? 'postern authport user add NAME' : null
      throw new UnavailableError(`there is no ${path}`, hint)
    }
  }
  const users = read(usersFile)
  parseUsers(users)
  return {
    users,
    tls: tls === null ? null : { certificate: read(tls.certificate), key: read(tls.key) },
  }
}

/** From /etc/passwd, or a number. Throws `UnavailableError` for root and for who is not there. */
function accountOf(name: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((each) => each.split(':'))
    .find(([user, , uid]) => user === name || uid === name)
  const [uid, gid] = [Number(line?.[2]), Number(line?.[3])]
  if (line === undefined) throw new UnavailableError(`there is no account "${name}" in /etc/passwd`)
  if (uid === 0)
    throw new UnavailableError('the process that faces the network must not be root', 'user: nobody')
  return { uid, gid }
}

/** How many addresses a list keeps before it drops the oldest (xt_recent's `ip_list_tot`). */
function kernelListLength(): number {
  try {
    return Number(readFileSync('/sys/module/xt_recent/parameters/ip_list_tot', 'utf8')) || 100
  } catch {
    return 100
  }
}
