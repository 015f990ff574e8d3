/** UDP exchanges and pings: one packet there, one back. */
import { echoPacket, type Seen, udpPacket } from './packets.ts'
import { missing } from './tcp.ts'
import { type Arrival, Stuck, type Wire } from './wire.ts'

export class UdpConversation {
  readonly #wire: Wire
  /** As the host names whom its socket heard; null where the server is far. */
  #peer: string | null = null

  constructor(wire: Wire) {
    this.#wire = wire
  }

  async request(payload: Uint8Array): Promise<void> {
    const { result } = await this.#wire.toServer('request', (way) => udpPacket(way, payload))
    this.#peer = result.accepted?.[0] ?? null
  }

  async response(payload: Uint8Array): Promise<void> {
    if (!this.#wire.servedByHost) {
      await this.#wire.toClient('response', (way) => udpPacket(way, payload))
      return
    }
    if (this.#peer === null) throw new Stuck('unanswered', 'response', 'no local socket heard the request')
    const action = { kind: 'socket', connection: this.#peer, does: 'send', payload } as const
    const answers = await this.#wire.fromSocket('response', action)
    if (answers.length === 0) throw new Stuck('dropped', 'response', 'what the host answers does not leave')
  }
}

export class PingConversation {
  readonly #wire: Wire
  #sequence = 0

  /** The wire's client has the id as its port. */
  constructor(wire: Wire) {
    this.#wire = wire
  }

  async ping(): Promise<void> {
    const sequence = ++this.#sequence
    const build = (what: 'request' | 'reply', id: number) => (way: Parameters<typeof echoPacket>[0]) =>
      echoPacket(way, what, id, sequence)
    const arrival: Arrival = await this.#wire.toServer(
      'echo-request',
      build('request', this.#wire.client.port),
    )
    if (arrival.seen !== null) {
      await this.#wire.toClient('echo-reply', build('reply', arrival.seen.source.port))
      return
    }
    const isReply = ({ kind }: Seen): boolean => kind === 'echo-reply'
    if (!arrival.answers.some(isReply)) throw missing('echo-reply', arrival)
  }
}
