/** Two hosts that speak TCP with each other through a router, as random or as broken as the story wants. */
import { type Address, type Family, parseAddress, printAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import * as encode from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import type { Device, SentFrame } from './twin-router.ts'

export const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const

export interface End {
  readonly device: Device
  readonly address: Address
  readonly port: number
  /** The other end as this one sees it. */
  peer: { address: Address; port: number }
  /** Sequence number of the next byte that it sends. */
  next: number
  /** Of the next byte that it has not heard. */
  heard: number
  /** IP packets, newest last. */
  readonly sent: Uint8Array[]
}

export type Pass = (device: Device, packet: Uint8Array, sender: Address, note: string) => SentFrame[] | null

export const wrap = (
  ends: encode.Ends,
  protocol: number,
  payload: Uint8Array,
  dontFragment = true,
): Uint8Array =>
  ends.source.family === 'ipv4'
    ? encode.encodeIpv4({ ...ends, protocol, id: 7, dontFragment }, payload)
    : encode.encodeIpv6({ ...ends, nextHeader: protocol }, payload)

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

export const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

export interface SegmentFields {
  readonly flags?: number
  readonly text?: string
  /** Where it begins, from the next byte. */
  readonly shift?: number
  /** What it acknowledges, from what was heard. */
  readonly ackShift?: number
  /** Blocks of bytes heard behind a gap, from what was heard. */
  readonly sack?: readonly (readonly [number, number])[]
  /** A SACK at an odd place, or an option that is broken. */
  readonly optionsStyle?: 'aligned' | 'odd' | 'broken'
}

export class TcpTalk {
  readonly client: End
  readonly server: End
  /** False where a packet on the way was not to be compared: the story is over. */
  isOver = false
  readonly #pass: Pass
  readonly #family: Family

  /** `calls`: the address and port that the client calls; the server learns who it hears by what comes out. */
  constructor(
    pass: Pass,
    family: Family,
    client: { device: Device; address: string; port: number; sequence: number },
    server: { device: Device; address: string; port: number; sequence: number },
    calls: { address: string; port: number },
  ) {
    this.#pass = pass
    this.#family = family
    const nobody = { address: parseAddress(family === 'ipv4' ? '0.0.0.0' : '::')!, port: 0 }
    this.client = {
      ...client,
      address: parseAddress(client.address)!,
      peer: { ...calls, address: parseAddress(calls.address)! },
      next: client.sequence,
      heard: 0,
      sent: [],
    }
    this.server = {
      ...server,
      address: parseAddress(server.address)!,
      peer: nobody,
      next: server.sequence,
      heard: 0,
      sent: [],
    }
  }

  other(end: End): End {
    return end === this.client ? this.server : this.client
  }

  /** The three segments that open it. */
  open(): void {
    this.say(this.client, { flags: flag.syn })
    this.say(this.server, { flags: flag.syn | flag.ack })
    this.say(this.client, {})
  }

  say(end: End, fields: SegmentFields): void {
    if (end.peer.port === 0) return
    const { text = '', shift = 0, ackShift = 0 } = fields
    const flags = fields.flags ?? flag.ack | (text === '' ? 0 : flag.psh)
    const ends = { source: end.address, destination: end.peer.address }
    const options = this.#options(end, fields, (flags & flag.syn) !== 0)
    const segment = encode.encodeTcp(
      {
        sourcePort: end.port,
        destinationPort: end.peer.port,
        sequence: (end.next + shift) >>> 0,
        acknowledgement: flags & flag.ack ? (end.heard + ackShift) >>> 0 : 0,
        flags,
        options,
      },
      bytesOf(text),
      ends,
    )
    const length = text.length + (flags & flag.syn ? 1 : 0) + (flags & flag.fin ? 1 : 0)
    if (shift === 0) end.next = (end.next + length) >>> 0
    const packet = wrap(ends, ipProtocol.tcp, segment)
    end.sent.push(packet)
    this.#send(end, packet, JSON.stringify(fields))
  }

  #options(end: End, { sack = [], optionsStyle = 'aligned' }: SegmentFields, isSyn: boolean): Uint8Array {
    // Segment size 1460, SACK permitted, window scale 7.
    if (isSyn) return Uint8Array.of(2, 4, 5, 180, 4, 2, 1, 3, 3, 7)
    if (optionsStyle === 'broken') return Uint8Array.of(1, 5, 40, 0)
    if (sack.length === 0) return new Uint8Array(0)
    const blocks = new Uint8Array(2 + 8 * sack.length)
    blocks.set([5, blocks.length])
    for (const [at, [left, right]] of sack.entries()) {
      encode.setU32(blocks, 2 + 8 * at, (end.heard + left) >>> 0)
      encode.setU32(blocks, 6 + 8 * at, (end.heard + right) >>> 0)
    }
    return encode.concatBytes(Uint8Array.of(...(optionsStyle === 'odd' ? [1] : [1, 1])), blocks)
  }

  /** Sends something once more. */
  again(end: End, which: number): void {
    const packet = end.sent[end.sent.length - 1 - (which % Math.max(1, end.sent.length))]
    if (packet !== undefined) this.#send(end, packet, 'again')
  }

  /** An ICMP error about the last segment that came out to `end`. */
  complain(end: End, type: number): void {
    const last = this.#lastHeard.get(end)
    if (last === undefined) return
    const ends = { source: end.address, destination: end.peer.address }
    const quoted = last.slice(0, 100)
    const packet =
      this.#family === 'ipv4'
        ? wrap(ends, ipProtocol.icmp, encode.encodeIcmp({ type, code: 1 }, quoted))
        : wrap(ends, ipProtocol.icmp6, encode.encodeIcmp6({ type: 1, code: 0 }, quoted, ends))
    this.#send(end, packet, `ICMP ${type}`)
  }

  readonly #lastHeard = new Map<End, Uint8Array>()
  /** Payloads that came out to each end, newest last. */
  readonly said = new Map<End, string[]>()

  #send(end: End, packet: Uint8Array, note: string): void {
    if (this.isOver) return
    const frames = this.#pass(end.device, packet, end.address, note)
    if (frames === null) {
      this.isOver = true
      return
    }
    this.#hear(this.other(end), frames)
  }

  #hear(end: End, frames: readonly SentFrame[]): void {
    for (const { device, frame } of frames) {
      const packet = new Packet()
      decodeFrame(packet, frame)
      if (device !== end.device || packet.protocol !== ipProtocol.tcp) continue
      if (printAddress(packet.destination) !== printAddress(end.address)) continue
      const at = packet.transportOffset
      if (packet.u16(at + 2) !== end.port) continue
      const flags = packet.u8(at + 13)
      const text = textOf(packet.bytes.slice(at + (packet.u8(at + 12) >>> 4) * 4, packet.endOffset))
      const sequence = packet.u32(at + 4)
      if (flags & flag.syn || sequence === end.heard) {
        end.heard = (sequence + text.length + (flags & flag.syn ? 1 : 0) + (flags & flag.fin ? 1 : 0)) >>> 0
      }
      if (flags & flag.syn) end.peer = { address: packet.source, port: packet.u16(at) }
      this.#lastHeard.set(end, packet.bytes.slice(packet.networkOffset, packet.endOffset))
      const said = this.said.get(end) ?? []
      said.push(text)
      this.said.set(end, said)
    }
  }
}
