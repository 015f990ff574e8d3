/**
 * Real listening sockets of the kernel, in the host's namespace: what `sockets:` of a scenario asks for.
 *
 * A socket for each address and family, so that it is known which address was spoken to. They acknowledge at once
 * (TCP_QUICKACK around each step's packet), and whatever arrives is read. Between steps they are silent:
 * a priority marks what they would send again then, and the helper table drops it.
 */
import type { HostConfig } from '../../engine/config.ts'
import { printEnd, type SocketConfig } from '../../engine/sockets/config.ts'
import { type Address, addressOf, parseAddress } from '../../net/address.ts'
import { EAGAIN, type Libc, must, O_CLOEXEC, O_NONBLOCK } from '../_libc.ts'
import { gatePriority } from './_helper-table.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_PRIORITY = 12
const SO_LINGER = 13
const SO_BINDTODEVICE = 25
const SO_SNDBUFFORCE = 32
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const TCP_QUICKACK = 12
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const SHUT_WR = 1
const backlog = 4096
const sendBuffer = 64 << 20

interface Listener {
  readonly socket: SocketConfig
  readonly descriptor: number
  /** Null for the one that hears what goes to many. */
  readonly address: Address | null
}

interface Peer {
  readonly descriptor: number
  /** Of a datagram's sender, to answer it; null for TCP. */
  readonly to: Buffer | null
}

const received = Buffer.alloc(1 << 17)

export class LabSockets {
  readonly #libc: Libc
  readonly #listeners: Listener[] = []
  /** By the name that `StepResult.accepted` gives them. */
  readonly #peers = new Map<string, Peer>()
  #isClosed = false

  /** Preconditions: inside the namespace, addresses in place. */
  constructor(libc: Libc, { sockets, interfaces }: HostConfig) {
    this.#libc = libc
    const own = [
      ...interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
      ...loopback,
    ]
    try {
      for (const socket of sockets ?? []) {
        for (const address of placesOf(socket, own)) this.#listen(socket, address)
      }
      this.#setPriorities(gatePriority)
    } catch (error) {
      this.close()
      throw error
    }
  }

  #listen(socket: SocketConfig, [address, isAny]: readonly [Address, boolean]): void {
    const libc = this.#libc
    const isTcp = socket.protocol === 'tcp'
    const domain = address.family === 'ipv4' ? AF_INET : AF_INET6
    const type = (isTcp ? SOCK_STREAM : SOCK_DGRAM) | O_CLOEXEC | O_NONBLOCK
    const descriptor = asOwner(libc, socket, () => must(libc.socket(domain, type, 0), 'open a socket'))
    this.#listeners.push({ socket, descriptor, address: isAny ? null : address })
    const set = (level: number, name: number, value: number): void =>
      void must(libc.setsockopt(descriptor, level, name, int(value)), 'set up a socket')
    set(SOL_SOCKET, SO_REUSEADDR, 1)
    if (domain === AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1)
    if (socket.device !== null) {
      const name = Buffer.from(`${socket.device}\0`)
      must(
        libc.setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name),
        `bind a socket to ${socket.device}`,
      )
    }
    must(libc.bind(descriptor, socketAddress(address, socket.port)), `bind port ${socket.port}`)
    if (!isTcp) return
    set(IPPROTO_TCP, TCP_NODELAY, 1)
    set(SOL_SOCKET, SO_SNDBUFFORCE, sendBuffer)
    must(libc.listen(descriptor, backlog), `listen on port ${socket.port}`)
  }

  /** Runs a step's action, during which sockets may speak. */
  during<T>(action: () => T): T {
    this.#setPriorities(0)
    try {
      this.#acknowledge()
      return action()
    } finally {
      this.#setPriorities(gatePriority)
    }
  }

  /** Behind the step's packet: what came is read, and acknowledgements that would wait for more are sent. */
  settle(): void {
    for (const { descriptor, to } of this.#peers.values()) if (to === null) this.#drain(descriptor)
    this.#acknowledge()
  }

  #acknowledge(): void {
    for (const { descriptor, to } of this.#peers.values()) {
      if (to === null) this.#libc.setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, int(1))
    }
  }

  #setPriorities(priority: number): void {
    const value = int(priority)
    for (const { descriptor } of this.#listeners)
      this.#libc.setsockopt(descriptor, SOL_SOCKET, SO_PRIORITY, value)
    for (const { descriptor, to } of this.#peers.values()) {
      if (to === null) this.#libc.setsockopt(descriptor, SOL_SOCKET, SO_PRIORITY, value)
    }
  }

  /**
   * Connections and datagrams that came since the last call, by name.
   * `destination`: of the step's packet, for datagrams that went to many.
   */
  take(destination: Address | null): string[] {
    const accepted: string[] = []
    for (const listener of this.#listeners) {
      for (;;) {
        const name =
          listener.socket.protocol === 'tcp' ? this.#accept(listener) : this.#hear(listener, destination)
        if (name === null) break
        accepted.push(name)
      }
    }
    return accepted
  }

  #accept({ socket, descriptor }: Listener): string | null {
    const libc = this.#libc
    const remote = Buffer.alloc(28)
    const accepted = asOwner(libc, socket, () => libc.accept(descriptor, remote, O_CLOEXEC | O_NONBLOCK))
    if (accepted < 0) return null
    const local = Buffer.alloc(28)
    must(libc.getsockname(accepted, local), 'ask for the address of a socket')
    const name = nameOf('tcp', local, remote)
    const old = this.#peers.get(name)
    if (old !== undefined) libc.close(old.descriptor)
    this.#peers.set(name, { descriptor: accepted, to: null })
    libc.setsockopt(accepted, SOL_SOCKET, SO_PRIORITY, int(gatePriority))
    this.#drain(accepted)
    return name
  }

  #hear({ socket, descriptor, address }: Listener, destination: Address | null): string | null {
    const remote = Buffer.alloc(28)
    if (this.#libc.recvfrom(descriptor, received, remote) < 0) return null
    const spokenTo = address ?? destination
    if (spokenTo === null) return null
    const name = nameOf('udp', socketAddress(spokenTo, socket.port), remote)
    this.#peers.set(name, { descriptor, to: remote })
    return name
  }

  #drain(descriptor: number): void {
    while (this.#libc.recv(descriptor, received, 0) > 0);
  }

  /** Returns why it cannot be done, or null. */
  use(name: string, does: 'send' | 'close' | 'abort', payload: Uint8Array): string | null {
    const peer = this.#peers.get(name)
    if (peer === undefined) return 'the connection is gone'
    const libc = this.#libc
    const { descriptor, to } = peer
    if (to !== null) {
      const size = to.readUInt16LE(0) === AF_INET ? 16 : 28
      return does === 'send' ? refusal(libc.sendto(descriptor, payload, 0, to.subarray(0, size))) : null
    }
    if (does === 'send') {
      const written = libc.write(descriptor, payload)
      return written === -EAGAIN ? 'the socket takes no more' : refusal(written)
    }
    if (does === 'close') return refusal(libc.shutdown(descriptor, SHUT_WR))
    libc.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, Buffer.concat([int(1), int(0)]))
    this.#peers.delete(name)
    return refusal(libc.close(descriptor))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { descriptor, to } of this.#peers.values()) if (to === null) this.#libc.close(descriptor)
    for (const { descriptor } of this.#listeners) this.#libc.close(descriptor)
  }
}

const loopback = [parseAddress('127.0.0.1')!, parseAddress('::1')!]
const anyAddress = { ipv4: parseAddress('0.0.0.0')!, ipv6: parseAddress('::')! }

/** Where to bind, and whether that is "any". UDP on any address takes each by itself, and the rest together. */
function placesOf(
  { protocol, address, family }: SocketConfig,
  own: readonly Address[],
): [Address, boolean][] {
  if (address !== null) return [[address, false]]
  return (['ipv4', 'ipv6'] as const)
    .filter((one) => family === null || family === one)
    .flatMap((one): [Address, boolean][] => [
      [anyAddress[one], true],
      ...(protocol === 'udp' ? own.filter((each) => each.family === one) : []).map(
        (each): [Address, boolean] => [each, false],
      ),
    ])
}

/** Files belong to whoever the file system sees this thread as; `owner` looks there. */
function asOwner<T>(libc: Libc, { uid, gid }: SocketConfig, action: () => T): T {
  const group = libc.setfsgid(gid)
  const user = libc.setfsuid(uid)
  try {
    return action()
  } finally {
    libc.setfsuid(user)
    libc.setfsgid(group)
  }
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const refusal = (result: number): string | null => (result < 0 ? 'the connection is gone' : null)

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress({ family, words }: Address, port: number): Buffer {
  const isFour = family === 'ipv4'
  const bytes = Buffer.alloc(isFour ? 16 : 28)
  bytes.writeUInt16LE(isFour ? AF_INET : AF_INET6, 0)
  bytes.writeUInt16BE(port, 2)
  for (const [at, word] of words.entries()) bytes.writeUInt32BE(word, (isFour ? 4 : 8) + 4 * at)
  return bytes
}

function nameOf(protocol: string, local: Buffer, remote: Buffer): string {
  return `${protocol} ${endText(local)} < ${endText(remote)}`
}

function endText(address: Buffer): string {
  const isFour = address.readUInt16LE(0) === AF_INET
  const words = isFour ? [address.readUInt32BE(4)] : [8, 12, 16, 20].map((at) => address.readUInt32BE(at))
  return printEnd(addressOf(isFour ? 'ipv4' : 'ipv6', words), address.readUInt16BE(2))
}
