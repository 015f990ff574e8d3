/** Random conversations of TFTP. */
import fc from 'fast-check'
import { type Address, type Family, parseAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { encodeUdp } from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { wrap } from './ftp-talk.ts'
import { chanceDecided, deviceOf, hosts, type Name, type Way, type Who } from './helper-scenes.ts'
import type { TwinRouter } from './twin-router.ts'

export type TftpMove =
  /** A client (one of two ports) sends an opcode to the port it called. */
  | { readonly kind: 'ask'; readonly port: number; readonly opcode: number; readonly bytes: number }
  /** The server answers what it heard last, from some port. */
  | { readonly kind: 'answer'; readonly port: number; readonly opcode: number }
  /** The client answers what it heard last. */
  | { readonly kind: 'go-on' }

export const tftpMove: fc.Arbitrary<TftpMove> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    port: fc.constantFrom(4000, 4000, 4001),
    opcode: fc.constantFrom(1, 1, 2, 3, 5, 256),
    bytes: fc.constantFrom(20, 20, 2, 1, 0),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    port: fc.constantFrom(69, 30000, 30001),
    opcode: fc.constantFrom(3, 4, 1),
  }),
  fc.record({ kind: fc.constant('go-on' as const) }),
)

export class TftpStory {
  isOver = false
  readonly #twin: TwinRouter
  readonly #family: Family
  readonly #way: Way
  /** What came out to each side last: addresses and ports. */
  readonly #heard: Partial<Record<Who, UdpEnds>> = {}

  constructor(twin: TwinRouter, family: Family, way: Way) {
    this.#twin = twin
    this.#family = family
    this.#way = way
  }

  take(move: TftpMove): void {
    const address = (name: Name): Address => parseAddress(hosts[this.#family][name])!
    const { client, calls } = this.#way
    if (move.kind === 'ask') {
      const ends = { source: address(client), destination: address(calls) }
      const ports = { sourcePort: move.port, destinationPort: 69 }
      this.#send(
        'client',
        { ...ends, ...ports },
        Uint8Array.of(0, move.opcode, ...Array(20).fill(97)).slice(0, move.bytes),
      )
      return
    }
    const from = move.kind === 'answer' ? 'server' : 'client'
    const heard = this.#heard[from]
    if (heard === undefined) return
    const back = {
      source: heard.destination,
      destination: heard.source,
      sourcePort: move.kind === 'answer' ? move.port : heard.destinationPort,
      destinationPort: heard.sourcePort,
    }
    this.#send(from, back, Uint8Array.of(0, move.kind === 'answer' ? move.opcode : 4, 0, 1))
  }

  #send(from: Who, ends: UdpEnds, payload: Uint8Array): void {
    const packet = wrap(ends, ipProtocol.udp, encodeUdp(ends, payload, ends))
    const device = deviceOf(this.#way[from])
    const frames = this.#twin.pass(device, packet, ends.source, from, chanceDecided)
    if (frames === null) this.isOver = true
    for (const { device: leaves, frame } of frames ?? []) {
      const heard = new Packet()
      decodeFrame(heard, frame)
      if (heard.protocol !== ipProtocol.udp || leaves === device) continue
      const { source, destination, transportOffset: at } = heard
      const ports = { sourcePort: heard.u16(at), destinationPort: heard.u16(at + 2) }
      this.#heard[from === 'client' ? 'server' : 'client'] = { source, destination, ...ports }
    }
  }
}

interface UdpEnds {
  readonly source: Address
  readonly destination: Address
  readonly sourcePort: number
  readonly destinationPort: number
}
