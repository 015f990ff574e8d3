/**
 * Runs the packets of a capture through a host, one after the other.
 *
 * What came in is input, and so is what the host sent by itself. What the host forwarded or answered because of a
 * packet is in the capture a second time, as it left: that is not run, but held against what the replay let out.
 */
import type { HostConfig } from '../engine/config.ts'
import type { Host, PacketOptions } from '../engine/host.ts'
import type { Outcome, TraceSink } from '../engine/outcome.ts'
import { type Address, sameAddress } from '../net/address.ts'
import type { CaptureRecord } from '../net/capture-record.ts'
import { type LinkPayload, linkPayload } from '../net/link-payload.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { type Departure, Departures, decodePayload, type Kept } from './departures.ts'
import { frameOfPacket } from './frame.ts'
import { unnamedDevice } from './observe.ts'

export interface ReplayedPacket {
  /** From 1, as the capture's own tools count. */
  readonly number: number
  /** Nanoseconds since the first packet of the capture; never falls. */
  readonly atNs: bigint
  readonly record: CaptureRecord
  /** Whether the host itself sent it. */
  readonly isSent: boolean
  /**
   * Packet notation; '' where there is no outcome. Costs more than running the packet, and only answers until the
   * next packet is run.
   */
  describe(): string
  /**
   * Null for what no rule can see: ARP, an unknown link type, a frame cut off before its addresses; and for what leaves
   * because of a packet that came in before.
   */
  readonly outcome: Outcome | null
  /** Why there is no outcome. */
  readonly skipped: string | null
  /** Of a packet that leaves because another came in: how it compares with what the replay let out. */
  readonly departure: Exclude<Departure, { kind: 'own' }> | null
}

export class Replay {
  readonly #host: Host
  readonly #config: HostConfig
  readonly #packet = new Packet()
  /** By device. */
  readonly #macs: ReadonlyMap<string, Uint8Array>
  readonly #own: readonly Address[]
  /** The IPv4 addresses among them. */
  readonly #ownWords: ReadonlySet<number>
  readonly #departures = new Departures()
  #number = 0
  #startNs: bigint | null = null
  #nowNs = 0n

  constructor(host: Host, config: HostConfig) {
    this.#host = host
    this.#config = config
    this.#macs = new Map(config.interfaces.map(({ name, mac }) => [name, mac]))
    this.#own = config.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address))
    const ipv4 = this.#own.filter(({ family }) => family === 'ipv4')
    this.#ownWords = new Set(ipv4.map(({ words }) => words[0]!))
  }

  /** Packets that stand out of order in the file are taken at the time of the one before. */
  run(record: CaptureRecord, trace: TraceSink | null = null): ReplayedPacket {
    this.#number++
    this.#startNs ??= record.timestampNs
    const atNs = record.timestampNs - this.#startNs
    if (this.#nowNs < atNs) this.#nowNs = atNs
    const result = new Replayed(this.#number, this.#nowNs, record)
    const payload = linkPayload(record)
    if (payload.kind === 'other') return result.leftOut(payload.why)
    const packet = this.#packet
    const device = record.interface.name ?? unnamedDevice
    if (trace === null && payload.kind === 'frame' && this.#isArriving(payload, device)) {
      result.undecoded = payload
      return this.#arrive(result, payload, device)
    }
    decodePayload(packet, payload, record.originalLength)
    if (packet.family === null) return result.leftOut('no IP packet')
    const isSent = this.#isLeaving(payload, device)
    result.isSent = isSent
    result.packet = packet
    if (isSent) {
      const departure = this.#departures.leave(device, this.#nowNs, packet)
      if (departure.kind !== 'own') {
        const skipped =
          departure.kind === 'same' ? 'it leaves as the rules say' : leavesOtherwise(departure.frame)
        result.departure = departure
        return result.leftOut(skipped)
      }
      if (!this.#isOwnSource() && this.#config.forwarding[packet.family]) {
        return result.leftOut('it leaves, and its arrival is not in the capture')
      }
    }
    const options = trace === null ? noOptions : { trace }
    const outcome = isSent ? this.#send(packet, options) : this.#receive(payload, packet, device, options)
    const mayLeave = this.#config.forwarding[packet.family] || outcome.sent.length > 0
    if (!isSent && mayLeave) {
      this.#departures.arrive(this.#number, this.#nowNs, payload, record.originalLength, outcome.sent)
    }
    result.outcome = outcome
    return result
  }

  /** What most packets are: a frame with an IPv4 packet for the host to take, of which nothing needs to be decoded here. */
  #isArriving({ bytes, direction }: LinkPayload & { kind: 'frame' }, device: string): boolean {
    if (bytes.length < 34 || bytes[12] !== 8 || bytes[13] !== 0 || bytes[14]! >>> 4 !== 4) return false
    if (direction !== null) return direction === 'in'
    const mac = this.#macs.get(device)
    if (mac !== undefined && isMacAt(bytes, 6, mac)) return false
    const source = ((bytes[26]! << 24) | (bytes[27]! << 16) | (bytes[28]! << 8) | bytes[29]!) >>> 0
    return !this.#ownWords.has(source)
  }

  #arrive(result: Replayed, payload: LinkPayload & { kind: 'frame' }, device: string): Replayed {
    const outcome = this.#host.receive(payload.bytes, device, this.#nowNs)
    if (this.#config.forwarding.ipv4 || outcome.sent.length > 0) {
      const { originalLength } = result.record
      this.#departures.arrive(this.#number, this.#nowNs, payload, originalLength, outcome.sent)
    }
    result.outcome = outcome
    return result
  }

  /** What the rules let out, and the capture does not show leaving; a hundred frames at most. */
  kept(): readonly Kept[] {
    return this.#departures.kept()
  }

  /** Whether it leaves the host: as the capture says, by the device's own MAC, or from one of the host's addresses. */
  #isLeaving(payload: Exclude<LinkPayload, { kind: 'other' }>, device: string): boolean {
    if (payload.direction !== null) return payload.direction === 'out'
    if (payload.kind === 'frame') {
      const mac = this.#macs.get(device)
      if (mac !== undefined && isMacAt(payload.bytes, 6, mac)) return true
    }
    return this.#isOwnSource()
  }

  #isOwnSource(): boolean {
    const packet = this.#packet
    if (packet.family === 'ipv4') return this.#ownWords.has(packet.u32(packet.sourceOffset))
    const { source } = packet
    return this.#own.some((address) => sameAddress(address, source))
  }

  #send(packet: Packet, options: PacketOptions): Outcome {
    const bytes = packet.bytes.slice(packet.networkOffset, packet.endOffset)
    return this.#host.send(bytes, this.#nowNs, options)
  }

  #receive(
    payload: Exclude<LinkPayload, { kind: 'other' }>,
    packet: Packet,
    device: string,
    options: PacketOptions,
  ): Outcome {
    const frame =
      payload.kind === 'frame'
        ? payload.bytes
        : frameOfPacket(
            this.#config,
            device,
            packet.bytes.subarray(packet.networkOffset, packet.endOffset),
            payload.sourceMac,
          )
    return this.#host.receive(frame, device, this.#nowNs, options)
  }
}

class Replayed implements ReplayedPacket {
  readonly number: number
  readonly atNs: bigint
  readonly record: CaptureRecord
  isSent = false
  outcome: Outcome | null = null
  skipped: string | null = null
  departure: ReplayedPacket['departure'] = null
  /** Of the packet at hand, which the next one overwrites; null where there is no IP packet. */
  packet: Packet | null = null
  /** What it is to be decoded from, if anybody asks. */
  undecoded: LinkPayload | null = null

  constructor(number: number, atNs: bigint, record: CaptureRecord) {
    this.number = number
    this.atNs = atNs
    this.record = record
  }

  leftOut(why: string): this {
    this.skipped = why
    return this
  }

  describe(): string {
    if (this.undecoded !== null && this.undecoded.kind !== 'other') {
      this.packet = packetToDescribe
      decodePayload(this.packet, this.undecoded, this.record.originalLength)
      this.undecoded = null
    }
    if (this.packet === null) return ''
    const device = this.isSent ? null : (this.record.interface.name ?? unnamedDevice)
    return printPacketLine(describePacket(this.packet, device, { brief: true }))
  }
}

const noOptions: PacketOptions = {}

/** One for all: nobody describes two at once. */
const packetToDescribe = new Packet()

function isMacAt(bytes: Uint8Array, offset: number, mac: Uint8Array): boolean {
  for (let at = 0; at < mac.length; at++) if (bytes[offset + at] !== mac[at]) return false
  return true
}

const leavesOtherwise = (frame: Uint8Array | null): string =>
  frame === null ? 'it leaves, where the rules keep it' : 'it leaves otherwise than the rules say'
