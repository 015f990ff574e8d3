/**
 * The way between the two ends of a flow, through the host: what the client sends, and what of it comes to the server,
 * changed or not; and back. A far end answers what it saw, so translated addresses are followed by themselves.
 *
 * The server is found out by the first packet: the host itself, where it is delivered, or a far end on the link by
 * which it leaves.
 */
import { lengthOfMask, prefixContains, printAddress, sameAddress } from '../../net/address.ts'
import * as tcp from '../../net/headers/tcp.ts'
import { frameOfPacket } from '../frame.ts'
import type { Action, HostConfig, StepResult } from '../scenario.ts'
import type { Opening } from './line.ts'
import type { FlowOutcome, PacketName } from './outcome.ts'
import { type End, readSent, type Seen, type Way } from './packets.ts'

/** A line got no further. */
export class Stuck extends Error {
  readonly outcome: FlowOutcome
  readonly at: PacketName

  constructor(outcome: FlowOutcome, at: PacketName, why: string) {
    super(why)
    this.outcome = outcome
    this.at = at
  }
}

/** Runs one packet, or one doing of a local socket, and remembers what came of it. */
export type Play = (name: PacketName, action: Action) => Promise<StepResult>

/** Ids of the packets that played ends send count up, over all flows of a case. */
export interface Ids {
  next(): number
}

/** How a far end stands to the host. */
interface FarEnd {
  readonly device: string
  readonly mac: Uint8Array
  /** Whom it takes for the client, and for itself. */
  readonly client: End
  readonly self: End
}

/** What came to the other side. */
export interface Arrival {
  /** The packet as a far end sees it; null where the host took it. */
  readonly seen: Seen | null
  /** What the host sent to the client meanwhile. */
  readonly answers: readonly Seen[]
  readonly result: StepResult
}

/** A connection that a SYN proxy opens to the server: its SYN as a far end sees it; null where the host takes it. */
export interface Opened {
  readonly seen: Seen | null
  readonly result: StepResult
}

const pastTheProxy =
  'it goes past the SYN proxy that greeted it; SYNPROXY must see it as INVALID, ' +
  'for which the sysctl net.netfilter.nf_conntrack_tcp_loose has to be 0'

const { syn, ack, rst } = tcp.flag

const isSyn = ({ kind, flags }: Seen): boolean => kind === 'tcp' && (flags & (syn | ack)) === syn
const isSynAck = ({ kind, flags }: Seen): boolean => kind === 'tcp' && (flags & (syn | ack)) === (syn | ack)
const isRefusal = ({ kind, flags }: Seen): boolean =>
  kind === 'error' || (kind === 'tcp' && (flags & rst) !== 0)

/** Bytes of a link header are no part of the MTU. */
const headerBytes = { ipv4: 40, ipv6: 60 }

export class Wire {
  readonly client: End
  /** Whom the client speaks to. */
  readonly remote: End
  readonly #host: HostConfig
  readonly #opening: Opening
  readonly #play: Play
  readonly #ids: Ids
  #far: FarEnd | null = null

  constructor(host: HostConfig, opening: Opening, sourcePort: number, play: Play, ids: Ids) {
    this.#host = host
    this.#opening = opening
    this.client = { address: opening.source, port: sourcePort }
    this.remote = { address: opening.destination, port: opening.destinationPort }
    this.#play = play
    this.#ids = ids
  }

  /** Whether the server is the host itself. Known once a packet came to it. */
  get servedByHost(): boolean {
    return this.#far === null
  }

  /** Bytes of the largest segment that the link of a side takes. */
  linkMss(side: 'client' | 'server'): number {
    const name = side === 'client' ? this.#opening.device : (this.#far?.device ?? null)
    const mtu = this.#host.interfaces.find((device) => device.name === name)?.mtu ?? 1500
    return mtu - headerBytes[this.client.address.family]
  }

  /** The client sends. Throws `Stuck` unless the packet comes to the server. */
  async toServer(name: PacketName, build: (way: Way) => Uint8Array): Promise<Arrival> {
    const { result, sent, answers } = await this.#fromClient(name, build)
    this.#throwIfStopped(name, result, answers)
    if (result.delivered) return { seen: null, answers, result }
    const seen = sent.find(({ kind }) => kind === this.#kindOf(name))
    if (seen === undefined) throw new Stuck('dropped', name, 'it was accepted, and did not leave')
    this.#serverIs(seen)
    return { seen, answers, result }
  }

  /**
   * The client sends its SYN. A SYN proxy may take it, and answer with a cookie: then that is what comes back.
   * Throws `Stuck` as `toServer`.
   */
  async open(build: (way: Way) => Uint8Array): Promise<Arrival | { readonly greeting: Seen }> {
    const { result, sent, answers } = await this.#fromClient('syn', build)
    const greeting = answers.find(isSynAck)
    const isTaken = !result.delivered && greeting !== undefined && !sent.some(isSyn)
    if (isTaken) return { greeting }
    this.#throwIfStopped('syn', result, answers)
    if (result.delivered) return { seen: null, answers, result }
    const seen = sent.find(isSyn)
    if (seen === undefined) throw new Stuck('dropped', 'syn', 'it was accepted, and did not leave')
    this.#serverIs(seen)
    return { seen, answers, result }
  }

  /** The client gives the cookie back, and the proxy opens a connection to the server. Throws `Stuck` where it does not. */
  async giveCookie(build: (way: Way) => Uint8Array): Promise<Opened> {
    const { result, sent, answers } = await this.#fromClient('ack', build)
    const seen = sent.find((one) => isSyn(one) && !this.#isForClient(one))
    if (seen !== undefined) this.#serverIs(seen)
    else if ((result.accepted ?? []).length === 0) {
      const isPast = result.verdict === 'accept'
      const why = isPast ? pastTheProxy : (result.why ?? 'the SYN proxy reaches no server')
      throw new Stuck(answers.some(isRefusal) ? 'refused' : 'dropped', 'ack', why)
    }
    return { seen: seen ?? null, result }
  }

  /** The far end answers the proxy, which tells the client. Throws `Stuck` where it does not. */
  async answerProxy(build: (way: Way) => Uint8Array): Promise<void> {
    const { result, sent } = await this.#fromFar('syn-ack', build)
    if (sent.some((seen) => this.#isForClient(seen) && seen.kind === 'tcp' && !isRefusal(seen))) return
    throw new Stuck('unanswered', 'syn-ack', result.why ?? 'the SYN proxy does not tell the client')
  }

  async #fromClient(name: PacketName, build: (way: Way) => Uint8Array) {
    const { device, mark, ttl, tos, uid, gid } = this.#opening
    const packet = build({ from: this.client, to: this.remote, ttl, tos, id: this.#ids.next() })
    const result = await this.#play(
      name,
      device === null
        ? { kind: 'send', packet, socket: { uid, gid }, mark }
        : { kind: 'receive', device, frame: frameOfPacket(this.#host, device, packet, null), mark },
    )
    const sent = result.sent.flatMap((frame) => readSent(frame) ?? [])
    return { result, sent, answers: sent.filter((seen) => this.#isForClient(seen)) }
  }

  #serverIs(seen: Seen): void {
    this.#far = {
      device: seen.device,
      mac: seen.frame.slice(0, 6),
      client: seen.source,
      self: seen.destination,
    }
  }

  /** The far end sends. Throws `Stuck` unless the packet comes to the client. */
  async toClient(name: PacketName, build: (way: Way) => Uint8Array): Promise<Arrival> {
    const { device, self } = this.#far!
    const { result, sent } = await this.#fromFar(name, build)
    const isForServer = (seen: Seen) =>
      seen.device === device && sameAddress(seen.destination.address, self.address)
    this.#throwIfStopped(name, result, sent.filter(isForServer))
    if (this.#opening.device === null) {
      if (!result.delivered)
        throw new Stuck('unanswered', name, 'the answer goes to somebody else than the host')
      return { seen: null, answers: [], result }
    }
    const seen = sent.find((one) => this.#isForClient(one))
    if (seen === undefined)
      throw new Stuck('unanswered', name, 'the answer goes to somebody else than the client')
    if (!sameAddress(seen.source.address, this.remote.address) || seen.source.port !== this.remote.port) {
      const speaker = printAddress(seen.source.address)
      throw new Stuck(
        'unanswered',
        name,
        `the answer comes from ${speaker}, to which the client did not speak`,
      )
    }
    return { seen, answers: [], result }
  }

  async #fromFar(name: PacketName, build: (way: Way) => Uint8Array) {
    const { device, mac, client, self } = this.#far!
    const packet = build({ from: self, to: client, ttl: 64, tos: 0, id: this.#ids.next() })
    if (this.#isOnLink(device, client)) {
      const why = `${printAddress(self.address)} answers ${printAddress(client.address)} on their own link, past the host`
      throw new Stuck('unanswered', name, why)
    }
    const frame = frameOfPacket(this.#host, device, packet, mac)
    const result = await this.#play(name, { kind: 'receive', device, frame, mark: 0 })
    return { result, sent: result.sent.flatMap((one) => readSent(one) ?? []) }
  }

  /** A local socket does something; what it sends to the client is the answer. */
  async fromSocket(name: PacketName, action: Extract<Action, { kind: 'socket' }>): Promise<readonly Seen[]> {
    const result = await this.#play(name, action)
    return result.sent.flatMap((frame) => readSent(frame) ?? []).filter((seen) => this.#isForClient(seen))
  }

  #throwIfStopped(name: PacketName, result: StepResult, back: readonly Seen[]): void {
    const { verdict } = result
    const why = result.why ?? `verdict ${verdict}`
    if (verdict === 'reject' || back.some(isRefusal)) throw new Stuck('refused', name, why)
    if (verdict !== 'accept') throw new Stuck('dropped', name, why)
  }

  #kindOf(name: PacketName): Seen['kind'] {
    if (this.#opening.kind !== 'ping') return this.#opening.kind
    return name === 'echo-request' ? 'echo-request' : 'echo-reply'
  }

  #isForClient({ device, destination, kind }: Seen): boolean {
    const isHere = device === this.#opening.device && sameAddress(destination.address, this.client.address)
    return isHere && (kind === 'error' || destination.port === this.client.port)
  }

  /** Neighbours speak to each other without asking the host. */
  #isOnLink(deviceName: string, { address }: End): boolean {
    const device = this.#host.interfaces.find(({ name }) => name === deviceName)
    return (device?.addresses ?? []).some(
      (prefix) =>
        prefix.address.family === address.family &&
        prefixContains(prefix, address) &&
        !sameAddress(prefix.address, address) &&
        (lengthOfMask(prefix.mask) ?? 0) < 32 * prefix.address.words.length,
    )
  }
}
