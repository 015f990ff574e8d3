/**
 * Runs the packets of a capture through a host, one after the other.
 *
 * What came in is input, and so is what the host sent by itself. What the host forwarded or answered because of a
 * packet is in the capture a second time, as it left: that is not run, but held against what the replay let out.
 */
import type { HostConfig } from '../engine/config.ts'
import type { Host, PacketOptions } from '../engine/host.ts'
import type { Outcome, TraceSink } from '../engine/outcome.ts'
import { sameAddress } from '../net/address.ts'
import type { CaptureRecord } from '../net/capture-record.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { type LinkPayload, linkPayload } from '../net/link-payload.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { type Departure, Departures, type Kept, marksOf } from './departures.ts'
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
  readonly #departures = new Departures()
  #number = 0
  #startNs: bigint | null = null
  #nowNs = 0n

  constructor(host: Host, config: HostConfig) {
    this.#host = host
    this.#config = config
  }

  /** Packets that stand out of order in the file are taken at the time of the one before. */
  run(record: CaptureRecord, trace: TraceSink | null = null): ReplayedPacket {
    this.#number++
    this.#startNs ??= record.timestampNs
    const atNs = record.timestampNs - this.#startNs
    if (this.#nowNs < atNs) this.#nowNs = atNs
    const common = { number: this.#number, atNs: this.#nowNs, record }
    const payload = linkPayload(record)
    if (payload.kind === 'other') return { ...common, ...notRun(payload.why) }
    const packet = this.#decode(payload, record)
    if (packet.family === null) return { ...common, ...notRun('no IP packet') }
    const device = record.interface.name ?? unnamedDevice
    const isSent = this.#isLeaving(payload, device)
    const describe = () => printPacketLine(describePacket(packet, isSent ? null : device, { brief: true }))
    if (isSent) {
      const departure = this.#departures.leave(device, this.#nowNs, packet)
      if (departure.kind !== 'own') {
        const skipped =
          departure.kind === 'same' ? 'it leaves as the rules say' : leavesOtherwise(departure.frame)
        return { ...common, isSent, describe, outcome: null, skipped, departure }
      }
      if (!this.#isOwnSource() && this.#config.forwarding[packet.family]) {
        const skipped = 'it leaves, and its arrival is not in the capture'
        return { ...common, isSent, describe, outcome: null, skipped, departure: null }
      }
    }
    const options = trace === null ? {} : { trace }
    const outcome = isSent ? this.#send(packet, options) : this.#receive(payload, packet, device, options)
    const mayLeave = this.#config.forwarding[packet.family] || outcome.sent.length > 0
    if (!isSent && mayLeave) {
      this.#departures.arrive(this.#number, this.#nowNs, marksOf(packet), outcome.sent)
    }
    return { ...common, isSent, describe, outcome, skipped: null, departure: null }
  }

  /** What the rules let out, and the capture does not show leaving; a hundred frames at most. */
  kept(): readonly Kept[] {
    return this.#departures.kept()
  }

  #decode(payload: Exclude<LinkPayload, { kind: 'other' }>, record: CaptureRecord): Packet {
    if (payload.kind === 'frame') decodeFrame(this.#packet, payload.bytes, record.originalLength)
    else decodeIp(this.#packet, payload.bytes)
    return this.#packet
  }

  /** Whether it leaves the host: as the capture says, by the device's own MAC, or from one of the host's addresses. */
  #isLeaving(payload: Exclude<LinkPayload, { kind: 'other' }>, device: string): boolean {
    if (payload.direction !== null) return payload.direction === 'out'
    if (payload.kind === 'frame') {
      const mac = this.#config.interfaces.find(({ name }) => name === device)?.mac
      if (mac?.every((byte, at) => payload.bytes[6 + at] === byte)) return true
    }
    return this.#isOwnSource()
  }

  #isOwnSource(): boolean {
    const { source } = this.#packet
    return this.#config.interfaces.some(({ addresses }) =>
      addresses.some(({ address }) => sameAddress(address, source)),
    )
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

const notRun = (why: string) => ({
  isSent: false,
  describe: () => '',
  outcome: null,
  skipped: why,
  departure: null,
})

const leavesOtherwise = (frame: Uint8Array | null): string =>
  frame === null ? 'it leaves, where the rules keep it' : 'it leaves otherwise than the rules say'
