/**
 * Conversations as they go on: from the moves that were drawn, and from what has come out of the gateway so far, to the
 * next packets.
 */
import { defaultMac, neighbourMac } from '../../../../engine/config.ts'
import {
  type Address,
  type Family,
  parseAddress,
  parsePrefix,
  prefixContains,
  sameAddress,
} from '../../../../net/address.ts'
import { decodeFrame } from '../../../../net/decode.ts'
import * as encode from '../../../../net/encode.ts'
import { Packet } from '../../../../net/packet.ts'
import { etherType, ipProtocol } from '../../../../net/protocol.ts'
import type { Action, StepResult } from '../../../../scenario/scenario.ts'
import { type Look, readListing } from './listing.ts'
import { type Flow, type Move, type Protocol, protocols, type Side, type What } from './moves.ts'
import { Sequences } from './segments.ts'
import { addresses, type Entrance, type Name, placeOf } from './world.ts'

interface Payload {
  readonly ends: encode.Ends
  readonly protocol: number
  readonly bytes: Uint8Array
}

interface Thread {
  readonly flow: Flow
  readonly near: Look
  /** Mirrors `near` until the gateway has said how it looks from there. */
  far: Look
  readonly sequences: Sequences
  readonly sent: { near: Payload | null; far: Payload | null }
  /** Last whole IP packet that came out towards each side. */
  readonly received: { near: Uint8Array | null; far: Uint8Array | null }
}

const otherSide = (side: Side): Side => (side === 'near' ? 'far' : 'near')

const mirrored = ({ source, destination, sourcePort, destinationPort }: Look): Look => ({
  source: destination,
  destination: source,
  sourcePort: destinationPort,
  destinationPort: sourcePort,
})

const root = { uid: 0, gid: 0 }

export class Talk {
  readonly #family: Family
  readonly #threads: readonly Thread[]
  readonly #own: readonly Address[]
  #lastId = 0

  constructor(family: Family, flows: readonly Flow[]) {
    this.#family = family
    this.#threads = flows.map((flow) => this.#begin(flow))
    this.#own = (['gateway', 'inner', 'second'] as const).map((name) => this.#address(name))
  }

  #address(name: Name): Address {
    return parseAddress(addresses[this.#family][name])!
  }

  #begin(flow: Flow): Thread {
    const hasId = flow.protocol === 'echo' || flow.protocol === 'timestamp'
    const near = {
      source: this.#address(flow.source),
      destination: this.#address(flow.destination),
      sourcePort: flow.sourcePort,
      destinationPort: hasId ? flow.sourcePort : flow.destinationPort,
    }
    return {
      flow,
      near,
      far: mirrored(near),
      sequences: new Sequences(),
      sent: { near: null, far: null },
      received: { near: null, far: null },
    }
  }

  /** The packets of a move; none where there is nothing yet to repeat or to complain of. */
  actions({ flow, side, what, spoil, pieces }: Move): Action[] {
    const thread = this.#threads[flow]!
    const entrance = spoil === 'entrance' ? 'eth2' : this.#entranceOf(thread, side)
    const payload = this.#payload(thread, side, what)
    if (payload === null) return []
    if (what.kind !== 'again') thread.sent[side] = payload
    const bytes = spoiled(payload.bytes, payload.protocol, spoil)
    const hops = spoil === 'ttl' ? 1 : 64
    const whole = { ...payload, bytes }
    if (entrance === 'out' || pieces.count === 1 || bytes.length <= 16)
      return [this.#enters(entrance, this.#wrap(whole, hops), payload.ends.source)]
    return this.#cut(whole, hops, pieces).map((piece) => this.#enters(entrance, piece, payload.ends.source))
  }

  /** What became of the packets of a move, and the connections there are then. */
  heard({ flow, side }: Move, { sent }: StepResult, listing: readonly string[]): void {
    const thread = this.#threads[flow]!
    for (const { hex } of sent) {
      const packet = new Packet()
      decodeFrame(
        packet,
        Uint8Array.from(hex.match(/../g)!, (octet) => Number.parseInt(octet, 16)),
      )
      if (packet.family === null || packet.isFragment || packet.fragmentHeaderOffset >= 0) continue
      const isBack = sameAddress(packet.destination, thread[side].source)
      thread.received[isBack ? side : otherSide(side)] = packet.bytes.slice(
        packet.networkOffset,
        packet.endOffset,
      )
    }
    if (side === 'far') return
    const listed = this.#listed(thread, listing)?.listed
    if (listed === undefined) return
    thread.far = isKeyed(thread.flow.protocol)
      ? listed.reply
      : { ...mirrored(thread.near), ...ends(listed.reply) }
  }

  /** The connection of the move's flow, as it is listed. */
  lineOf({ flow }: Move, listing: readonly string[]): string | null {
    return this.#listed(this.#threads[flow]!, listing)?.line ?? null
  }

  #listed({ flow, near }: Thread, listing: readonly string[]) {
    const protocol = this.#number(flow.protocol)
    for (const line of listing) {
      const listed = readListing(line)
      if (listed?.protocol === protocol && sameLook(listed.original, near)) return { line, listed }
    }
    return null
  }

  #number(protocol: Protocol): number {
    const number = protocols[protocol]
    return number === ipProtocol.icmp && this.#family === 'ipv6' ? ipProtocol.icmp6 : number
  }

  #entranceOf({ flow, far }: Thread, side: Side): Entrance {
    if (side === 'near') return flow.entrance
    if (this.#own.some((own) => sameAddress(own, far.source)) || isLoopback(far.source)) return 'out'
    return networks.find(({ prefix }) => prefixContains(prefix, far.source))?.entrance ?? 'eth0'
  }

  #payload(thread: Thread, side: Side, what: What): Payload | null {
    if (what.kind === 'again') return thread.sent[side]
    if (what.kind === 'error') return this.#error(thread, side, what)
    const look = thread[side]
    const bytes = this.#transport(thread, side, look, what)
    return { ends: look, protocol: this.#number(thread.flow.protocol), bytes }
  }

  #transport({ flow, sequences }: Thread, side: Side, look: Look, what: What): Uint8Array {
    const { sourcePort, destinationPort } = look
    const data = new Uint8Array(what.kind === 'data' ? what.size : 4).fill(0x62)
    switch (flow.protocol) {
      case 'tcp':
        return what.kind === 'segment'
          ? sequences.encode(side, what.segment, look, look)
          : encode.encodeTcp({ sourcePort, destinationPort, flags: 2 }, data, look)
      case 'udp':
        return encode.encodeUdp({ sourcePort, destinationPort }, data, look)
      case 'udplite': {
        const bytes = encode.encodeUdpLite({ sourcePort, destinationPort, length: 8 }, data, look)
        // A sum that the kernel takes for right: see conntrack.
        const length = this.#family === 'ipv4' ? bytes.length & 0xff : bytes.length
        const sum = (bytes[6]! << 8) | bytes[7]!
        encode.setU16(bytes, 6, encode.adjustChecksum(sum, 136 + bytes.length, 17 + length))
        return bytes
      }
      case 'echo':
      case 'timestamp':
        return this.#query(flow.protocol, side, sourcePort, data, look)
      case 'sctp':
        return what.kind === 'chunk'
          ? sctpPacket(look, what)
          : encode.encodeSctp({ sourcePort, destinationPort }, data)
      case 'gre':
        return encode.encodeGre({ protocol: 0x800, key: flow.sourcePort }, data)
      case 'pptp': {
        const bytes = encode.encodeGre(
          { protocol: 0x880b, key: side === 'near' ? destinationPort : sourcePort },
          data,
        )
        bytes[1] = 1
        return bytes
      }
      case 'esp':
        return encode.encodeEsp({ spi: 5 }, data)
      case 'dccp':
        return encode.encodeDccp({ sourcePort, destinationPort, type: 0 }, new Uint8Array(4), 20, look)
      case 'unknown':
        return data
    }
  }

  #query(
    kind: 'echo' | 'timestamp',
    side: Side,
    id: number,
    data: Uint8Array,
    look: encode.Ends,
  ): Uint8Array {
    const rest = id * 65536 + 1
    const at = side === 'near' ? 0 : 1
    return this.#family === 'ipv4'
      ? encode.encodeIcmp({ type: (kind === 'echo' ? [8, 0] : [13, 14])[at]!, code: 0, rest }, data)
      : encode.encodeIcmp6(
          { type: (kind === 'echo' ? [128, 129] : [139, 140])[at]!, code: 0, rest },
          data,
          look,
        )
  }

  #error(thread: Thread, side: Side, what: Extract<What, { kind: 'error' }>): Payload | null {
    const { about, type, code, length, from, spoil } = what
    const own = thread.sent[side]
    const whole =
      about === 'own' ? own && this.#wrap(own, 63) : (thread.received[side] ?? this.#unseen(thread, side))
    if (whole === null) return null
    const isSix = this.#family === 'ipv6'
    const packet = new Packet()
    decodeFrame(packet, encode.encodeFrame(noLink(this.#family), whole))
    if (packet.family === null) return null
    const [complains, hears] =
      about === 'own' ? [packet.source, packet.destination] : [packet.destination, packet.source]
    const quoted = whole.slice(0, length)
    if (quoted.length > 30) spoilQuoted(quoted, spoil, isSix)
    const isOwnHost = this.#entranceOf(thread, side) === 'out'
    const source =
      from === 'end' || isOwnHost ? complains : this.#address(from === 'router' ? 'far' : 'client2')
    const link = { source, destination: hears }
    if (!isSix) return { ends: link, protocol: 1, bytes: encode.encodeIcmp({ type, code }, quoted) }
    const types: Readonly<Record<number, number>> = { 3: 1, 4: 2, 5: 137, 11: 3, 12: 4 }
    return { ends: link, protocol: 58, bytes: encode.encodeIcmp6({ type: types[type]!, code }, quoted, link) }
  }

  /** What the gateway itself got, as it would quote it: nobody sees that on a wire. */
  #unseen(thread: Thread, side: Side): Uint8Array | null {
    if (side === 'near' || this.#entranceOf(thread, 'far') !== 'out' || thread.sent.near === null) return null
    const look = mirrored(thread.far)
    const again = { ...thread, sequences: new Sequences() }
    const bytes = this.#transport(again, 'near', look, { kind: 'data', size: 20 })
    return this.#wrap({ ends: look, protocol: this.#number(thread.flow.protocol), bytes }, 63)
  }

  #nextId(): number {
    this.#lastId = (this.#lastId % 0xffff) + 1
    return this.#lastId
  }

  #wrap({ ends: { source, destination }, protocol, bytes }: Payload, hops: number): Uint8Array {
    if (this.#family === 'ipv6')
      return encode.encodeIpv6({ source, destination, nextHeader: protocol, hopLimit: hops }, bytes)
    const dontFragment = protocol === ipProtocol.tcp
    return encode.encodeIpv4(
      { source, destination, protocol, ttl: hops, id: this.#nextId(), dontFragment },
      bytes,
    )
  }

  #cut(
    { ends: { source, destination }, protocol, bytes }: Payload,
    hops: number,
    { count, how }: Move['pieces'],
  ): Uint8Array[] {
    const size = Math.ceil(bytes.length / count / 8) * 8
    const id = this.#nextId()
    const packets: Uint8Array[] = []
    for (let start = 0; start < bytes.length; start += size) {
      const from = how === 'overlapping' && start > 0 ? start - 8 : start
      const part = bytes.slice(from, start + size)
      const moreFragments = start + size < bytes.length
      const fragmentOffset = from / 8
      packets.push(
        this.#family === 'ipv4'
          ? encode.encodeIpv4(
              { source, destination, protocol, ttl: hops, id, moreFragments, fragmentOffset },
              part,
            )
          : encode.encodeIpv6(
              { source, destination, nextHeader: 44, hopLimit: hops },
              encode.encodeIpv6Fragment({ nextHeader: protocol, id, moreFragments, fragmentOffset }, part),
            ),
      )
    }
    if (how === 'backwards') return packets.reverse()
    if (how === 'incomplete') return packets.slice(0, -1)
    return how === 'twice' ? [packets[0]!, ...packets] : packets
  }

  #enters(entrance: Entrance, packet: Uint8Array, sender: Address): Action {
    if (entrance === 'out') return { kind: 'send', packet, socket: root, mark: 0 }
    const link = {
      destination: defaultMac(placeOf(entrance)),
      source: neighbourMac(sender),
      etherType: etherType[this.#family],
    }
    return { kind: 'receive', device: entrance, frame: encode.encodeFrame(link, packet), mark: 0 }
  }
}

const networks: readonly { readonly prefix: ReturnType<typeof network>; readonly entrance: Entrance }[] = [
  { prefix: network('192.168.1.0/24'), entrance: 'eth1' },
  { prefix: network('2001:db8:2::/64'), entrance: 'eth1' },
  { prefix: network('100.64.0.0/10'), entrance: 'eth2' },
  { prefix: network('2001:db8:64::/48'), entrance: 'eth2' },
]

function network(text: string) {
  return parsePrefix(text)!
}

const isLoopback = ({ family, words }: Address): boolean =>
  family === 'ipv4'
    ? words[0]! >>> 24 === 127
    : words.slice(0, 3).every((word) => word === 0) && words[3] === 1

const isKeyed = (protocol: Protocol): boolean => !['gre', 'esp', 'dccp', 'unknown'].includes(protocol)

const ends = ({ source, destination }: Look): encode.Ends => ({ source, destination })

const sameLook = (listed: Look, near: Look): boolean =>
  sameAddress(listed.source, near.source) &&
  sameAddress(listed.destination, near.destination) &&
  (listed.sourcePort === near.sourcePort || listed.sourcePort === 0)

const noLink = (family: Family): encode.FrameFields => ({
  destination: new Uint8Array(6),
  source: new Uint8Array(6),
  etherType: etherType[family],
})

function sctpPacket(
  { sourcePort, destinationPort }: Look,
  what: Extract<What, { kind: 'chunk' }>,
): Uint8Array {
  const chunk = new Uint8Array(20)
  chunk[0] = what.type
  chunk[3] = chunk.length
  encode.setU32(chunk, 4, what.initTag)
  return encode.encodeSctp({ sourcePort, destinationPort, verificationTag: what.tag }, chunk)
}

const checksumOffsets: Readonly<Record<number, number>> = { 6: 16, 17: 6, 136: 6, 1: 2, 58: 2, 132: 8, 33: 6 }

function spoiled(bytes: Uint8Array, protocol: number, spoil: Move['spoil']): Uint8Array {
  const copy = bytes.slice()
  const at = checksumOffsets[protocol]
  if (spoil === 'checksum' && at !== undefined && at < copy.length) copy[at]! ^= 0x55
  return spoil === 'cut' ? copy.slice(0, (copy.length * 7) % 24) : copy
}

function spoilQuoted(
  quoted: Uint8Array,
  spoil: Extract<What, { kind: 'error' }>['spoil'],
  isSix: boolean,
): void {
  if (spoil === 'protocol') quoted[isSix ? 6 : 9] = 99
  if (spoil === 'port' && quoted.length > 41) quoted[isSix ? 41 : 21]! ^= 1
  if (spoil === 'source') quoted[isSix ? 23 : 15]! ^= 1
  if (spoil !== 'swap') return
  const [at, size] = isSix ? [8, 16] : [12, 4]
  const source = quoted.slice(at, at + size)
  quoted.copyWithin(at, at + size, at + 2 * size)
  quoted.set(source, at + size)
}
