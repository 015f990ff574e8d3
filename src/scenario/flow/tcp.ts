/**
 * A TCP connection between two well-behaved ends: what is sent arrives in order or not at all, and nothing is sent
 * twice. Segments are as large as the smaller MSS; every second one, and the last, is acknowledged.
 *
 * Read first: RFC 9293 sections 3.5 and 3.6.
 */
import * as tcp from '../../net/headers/tcp.ts'
import type { Side } from './line.ts'
import type { PacketName } from './outcome.ts'
import { type Seen, type Segment, tcpPacket, type Way } from './packets.ts'
import { type Arrival, Stuck, type Wire } from './wire.ts'

const { syn, ack, fin, rst, psh } = tcp.flag
const segmentsPerAck = 2

export class TcpConversation {
  readonly #wire: Wire
  /** The next byte of each side. */
  #clientNext: number
  #serverNext: number
  /** What a SYN proxy adds to the server's numbers before the client sees them. */
  #shift = 0
  /** Bytes that a segment to the server, and to the client, may have. */
  #mssUp = 0
  #mssDown = 0
  /** As the host names it; null where the server is far. */
  #connection: string | null = null

  /** Initial sequence numbers; unsigned 32 bits. */
  constructor(wire: Wire, clientStart: number, serverStart: number) {
    this.#wire = wire
    this.#clientNext = clientStart
    this.#serverNext = serverStart
  }

  async connect(): Promise<void> {
    const wire = this.#wire
    const ownMss = wire.linkMss('client')
    const opening = await wire.open((way) =>
      tcpPacket(way, { flags: syn, sequence: this.#clientNext, acknowledgement: 0, mss: ownMss }),
    )
    this.#clientNext = next(this.#clientNext, 1)
    if ('greeting' in opening) {
      await this.#connectThroughProxy(opening.greeting)
      return
    }
    if (wire.servedByHost) {
      const answer = opening.answers.find(({ flags }) => (flags & (syn | ack)) === (syn | ack))
      if (answer === undefined) throw missing('syn-ack', opening)
      this.#serverNext = next(answer.sequence, 1)
      this.#mssUp = Math.min(ownMss, answer.mss ?? 536)
      const { result } = await this.#up('ack', { flags: ack })
      this.#connection = result.accepted?.[0] ?? null
      if (this.#connection === null)
        throw new Stuck('unanswered', 'ack', 'no local socket took the connection')
      return
    }
    const serverMss = wire.linkMss('server')
    this.#mssDown = Math.min(serverMss, opening.seen!.mss ?? 536)
    const answer = await this.#down('syn-ack', { flags: syn | ack, mss: serverMss })
    this.#serverNext = next(this.#serverNext, 1)
    this.#mssUp = Math.min(ownMss, answer.seen?.mss ?? serverMss)
    await this.#up('ack', { flags: ack })
  }

  /** `greeting`: the SYN-ACK with the proxy's cookie. */
  async #connectThroughProxy(greeting: Seen): Promise<void> {
    const wire = this.#wire
    const serverStart = this.#serverNext
    this.#mssUp = Math.min(wire.linkMss('client'), greeting.mss ?? 536)
    this.#shift = (greeting.sequence - serverStart) | 0
    this.#serverNext = next(serverStart, 1)
    const { seen, result } = await wire.giveCookie((way) => tcpPacket(way, this.#numbersUp({ flags: ack })))
    if (seen === null) {
      this.#connection = result.accepted![0]!
      return
    }
    const serverMss = wire.linkMss('server')
    this.#mssDown = Math.min(serverMss, seen.mss ?? 536)
    const answer = { sequence: serverStart, acknowledgement: this.#clientNext }
    await wire.answerProxy((way) => tcpPacket(way, { ...answer, flags: syn | ack, mss: serverMss }))
  }

  async request(payload: Uint8Array): Promise<void> {
    const segments = segmentsOf(payload, this.#mssUp)
    for (const [at, segment] of segments.entries()) {
      const isLast = at === segments.length - 1
      const arrival = await this.#up('request', { flags: isLast ? psh | ack : ack, payload: segment })
      this.#clientNext = next(this.#clientNext, segment.length)
      if (this.#connection !== null) {
        if (arrival.answers.length === 0) throw missing('ack', arrival)
      } else if (isLast || (at + 1) % segmentsPerAck === 0) await this.#down('ack', { flags: ack })
    }
  }

  async response(payload: Uint8Array): Promise<void> {
    if (this.#connection !== null) return this.#responseOfHost(this.#connection, payload)
    const segments = segmentsOf(payload, this.#mssDown)
    for (const [at, segment] of segments.entries()) {
      const isLast = at === segments.length - 1
      await this.#down('response', { flags: isLast ? psh | ack : ack, payload: segment })
      this.#serverNext = next(this.#serverNext, segment.length)
      if (isLast || (at + 1) % segmentsPerAck === 0) await this.#up('ack', { flags: ack })
    }
  }

  async #responseOfHost(connection: string, payload: Uint8Array): Promise<void> {
    const waiting = [
      ...(await this.#wire.fromSocket('response', { kind: 'socket', connection, does: 'send', payload })),
    ]
    let missingBytes = payload.length
    while (missingBytes > 0) {
      const segments = waiting.splice(0, segmentsPerAck)
      if (segments.length === 0)
        throw new Stuck('dropped', 'response', 'what the host answers does not leave')
      for (const { dataLength } of segments) {
        this.#serverNext = next(this.#serverNext, dataLength)
        missingBytes -= dataLength
      }
      const { answers } = await this.#up('ack', { flags: ack })
      waiting.push(...answers.filter(({ dataLength }) => dataLength > 0))
    }
  }

  async close(by: Side): Promise<void> {
    if (by === 'client') {
      await this.#finUp()
      await this.#finDown()
    } else {
      await this.#finDown()
      await this.#finUp()
    }
  }

  async #finUp(): Promise<void> {
    const arrival = await this.#up('fin', { flags: fin | ack })
    this.#clientNext = next(this.#clientNext, 1)
    if (this.#connection === null) await this.#down('ack', { flags: ack })
    else if (arrival.answers.length === 0) throw missing('ack', arrival)
  }

  async #finDown(): Promise<void> {
    const connection = this.#connection
    if (connection === null) await this.#down('fin', { flags: fin | ack })
    else await this.#bySocket('fin', connection, 'close', fin)
    this.#serverNext = next(this.#serverNext, 1)
    await this.#up('ack', { flags: ack })
  }

  async reset(by: Side): Promise<void> {
    if (by === 'client') await this.#up('rst', { flags: rst | ack })
    else if (this.#connection === null) await this.#down('rst', { flags: rst | ack })
    else await this.#bySocket('rst', this.#connection, 'abort', rst)
  }

  async #bySocket(
    name: PacketName,
    connection: string,
    does: 'close' | 'abort',
    flag: number,
  ): Promise<void> {
    const payload = new Uint8Array(0)
    const answers = await this.#wire.fromSocket(name, { kind: 'socket', connection, does, payload })
    const has = ({ flags }: Seen): boolean => (flags & flag) !== 0
    if (!answers.some(has)) throw new Stuck('dropped', name, 'what the host answers does not leave')
  }

  /** From the client. */
  #up(name: PacketName, segment: Partial<Segment> & { flags: number }): Promise<Arrival> {
    return this.#wire.toServer(name, (way: Way) => tcpPacket(way, this.#numbersUp(segment)))
  }

  #numbersUp(segment: Partial<Segment> & { flags: number }): Segment {
    const acknowledgement = next(this.#serverNext, this.#shift)
    return { sequence: this.#clientNext, acknowledgement, ...segment }
  }

  /** From a far server. */
  #down(name: PacketName, segment: Partial<Segment> & { flags: number }): Promise<Arrival> {
    const numbers = { sequence: this.#serverNext, acknowledgement: this.#clientNext }
    return this.#wire.toClient(name, (way: Way) => tcpPacket(way, { ...numbers, ...segment }))
  }
}

const next = (sequence: number, bytes: number): number => (sequence + bytes) >>> 0

function segmentsOf(payload: Uint8Array, mss: number): Uint8Array[] {
  const segments: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += mss) segments.push(payload.subarray(at, at + mss))
  return segments
}

/** The host took a packet and no answer of the kind came. */
export function missing(name: PacketName, { result }: Arrival): Stuck {
  return result.accepted === undefined
    ? new Stuck('unanswered', name, 'it is delivered, and the host is given no "sockets:" that would answer')
    : new Stuck('dropped', name, 'what the host answers does not leave')
}
