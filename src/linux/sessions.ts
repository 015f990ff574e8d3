/**
 * Where the administrator sits: far ends of SSH connections that a process of root descends from and that are still
 * open. A guard that bans them locks out the one who could lift the ban.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../guard/decide/index.ts'
import { printAddress } from '../net/address.ts'
import { connectionOf, openSockets } from './ssh-sessions.ts'

/** How long an answer is good for, in milliseconds. */
const freshMs = 5_000

/** Answers whether an address is at the far end of an administrator's session. */
export function sessionWatcher(now: () => number): (address: string) => boolean {
  let known = new Set<string>()
  let readMs = Number.NEGATIVE_INFINITY
  return (address) => {
    if (readMs + freshMs <= now()) {
      readMs = now()
      known = administratorSessions()
    }
    return known.has(address)
  }
}

/** Addresses of this machine, loopback included. */
export const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((found) =>
    (found ?? []).map(({ address }) => address.split('%')[0]!),
  )

export function administratorSessions(): Set<string> {
  const open = openConnections()
  const found = new Set<string>()
  for (const pid of processesOfRoot()) {
    const [remote, remotePort, , localPort] = (sshConnection(pid) ?? '').split(' ')
    const address = canonicalAddress(remote ?? '')
    if (address !== null && open.has(`${address} ${remotePort} ${localPort}`)) found.add(address)
  }
  return found
}

function processesOfRoot(): string[] {
  return namesIn('/proc').filter((name) => /^\d+$/.test(name) && uidOf(name) === '0')
}

function uidOf(pid: string): string | undefined {
  return /^Uid:\s+\d+\s+(\d+)/m.exec(text(`/proc/${pid}/status`))?.[1]
}

/** SSH_CONNECTION of a process or of the nearest one that it descends from: `sudo` does not hand it on. */
function sshConnection(pid: string): string | null {
  for (let at = pid, depth = 0; at !== '0' && at !== '1' && depth < 20; depth++) {
    const variable = connectionOf(at)
    if (variable !== undefined) return variable
    at = /^PPid:\s+(\d+)/m.exec(text(`/proc/${at}/status`))?.[1] ?? '0'
  }
  return null
}

/** `REMOTE-ADDRESS REMOTE-PORT LOCAL-PORT` of every established TCP connection. */
const openConnections = (): Set<string> =>
  new Set(
    openSockets().map(
      ({ remote, remotePort, localPort }) => `${printAddress(remote)} ${remotePort} ${localPort}`,
    ),
  )

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
