/** Random packets: mostly sound ones of the small world, some cut into fragments, some broken. */
import type { HostConfig } from '../../../engine/config.ts'
import { type Address, type Family, parseAddress } from '../../../net/address.ts'
import {
  concatBytes,
  encodeIpv4,
  encodeIpv6,
  encodeIpv6Extension,
  encodeIpv6Fragment,
  refreshIpv4Checksum,
} from '../../../net/index.ts'
import { frameOfPacket } from '../../../scenario/frame.ts'
import type { Action } from '../../../scenario/scenario.ts'
import type { Random } from './random.ts'
import { randomTransport } from './transports.ts'
import { addresses, sourceMacs, uids } from './world.ts'

/** One packet, or the fragments of one, as they happen behind each other. */
export function randomArrival(random: Random, host: HostConfig, family: Family): Action[] {
  const isLocal = random.chance(0.18)
  const device = random.weighted([
    [4, 'eth0'],
    [1.2, 'eth1'],
  ])
  const source = pickSource(random, family, isLocal ? null : device)
  const destination = pickDestination(random, family, isLocal ? null : device)
  const transport = randomTransport(random, family, { source, destination })
  const header: HeaderChoice = {
    source,
    destination,
    ttl: random.weighted([
      [14, 64],
      [1, 1],
      [1, 2],
      [1, 63],
      [1, 255],
      [0.3, 0],
    ]),
    tos: random.chance(0.15) ? random.next() & 255 : 0,
    id: random.between(0, 3) === 0 ? 0 : random.between(1, 65535),
    dontFragment: random.chance(0.3),
    options: random.chance(0.04) ? random.pick(ipOptions) : new Uint8Array(0),
  }
  const packets = random.chance(0.1)
    ? fragments(random, family, header, transport)
    : [whole(random, family, header, transport)]
  const mark = random.chance(0.05) ? random.pick([1, 5]) : 0
  if (isLocal) {
    const uid = random.pick(uids)
    return packets.map((packet) => ({ kind: 'send', packet, socket: { uid, gid: uid }, mark }))
  }
  return packets.map((packet) => ({
    kind: 'receive',
    device,
    frame: randomFrame(random, host, device, packet),
    mark,
  }))
}

interface HeaderChoice {
  readonly source: Address
  readonly destination: Address
  readonly ttl: number
  readonly tos: number
  readonly id: number
  readonly dontFragment: boolean
  /** IPv4 options, a multiple of four bytes. */
  readonly options: Uint8Array
}

export interface Transport {
  readonly protocol: number
  readonly bytes: Uint8Array
}

const parse = (text: string): Address => parseAddress(text)!

/** `device` is null for what the host itself sends. */
function pickSource(random: Random, family: Family, device: string | null): Address {
  const { outside, inside, own, special } = addresses[family]
  const [usual, odd] =
    device === null ? [own, outside] : device === 'eth0' ? [outside, inside] : [inside, outside]
  return parse(
    random.weighted<string>([
      [20, random.pick(usual)],
      [1, random.pick(odd)],
      [0.5, random.pick(own)],
      [0.2, random.pick(special)],
      [0.2, family === 'ipv4' ? '0.0.0.0' : '::'],
      [0.1, family === 'ipv4' ? '127.0.0.1' : '::1'],
    ]),
  )
}

function pickDestination(random: Random, family: Family, device: string | null): Address {
  const { outside, inside, own, special } = addresses[family]
  return parse(
    random.weighted<string>([
      [device === null ? 2 : 10, random.pick(own)],
      [device === 'eth0' ? 6 : 3, random.pick(inside)],
      [device === 'eth0' ? 0.5 : 6, random.pick(outside)],
      [0.8, random.pick(special)],
      [0.15, family === 'ipv4' ? '127.0.0.1' : '::1'],
    ]),
  )
}

/** Padded to four bytes: router alert, record route, a timestamp without room for one, source route, one that is cut off. */
const ipOptions = [
  Uint8Array.of(0x94, 4, 0, 0),
  Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0),
  Uint8Array.of(0x44, 4, 5, 0),
  Uint8Array.of(0x83, 7, 4, 10, 9, 9, 9, 0),
  Uint8Array.of(1, 1, 1, 0x82),
  Uint8Array.of(1, 1, 1, 1),
]

function whole(random: Random, family: Family, header: HeaderChoice, transport: Transport): Uint8Array {
  const { protocol, bytes } = transport
  const cut = random.chance(0.03) ? bytes.subarray(0, random.between(0, Math.min(bytes.length, 24))) : bytes
  if (family === 'ipv6') {
    const [nextHeader, payload] = withExtensions(random, protocol, cut)
    const { source, destination, ttl, tos } = header
    const flowLabel = random.chance(0.1) ? random.next() & 0xfffff : 0
    const packet = encodeIpv6(
      { source, destination, nextHeader, hopLimit: ttl, trafficClass: tos, flowLabel },
      payload,
    )
    return random.chance(0.02) ? spoilLength(random, packet, 4) : packet
  }
  const packet = encodeIpv4({ ...header, protocol }, cut)
  if (random.chance(0.015)) packet[10]! ^= 0x5a
  return random.chance(0.02) ? spoilLength(random, packet, 2) : packet
}

/** A length in the header that is a little more or less than what is there. */
function spoilLength(random: Random, packet: Uint8Array, offset: number): Uint8Array {
  const length = ((packet[offset]! << 8) | packet[offset + 1]!) + random.pick([-9, -4, -1, 1, 8])
  packet[offset] = length >>> 8
  packet[offset + 1] = length
  if (offset === 2) refreshIpv4Checksum(packet)
  return packet
}

/** IPv6 extension headers before the transport, now and then. */
function withExtensions(random: Random, protocol: number, bytes: Uint8Array): [number, Uint8Array] {
  let next = protocol
  let payload = bytes
  if (!random.chance(0.12)) return [next, payload]
  const hopByHop = 0
  const destinationOptions = 60
  const padding = Uint8Array.of(1, 4, 0, 0, 0, 0)
  if (random.chance(0.5)) {
    payload = encodeIpv6Extension(next, padding, payload)
    next = destinationOptions
  }
  if (random.chance(0.3)) {
    // A routing header without segments left.
    payload = encodeIpv6Extension(next, Uint8Array.of(random.pick([4, 4, 0]), 0, 0, 0, 0, 0), payload)
    next = 43
  }
  if (random.chance(0.5)) {
    payload = encodeIpv6Extension(next, padding, payload)
    next = hopByHop
  }
  if (random.chance(0.1)) payload = payload.subarray(0, random.between(0, payload.length))
  return [next, payload]
}

interface Piece {
  /** In units of 8 bytes. */
  readonly offset: number
  readonly more: boolean
  readonly bytes: Uint8Array
}

/** The transport cut in two or three, sent in order or not; sometimes one is missing, doubled or overlaps. */
function fragments(
  random: Random,
  family: Family,
  header: HeaderChoice,
  { protocol, bytes }: Transport,
): Uint8Array[] {
  const longEnough = bytes.length > 16 ? bytes : concatBytes(bytes, random.bytes(32))
  const units = Math.ceil(longEnough.length / 8)
  const cuts = random.some(
    Array.from({ length: units - 1 }, (_, at) => at + 1),
    1,
    2,
  )
  const starts = [0, ...cuts]
  let pieces = starts.map((start, at): Piece => {
    const end = starts[at + 1]
    return {
      offset: start,
      more: end !== undefined,
      bytes: longEnough.subarray(start * 8, end === undefined ? undefined : end * 8),
    }
  })
  if (random.chance(0.25)) pieces = pieces.reverse()
  if (random.chance(0.15)) pieces = pieces.filter((_, at) => at !== 0)
  else if (random.chance(0.1)) pieces = [...pieces, pieces[0]!]
  else if (random.chance(0.05))
    pieces = pieces.map((piece) => (piece.offset > 0 ? { ...piece, offset: piece.offset - 1 } : piece))
  const id = random.between(1, 65535)
  return pieces.map((piece) => encodeFragment(family, header, protocol, id, piece))
}

function encodeFragment(
  family: Family,
  header: HeaderChoice,
  protocol: number,
  id: number,
  piece: Piece,
): Uint8Array {
  const common = { fragmentOffset: piece.offset, moreFragments: piece.more, id }
  if (family === 'ipv4') {
    return encodeIpv4({ ...header, dontFragment: false, protocol, ...common }, piece.bytes)
  }
  const { source, destination, ttl, tos } = header
  const payload = encodeIpv6Fragment({ nextHeader: protocol, ...common }, piece.bytes)
  return encodeIpv6({ source, destination, nextHeader: 44, hopLimit: ttl, trafficClass: tos }, payload)
}

/** Somebody else, everybody, and a group. */
const otherMacs = ['02:00:00:00:0b:0b', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01']

const linkHeaderBytes = 14

function randomFrame(random: Random, host: HostConfig, device: string, packet: Uint8Array): Uint8Array {
  const macOf = (text: string): Uint8Array =>
    Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16))
  const frame = frameOfPacket(
    host,
    device,
    packet,
    random.chance(0.3) ? macOf(random.pick(sourceMacs)) : null,
  )
  if (random.chance(0.02)) frame.set(macOf(random.pick(otherMacs)))
  // The version or the header's length is wrong.
  if (random.chance(0.005)) frame[linkHeaderBytes] = random.pick([0x35, 0x44, 0x4f, 0x55, 0x60])
  if (random.chance(0.02)) return concatBytes(frame, random.bytes(random.between(1, 8)))
  if (random.chance(0.01)) return frame.subarray(0, random.between(14, frame.length))
  return frame
}
