/** Runs the packets of a capture through a host, one after the other. */
import type { HostConfig } from '../engine/config.ts'
import type { Host, PacketOptions } from '../engine/host.ts'
import type { Outcome, TraceSink } from '../engine/outcome.ts'
import { sameAddress } from '../net/address.ts'
import type { CaptureRecord } from '../net/capture-record.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { type LinkPayload, linkPayload } from '../net/link-payload.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
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
  /** Null for what no rule can see: ARP, an unknown link type, a frame cut off before its addresses. */
  readonly outcome: Outcome | null
  /** Why there is no outcome. */
  readonly skipped: string | null
}

export class Replay {
  readonly #host: Host
  readonly #config: HostConfig
  readonly #packet = new Packet()
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
    const isSent = this.#isOwn(payload)
    const options = trace === null ? {} : { trace }
    const outcome = isSent ? this.#send(packet, options) : this.#receive(payload, packet, device, options)
    const describe = () => printPacketLine(describePacket(packet, isSent ? null : device, { brief: true }))
    return { ...common, isSent, describe, outcome, skipped: null }
  }

  #decode(payload: Exclude<LinkPayload, { kind: 'other' }>, record: CaptureRecord): Packet {
    if (payload.kind === 'frame') decodeFrame(this.#packet, payload.bytes, record.originalLength)
    else decodeIp(this.#packet, payload.bytes)
    return this.#packet
  }

  /** Whether the host sent it: as the capture says, or from one of the host's own addresses. */
  #isOwn(payload: Exclude<LinkPayload, { kind: 'other' }>): boolean {
    if (payload.direction !== null) return payload.direction === 'out'
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

const notRun = (why: string) => ({ isSent: false, describe: () => '', outcome: null, skipped: why })
