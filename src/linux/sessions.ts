/**
 * Where the administrator sits: far ends of SSH connections that a process of root descends from and that are still
 * open. A guard that bans them locks out the one who could lift the ban.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../guard/decide/index.ts'
import { printAddress } from '../net/address.ts'

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
    const variable = text(`/proc/${at}/environ`)
      .split('\0')
      .find((entry) => entry.startsWith('SSH_CONNECTION='))
    if (variable !== undefined) return variable.slice('SSH_CONNECTION='.length)
    at = /^PPid:\s+(\d+)/m.exec(text(`/proc/${at}/status`))?.[1] ?? '0'
  }
  return null
}

/** `REMOTE-ADDRESS REMOTE-PORT LOCAL-PORT` of every established TCP connection. */
function openConnections(): Set<string> {
  const established = '01'
  const found = new Set<string>()
  for (const table of ['tcp', 'tcp6'])
    for (const line of text(`/proc/net/${table}`).split('\n').slice(1)) {
      const [, local, remote, state] = line.trim().split(/\s+/)
      if (state !== established || local === undefined || remote === undefined) continue
      const [address, port] = remote.split(':')
      const far = canonicalAddress(addressOfHex(address!)) ?? ''
      found.add(`${far} ${Number.parseInt(port!, 16)} ${Number.parseInt(local.split(':')[1]!, 16)}`)
    }
  return found
}

/** `/proc/net/tcp` prints 32-bit words in the machine's byte order: little-endian on all that is supported. */
function addressOfHex(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) =>
    Number.parseInt(word.match(/../g)!.reverse().join(''), 16),
  )
  return printAddress({ family: words.length === 1 ? 'ipv4' : 'ipv6', words })
}

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
