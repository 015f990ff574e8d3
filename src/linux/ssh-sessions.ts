/**
 * SSH sessions into this machine: those that this process descends from, and those of other logins, by the socket table of
 * this network namespace.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { type Address, addressOf, parseAddress, printAddress, unmapped } from '../net/address.ts'

export interface SshSession {
  readonly remote: Address
  readonly remotePort: number
  readonly local: Address
  readonly localPort: number
  /** Whether this process runs in it. */
  readonly isOwn: boolean
}

/** A session as the packet notation writes it. */
export const printSession = ({ remote, remotePort, local, localPort }: Omit<SshSession, 'isOwn'>): string =>
  `${printEnd(remote, remotePort)} > ${printEnd(local, localPort)}`

/** `192.0.2.1:22`, `[2001:db8::1]:22` */
export const printEnd = (address: Address, port: number): string =>
  address.family === 'ipv6' ? `[${printAddress(address)}]:${port}` : `${printAddress(address)}:${port}`

/** Own sessions first. A session that is not open any more, or is no connection into this namespace, is left out. */
export function sshSessions(variable: string | undefined = process.env.SSH_CONNECTION): SshSession[] {
  const open = openSockets()
  const own = new Set(
    [variable, ...ancestors().map(connectionOf)].flatMap((text) => keyOfVariable(text) ?? []),
  )
  const others = new Set(processes().flatMap((pid) => keyOfVariable(connectionOf(pid)) ?? []))
  const ports = new Set([22, ...open.flatMap((each) => (others.has(keyOf(each)) ? [each.localPort] : []))])
  const sessions = open
    .filter((each) => own.has(keyOf(each)) || others.has(keyOf(each)) || ports.has(each.localPort))
    .map((each) => ({ ...each, isOwn: own.has(keyOf(each)) }))
  return sessions.sort((a, b) => Number(b.isOwn) - Number(a.isOwn))
}

export type OpenSocket = Omit<SshSession, 'isOwn'>

const keyOf = ({ remote, remotePort, local, localPort }: OpenSocket): string =>
  `${printAddress(remote)} ${remotePort} ${printAddress(local)} ${localPort}`

/** `REMOTE PORT LOCAL PORT`, addresses in one form. */
function keyOfVariable(text: string | undefined): string | null {
  const [remote = '', remotePort = '', local = '', localPort = ''] = text?.trim().split(' ') ?? []
  const [far, near] = [parseAddress(plain(remote)), parseAddress(plain(local))]
  if (far === null || near === null) return null
  return keyOf({
    remote: unmapped(far),
    remotePort: Number(remotePort),
    local: unmapped(near),
    localPort: Number(localPort),
  })
}

const plain = (address: string): string => address.replace(/%.*$/, '')

/** Established TCP connections. */
export function openSockets(): OpenSocket[] {
  return ['tcp', 'tcp6'].flatMap((table) =>
    text(`/proc/net/${table}`)
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local, remote, state] = line.trim().split(/\s+/)
        if (state !== '01' || local === undefined || remote === undefined) return []
        const [near, far] = [endOf(local), endOf(remote)]
        return [{ remote: far.address, remotePort: far.port, local: near.address, localPort: near.port }]
      }),
  )
}

/** Words of addresses are in the machine's byte order: little-endian on all that is supported. */
function endOf(text: string): { address: Address; port: number } {
  const [hex = '', port = ''] = text.split(':')
  const words = (hex.match(/.{8}/g) ?? []).map((word) =>
    Number.parseInt(word.match(/../g)!.reverse().join(''), 16),
  )
  const address = addressOf(words.length === 1 ? 'ipv4' : 'ipv6', words)
  return { address: unmapped(address), port: Number.parseInt(port, 16) }
}

/** SSH_CONNECTION of a process; `sudo` does not hand it on, so those above it are asked, too. */
export const connectionOf = (pid: string): string | undefined =>
  text(`/proc/${pid}/environ`)
    .split('\0')
    .find((entry) => entry.startsWith('SSH_CONNECTION='))
    ?.slice('SSH_CONNECTION='.length)

function ancestors(): string[] {
  const found: string[] = []
  let at = String(process.ppid)
  while (at !== '0' && at !== '' && found.length < 50) {
    found.push(at)
    at = /^PPid:\s+(\d+)/m.exec(text(`/proc/${at}/status`))?.[1] ?? '0'
  }
  return found
}

const processes = (): string[] => {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
