/** The packets of a knock, from this machine. */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { Family } from '../../net/address.ts'
import type { Knock, Service } from '../../recipe/parameter.ts'
import { ping } from './ping.ts'

/**
 * What became of a packet: `open` the port took it, `refused` the machine said that nobody listens (or a firewall did),
 * `silent` nothing came back in time.
 */
export type Answer = 'open' | 'refused' | 'silent'

export interface Target {
  /** Numeric; an IPv6 one of a link with its zone. */
  readonly address: string
  readonly family: Family
}

export interface Sent {
  /** Resolves with the answer, `silent` when it was let go before one came. */
  readonly answer: Promise<Answer>
  /** Stops waiting; nothing is sent again. */
  letGo(): void
}

/** Sends one packet. Resolves once it has left; throws an Error where it cannot leave: no route, no privilege. */
export async function send(target: Target, knock: Knock): Promise<Sent> {
  switch (knock.protocol) {
    case 'icmp': {
      const answered = await ping(target.address, target.family)
      return { answer: Promise.resolve(answered ? 'open' : 'silent'), letGo() {} }
    }
    case 'tcp':
      return sendSyn(target, knock)
    case 'udp':
      return sendDatagram(target, knock)
  }
}

/** What a machine says when nothing listens, or a firewall that rejects. */
const refusals = new Set(['ECONNREFUSED', 'ECONNRESET'])
/** Our own kernel, before anything left, or a router: nobody there. */
const unreachable = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EPERM', 'EADDRNOTAVAIL', 'EINVAL'])

/**
 * Begins a connection and does not wait for it. The kernel sends the SYN within the call; it would send it again after
 * a second, unless the socket is gone by then.
 */
async function sendSyn({ address, family }: Target, { port }: Service): Promise<Sent> {
  const socket: Socket = connect({ host: address, port, family: family === 'ipv4' ? 4 : 6 })
  let failure: NodeJS.ErrnoException | null = null
  const answer = new Promise<Answer>((resolve) => {
    socket.on('connect', () => resolve('open'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (refusals.has(error.code ?? '')) resolve('refused')
      else {
        if (unreachable.has(error.code ?? '')) failure = error
        resolve('silent')
      }
    })
    socket.on('close', () => resolve('silent'))
  })
  void answer.then(() => socket.destroy())
  // What the kernel refuses at once comes with the next turn.
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (failure !== null) throw failure as Error
  return { answer, letGo: () => void socket.destroy() }
}

/** One empty datagram. A connected socket hears of an ICMP error that comes back. */
async function sendDatagram({ address, family }: Target, { port }: Service): Promise<Sent> {
  const socket = createSocket(family === 'ipv4' ? 'udp4' : 'udp6')
  const answer = new Promise<Answer>((resolve) => {
    socket.on('message', () => resolve('open'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(refusals.has(code ?? '') ? 'refused' : 'silent'),
    )
    socket.on('close', () => resolve('silent'))
  })
  let isOpen = true
  const close = () => {
    if (isOpen) socket.close()
    isOpen = false
  }
  void answer.then(close)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, address, () => {
      socket.send(new Uint8Array(0), (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      )
    })
  })
  return { answer, letGo: close }
}
