/**
 * What a capture shows of packets that leave a host, held against what the host of a replay lets out.
 *
 * A capture made on a gateway has a forwarded packet twice: where it came in and where it left. Only the first is
 * input. The second is recognized, whatever translation did to it, by what forwarding leaves alone, and then compared
 * with the frame that the replay sent.
 */
import type { SentFrame } from '../engine/outcome.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import type { LinkPayload } from '../net/link-payload.ts'
import { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { type RecentArrival, RecentArrivals } from './recent-arrivals.ts'

export type Departure =
  /** The replay let the very same packet out; `cause` is the number of the packet that came in. */
  | { readonly kind: 'same'; readonly cause: number; readonly frame: Uint8Array }
  /** It came in as packet `cause`, and leaves the replay in another form, or not at all (`frame` is null). */
  | { readonly kind: 'differs'; readonly cause: number; readonly frame: Uint8Array | null }
  /** Nothing that came in: the host sends it itself. */
  | { readonly kind: 'own' }

/** What forwarding leaves alone of a packet. */
export interface Marks {
  readonly protocol: number
  readonly key: string
  readonly id: string
}

export const marksOf = (packet: Packet): Marks => ({
  protocol: packet.protocol,
  key: keyOf(packet, packet.ttl - 1),
  id: idOf(packet, packet.ttl - 1),
})

/** A frame that only the replay let out, because of packet `number`. */
export interface Kept {
  readonly number: number
  readonly device: string
  readonly frame: Uint8Array
}

interface Sent {
  readonly device: string
  readonly frame: Uint8Array
  /** Offsets of the IP packet in the frame. */
  readonly from: number
  readonly to: number
  /** The host numbered it itself (an ICMP error, a RST), so its id is no other's. */
  readonly isGenerated: boolean
  readonly cause: number
  /** Where it stands in the index. */
  readonly key: string
  isSeen: boolean
}

interface Arrival {
  readonly number: number
  readonly atNs: bigint
  /** What it is found by. */
  readonly keys: readonly string[]
  readonly sent: readonly Sent[]
}

/** A frame, or a packet without a link header. */
export type ArrivedPayload = Exclude<LinkPayload, { kind: 'other' }>

/** `wireLength` as for `decodeFrame`. */
export function decodePayload(
  packet: Packet,
  payload: Pick<ArrivedPayload, 'kind' | 'bytes'>,
  wireLength: number,
): void {
  if (payload.kind === 'frame') decodeFrame(packet, payload.bytes, wireLength)
  else decodeIp(packet, payload.bytes)
}

/** How long a packet may take through a host. */
const patienceNs = 2_000_000_000n
/** Arrivals that are remembered at most, however many come in that time: more than wait in the queues of any device. */
const mostArrivals = 16384
/** Frames told of that were never seen leaving. */
const mostKept = 100

export class Departures {
  /** In the order of arrival; those before `#first` are forgotten. */
  #arrivals: Arrival[] = []
  #first = 0
  /** Number of the last arrival that is forgotten. */
  #forgotten = 0
  readonly #arrivalsByKey = new Index<Arrival>(({ number }) => number <= this.#forgotten)
  readonly #sentByKey = new Index<Sent>(({ isSeen, cause }) => isSeen || cause <= this.#forgotten)
  readonly #kept: Kept[] = []
  /** Devices that packets were seen leaving by. */
  readonly #devices = new Set<string>()
  readonly #scratch = new Packet()
  /** What came in before anything was seen leaving; null from then on. */
  #unseen: RecentArrivals | null = new RecentArrivals(mostArrivals)

  /**
   * Packet `number` came in, and the replay let `frames` out because of it. The bytes of both must stay. Most captures show
   * nothing leave, so what packets are found by is only looked at when the first one does.
   */
  arrive(
    number: number,
    atNs: bigint,
    payload: ArrivedPayload,
    wireLength: number,
    frames: readonly SentFrame[],
  ): void {
    if (this.#unseen !== null) {
      this.#unseen.add(number, atNs, payload, wireLength, frames)
      return
    }
    this.#forget(atNs)
    this.#enter({ number, atNs, payload, wireLength, frames })
  }

  #enter({ number, atNs, payload, wireLength, frames }: RecentArrival): void {
    decodePayload(this.#scratch, payload, wireLength)
    const marks = marksOf(this.#scratch)
    const keys = [marks.key, marks.id].filter(isTelling)
    const sent = frames.map(({ if: device, bytes }) => this.#describe(device, bytes, number, marks))
    const arrival: Arrival = { number, atNs, keys, sent }
    for (const one of sent) this.#sentByKey.add(one.key, one)
    for (const key of keys) this.#arrivalsByKey.add(key, arrival)
    this.#arrivals.push(arrival)
  }

  /** From the first packet on that leaves. */
  #index(): void {
    const arrivals = this.#unseen!
    this.#unseen = null
    for (const arrival of arrivals) this.#enter(arrival)
  }

  #describe(device: string, frame: Uint8Array, cause: number, marks: Marks): Sent {
    const packet = this.#scratch
    decodeFrame(packet, frame)
    const isGenerated = packet.protocol !== marks.protocol || idOf(packet, packet.ttl) !== marks.id
    return {
      ...{ device, frame, cause, isGenerated, isSeen: false },
      from: packet.networkOffset,
      to: packet.endOffset,
      key: `${device} ${keyOf(packet, packet.ttl, isGenerated)}`,
    }
  }

  /** A packet left by a device. */
  leave(device: string, atNs: bigint, packet: Packet): Departure {
    if (this.#unseen !== null) this.#index()
    this.#forget(atNs)
    this.#devices.add(device)
    const bytes = packet.bytes.subarray(packet.networkOffset, packet.endOffset)
    const key = keyOf(packet, packet.ttl)
    const found = [key, keyOf(packet, packet.ttl, true)]
      .map((each) => this.#sentByKey.find(`${device} ${each}`, (sent) => isSame(sent, bytes)))
      .find((sent) => sent !== null)
    if (found) {
      found.isSeen = true
      return { kind: 'same', cause: found.cause, frame: found.frame }
    }
    const arrival =
      this.#arrivalsByKey.find(key, () => true) ??
      this.#arrivalsByKey.find(idOf(packet, packet.ttl), () => true)
    if (arrival === null) return { kind: 'own' }
    const other = arrival.sent.find(({ isSeen, isGenerated }) => !isSeen && !isGenerated)
    if (other !== undefined) other.isSeen = true
    return { kind: 'differs', cause: arrival.number, frame: other?.frame ?? null }
  }

  /** Frames that the replay let out by a device that others were seen leaving by, and that were not seen; a hundred at most. */
  kept(): readonly Kept[] {
    const waiting = this.#arrivals.slice(this.#first).flatMap(({ sent }) => this.#waiting(sent))
    return [...this.#kept, ...waiting].slice(0, mostKept)
  }

  #waiting(sent: readonly Sent[]): Kept[] {
    return sent
      .filter(({ isSeen, device }) => !isSeen && this.#devices.has(device))
      .map(({ cause: number, device, frame }) => ({ number, device, frame }))
  }

  #forget(nowNs: bigint): void {
    for (
      let oldest = this.#arrivals[this.#first];
      oldest !== undefined;
      oldest = this.#arrivals[this.#first]
    ) {
      const isFull = this.#arrivals.length - this.#first > mostArrivals
      if (nowNs - oldest.atNs <= patienceNs && !isFull) break
      this.#first++
      this.#forgotten = oldest.number
      for (const key of oldest.keys) this.#arrivalsByKey.tidy(key)
      for (const frame of oldest.sent) this.#sentByKey.tidy(frame.key)
      if (this.#kept.length < mostKept) this.#kept.push(...this.#waiting(oldest.sent))
    }
    if (this.#first < 1024 || 2 * this.#first < this.#arrivals.length) return
    this.#arrivals = this.#arrivals.slice(this.#first)
    this.#first = 0
  }
}

const isTelling = (key: string): boolean => key !== ''

/**
 * Values by key, those of one key in the order in which they came. They go in that order, too, more or less, however many of
 * a key there are: a flood of equal packets must not make every packet look at all others.
 */
class Index<T> {
  readonly #isGone: (value: T) => boolean
  readonly #lines = new Map<string, { values: T[]; first: number }>()

  /** `isGone`: whether a value is of no more use. */
  constructor(isGone: (value: T) => boolean) {
    this.#isGone = isGone
  }

  add(key: string, value: T): void {
    const line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, { values: [value], first: 0 })
    else line.values.push(value)
  }

  /** The first that is of use and fits; null where none is. */
  find(key: string, fits: (value: T) => boolean): T | null {
    this.tidy(key)
    const { values = [], first = 0 } = this.#lines.get(key) ?? {}
    for (let at = first; at < values.length; at++) {
      const value = values[at]!
      if (!this.#isGone(value) && fits(value)) return value
    }
    return null
  }

  /** Lets go of what is gone at the beginning. */
  tidy(key: string): void {
    const line = this.#lines.get(key)
    if (line === undefined) return
    const { values } = line
    while (line.first < values.length && this.#isGone(values[line.first]!)) line.first++
    if (line.first === values.length) this.#lines.delete(key)
    else if (line.first > 32 && 2 * line.first > values.length) {
      values.splice(0, line.first)
      line.first = 0
    }
  }
}

/** Bytes of an IPv4 header that hold its id and its checksum. */
const ownBytes: readonly number[] = [4, 5, 10, 11]

function isSame({ frame, from, to, isGenerated }: Sent, bytes: Uint8Array): boolean {
  if (to - from !== bytes.length) return false
  const isFree = isGenerated && frame[from]! >>> 4 === 4
  for (let at = 0; at < bytes.length; at++) {
    if (frame[from + at] !== bytes[at] && !(isFree && ownBytes.includes(at))) return false
  }
  return true
}

/** Bytes of the transport header that translation may change: ports or ICMP id, and the checksum. */
const changeable: Readonly<Record<number, readonly (readonly [from: number, to: number])[]>> = {
  [ipProtocol.tcp]: [
    [0, 4],
    [16, 18],
  ],
  [ipProtocol.udp]: [
    [0, 4],
    [6, 8],
  ],
  [ipProtocol.udplite]: [
    [0, 4],
    [6, 8],
  ],
  [ipProtocol.icmp]: [[2, 6]],
  [ipProtocol.icmp6]: [[2, 6]],
  [ipProtocol.sctp]: [
    [0, 4],
    [8, 12],
  ],
}

const fnvBasis = 0x811c9dc5

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/. */
function hashOf(before: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = before
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash
}

/** What stays the same from arrival to departure, with the hops that it has left then. */
function keyOf(packet: Packet, ttl: number, withoutId = false): string {
  const { bytes, transportOffset: at, endOffset, protocol, fragmentOffset } = packet
  const gaps = fragmentOffset === 0 ? (changeable[protocol] ?? []) : []
  let hash = fnvBasis
  let from = at
  for (const [start, end] of gaps) {
    hash = hashOf(hash, bytes, from, Math.min(at + start, endOffset))
    from = at + end
  }
  hash = hashOf(hash, bytes, from, endOffset)
  return `${headOf(packet, ttl, withoutId)} ${endOffset - at} ${hash >>> 0}`
}

/** The number that the sender gave it; '' where it gave none. Helpers rewrite payloads, and this stays. */
const idOf = (packet: Packet, ttl: number): string =>
  packet.family === 'ipv4' && packet.id !== 0 && !isOfHost(packet) ? headOf(packet, ttl) : ''

/** ICMP errors quote what translation changes, and are numbered by whoever complains. */
const isOfHost = ({ protocol, fragmentOffset, bytes, transportOffset }: Packet): boolean =>
  protocol === ipProtocol.icmp && fragmentOffset === 0 && bytes[transportOffset]! === 3

const headOf = ({ family, protocol, id, fragmentOffset }: Packet, ttl: number, withoutId = false): string =>
  `${family} ${protocol} ${family === 'ipv6' || withoutId ? '-' : id} ${fragmentOffset} ${ttl}`
