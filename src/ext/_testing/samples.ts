/** Random packets on their way, with values near those that a test's rules name. */
import fc from 'fast-check'
import { linux618 } from '../../lang/profile.ts'
import type { Hook } from '../../lang/rule.ts'
import { type Address, type Family, parseAddress, printAddress } from '../../net/address.ts'
import { nothingSaid } from '../../net/circumstances.ts'
import { decodeFrame, decodeIp } from '../../net/decode.ts'
import * as encode from '../../net/encode.ts'
import { Packet } from '../../net/packet.ts'
import { etherType, ipProtocol } from '../../net/protocol.ts'
import type {
  Device,
  HookContext,
  HostServices,
  LocalSocket,
  PacketType,
  RouteType,
  Skb,
} from '../context.ts'

/** A packet and its place; the context's `hotdrop` is to be reset before each use. */
export interface Sample {
  readonly skb: Skb
  readonly context: HookContext
}

/** What rules name, as far as it can be read off their text. */
export interface Hints {
  readonly numbers: readonly number[]
  readonly addresses: readonly Address[]
  readonly macs: readonly Uint8Array[]
  /** Whether IPv6 packets shall have extension headers of every kind, with options, often broken. */
  readonly wantsHeaders?: boolean
  /** Strings that payloads shall hold now and then, whole or in pieces. */
  readonly strings?: readonly Uint8Array[]
}

/** Numbers, addresses and MACs in the texts of rules, each number with its neighbours. */
export function hintsOf(texts: readonly string[], family: Family): Hints {
  const words = texts.flatMap((text) => text.split(/[\s,/-]+/))
  const numbers = words
    .flatMap((word) => (/^[0-9a-fA-Fx:]+$/.test(word) ? word.split(':') : []))
    .map(Number)
    .filter((number) => Number.isInteger(number) && 0 <= number && number < 2 ** 32)
  const addresses = words.map(parseAddress).filter((address) => address?.family === family)
  const macs = words
    .filter((word) => /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(word))
    .map((word) => Uint8Array.from(word.split(':'), (byte) => Number.parseInt(byte, 16)))
  return {
    numbers: [...new Set(numbers.flatMap((number) => [number, number + 1, Math.max(0, number - 1)]))],
    addresses: addresses as Address[],
    macs,
  }
}

export const eth0: Device = {
  name: 'eth0',
  index: 2,
  kind: 'ethernet',
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  mtu: 1500,
}
export const eth1: Device = { ...eth0, name: 'eth1', index: 3, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }
export const loopback: Device = { name: 'lo', index: 1, kind: 'loopback', mac: new Uint8Array(6), mtu: 65536 }

const routeTypes: readonly RouteType[] = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
]

/** A routing table that says something different, but always the same, of each address and device. */
const arbitraryRouting = {
  addressType: (address: Address, device: Device | null): RouteType => {
    const folded = address.words.reduce((sum, word) => Math.imul(sum ^ word, 0x9e3779b1), device?.index ?? 0)
    return routeTypes[((folded ^ (folded >>> 15)) >>> 0) % routeTypes.length]!
  },
  mtuToward: () => null,
  wayBack: () => null,
}

const never = (): never => {
  throw new Error('a stateless match asks for no services')
}

export const hostOf = (
  family: Family,
  routing: HostServices['routing'] = arbitraryRouting,
): HostServices => ({
  family,
  profile: linux618,
  routing,
  defaultTtl: 64,
  acquireRecentList: never,
  releaseRecentList: never,
  acquireSet: never,
  releaseSet: never,
  tracking: { countTraffic: never, useLabels: never, releaseLabels: never, newCounter: never },
  share: never,
  unshare: never,
  startsAtUnixNs: null,
  circumstances: nothingSaid,
  account: never,
  minutesWest: 0,
  random: never,
})

export function contextOf(packet: Packet, hook: Hook, devices: Pick<HookContext, 'in' | 'out'>): HookContext {
  return {
    host: hostOf(packet.family!),
    table: 'mangle',
    hook,
    ...devices,
    nowNs: 0n,
    jiffies: 0,
    // As in rules with -p. Later fragments have none in IPv6.
    transportOffset: packet.family === 'ipv6' && packet.fragmentOffset > 0 ? -1 : packet.transportOffset,
    fragmentOffset: packet.fragmentOffset,
    hotdrop: false,
    unknown: null,
    suppose: () => null,
    note: null,
  }
}

/** Random packets of a family at a hook. Every packet has addresses and a protocol. */
export function anySample(family: Family, hook: Hook, hints: Hints): fc.Arbitrary<Sample> {
  const incoming = hook !== 'OUTPUT' && hook !== 'POSTROUTING'
  const outgoing = hook !== 'PREROUTING' && hook !== 'INPUT'
  return fc
    .record({
      ip: anyIpPacket(family, hints),
      sourceMac: fc.oneof(
        fc.constantFrom(eth1.mac, ...hints.macs),
        fc.uint8Array({ minLength: 6, maxLength: 6 }),
      ),
      inDevice: fc.constantFrom(eth0, eth0, loopback),
      outDevice: fc.constantFrom(eth1, loopback),
      mark: near(hints, 0xffff_ffff),
      packetType: fc.constantFrom<PacketType>(
        'host',
        'broadcast',
        'multicast',
        'otherhost',
        'outgoing',
        'loopback',
      ),
      socket: anySocket(hints),
    })
    .map(({ ip, sourceMac, inDevice, outDevice, mark, packetType, socket }) => {
      const packet = new Packet()
      if (incoming && inDevice.kind === 'ethernet') {
        const type = family === 'ipv4' ? etherType.ipv4 : etherType.ipv6
        decodeFrame(
          packet,
          encode.encodeFrame({ destination: inDevice.mac, source: sourceMac, etherType: type }, ip),
        )
      } else decodeIp(packet, ip)
      const skb: Skb = {
        packet,
        mark,
        packetType,
        socket,
        circumstances: nothingSaid,
        conntrack: null,
        untracked: false,
        traced: false,
      }
      const devices = { in: incoming ? inDevice : null, out: outgoing ? outDevice : null }
      return { skb, context: contextOf(packet, hook, devices), toString: () => describeSample(skb, devices) }
    })
    .filter(({ skb: { packet } }) => packet.family === family && packet.protocol > 0)
}

/** What a failing test prints. */
function describeSample(skb: Skb, devices: Pick<HookContext, 'in' | 'out'>): string {
  const { packet } = skb
  const hex = Array.from(packet.bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const { mark, packetType, socket } = skb
  return [
    `${devices.in?.name ?? '-'} to ${devices.out?.name ?? '-'}`,
    `protocol ${packet.protocol} ${printAddress(packet.source)} > ${printAddress(packet.destination)}`,
    `offset ${packet.fragmentOffset} transport ${packet.transportLength} bytes`,
    JSON.stringify({ mark, packetType, socket }),
    hex,
  ].join(', ')
}

function near({ numbers }: Hints, max: number): fc.Arbitrary<number> {
  const fitting = numbers.filter((number) => number <= max)
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 1, max, ...fitting) },
    { weight: 1, arbitrary: fc.nat(max) },
  )
}

function anySocket(hints: Hints): fc.Arbitrary<LocalSocket | null> {
  const id = near(hints, 0xffff_fffe)
  return fc.option(
    fc.record(
      {
        uid: id,
        gid: id,
        isKernel: fc.constant(true as const),
        supplementaryGids: fc.array(id, { maxLength: 3 }),
      },
      { requiredKeys: ['uid', 'gid'] },
    ),
  )
}

function anyAddress(family: Family, { addresses }: Hints): fc.Arbitrary<Address> {
  const special =
    family === 'ipv4'
      ? ['0.0.0.0', '255.255.255.255', '224.0.0.251', '127.0.0.1', '192.168.1.255']
      : ['::', '::1', 'ff02::1', 'fe80::1', '::ffff:192.0.2.1', '2001:db8::7']
  const named = addresses.flatMap((address) => [address, beside(address, 1), beside(address, -1)])
  const words = family === 'ipv4' ? 1 : 4
  return fc.oneof(
    fc.constantFrom(...named, ...special.map((text) => parseAddress(text)!)),
    fc
      .array(fc.nat(0xffff_ffff), { minLength: words, maxLength: words })
      .map((each) => ({ family, words: each })),
  )
}

const beside = ({ family, words }: Address, step: number): Address => ({
  family,
  words: [...words.slice(0, -1), (words.at(-1)! + step) >>> 0],
})

function anyIpPacket(family: Family, hints: Hints): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      source: anyAddress(family, hints),
      destination: anyAddress(family, hints),
      payload: anyTransport(family, hints),
      ttl: near(hints, 255),
      tos: fc.nat(255),
      fragmentOffset: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 185, 8191)),
      moreFragments: fc.boolean(),
      // Padding that only makes the header longer: IPv4 options, or an IPv6 destination header.
      headerWords: fc.constantFrom(0, 0, 1, 10),
    })
    .chain(({ payload, ...fields }) =>
      (family === 'ipv6' && hints.wantsHeaders ? withHeaders(hints, payload) : fc.constant(payload)).map(
        (behind) => ({ payload: behind, ...fields }),
      ),
    )
    .map(({ payload: [protocol, transport], headerWords, ...fields }) =>
      family === 'ipv4'
        ? encode.encodeIpv4(
            { ...fields, protocol, options: new Uint8Array(4 * headerWords).fill(1) },
            transport,
          )
        : encodeIpv6({ ...fields, protocol, headerWords }, transport),
    )
}

interface Ipv6Parts {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  readonly ttl: number
  readonly tos: number
  readonly fragmentOffset: number
  readonly moreFragments: boolean
  readonly headerWords: number
}

function encodeIpv6(parts: Ipv6Parts, transport: Uint8Array): Uint8Array {
  let nextHeader = parts.protocol
  let payload = transport
  if (parts.fragmentOffset > 0 || parts.moreFragments) {
    payload = encode.encodeIpv6Fragment({ ...parts, nextHeader, id: 7 }, payload)
    nextHeader = ipProtocol.fragment
  }
  if (parts.headerWords > 0) {
    payload = encode.encodeIpv6Extension(nextHeader, new Uint8Array(8 * parts.headerWords - 2), payload)
    nextHeader = ipProtocol.destination
  }
  const { source, destination, ttl: hopLimit, tos: trafficClass } = parts
  return encode.encodeIpv6({ source, destination, nextHeader, hopLimit, trafficClass }, payload)
}

/** Up to three extension headers before the payload, of fitting, shorter and longer lengths. */
function withHeaders(
  hints: Hints,
  payload: [protocol: number, bytes: Uint8Array],
): fc.Arbitrary<[protocol: number, bytes: Uint8Array]> {
  const kinds = fc.constantFrom<number>(
    ipProtocol.destination,
    ipProtocol.destination,
    ipProtocol.routing,
    ipProtocol.routing,
    ipProtocol.ah,
    ipProtocol.fragment,
    ipProtocol.none,
    ipProtocol.hopByHop,
  )
  const header = fc.record({
    kind: kinds,
    body: fc.oneof(
      { weight: 3, arbitrary: fc.array(anyOption(hints), { maxLength: 4 }).map((all) => all.flat()) },
      { weight: 2, arbitrary: anyRouting(hints) },
      { weight: 1, arbitrary: fc.array(near(hints, 255), { maxLength: 40 }) },
    ),
    units: fc.option(fc.constantFrom(0, 1, 2, 3), { freq: 8 }),
    frag: fc.constantFrom(0, 0, 1, 6, 8, 9),
  })
  return fc.array(header, { maxLength: 3 }).map((headers) =>
    headers.reduceRight<[number, Uint8Array]>(([nextHeader, bytes], { kind, body, units, frag }) => {
      const isFragment = kind === ipProtocol.fragment
      const unit = kind === ipProtocol.ah ? 4 : 8
      const size = isFragment
        ? 8
        : Math.max(kind === ipProtocol.ah ? 12 : 8, Math.ceil((body.length + 2) / unit) * unit)
      const header = new Uint8Array(size)
      header.set(body.slice(0, size - 2), 2)
      header[0] = nextHeader
      header[1] = isFragment ? (body[0] ?? 0) & 1 : (units ?? (unit === 4 ? size / 4 - 2 : size / 8 - 1))
      if (isFragment) header.set([0, frag], 2)
      return [kind, encode.concatBytes(header, bytes)]
    }, payload),
  )
}

/** Type, length and as many bytes; often PadN, sometimes Pad1. */
const anyOption = (hints: Hints): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.constant<number[]>([0]),
    fc
      .tuple(near(hints, 63), fc.constantFrom(0, 1, 2, 4))
      .map(([type, length]) => (type === 0 ? [0] : [type, length, ...new Array<number>(length).fill(0)])),
  )

/** What stands behind the length of a routing header: type, segments left, and words or addresses. */
const anyRouting = (hints: Hints): fc.Arbitrary<number[]> =>
  fc
    .tuple(
      fc.constantFrom(0, 2, 4, 4),
      near(hints, 255),
      fc.array(near(hints, 255), { minLength: 4, maxLength: 4 }),
      fc.array(anyAddress('ipv6', hints), { maxLength: 3 }),
    )
    .map(([type, left, four, addresses]) => [
      type,
      left % 4,
      (four[0]! % 4) & 255,
      ...four.slice(1),
      ...addresses.flatMap(({ words }) =>
        words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]),
      ),
    ])

const portedProtocols = [ipProtocol.udp, ipProtocol.udplite, ipProtocol.sctp, ipProtocol.dccp]

/** A protocol and the bytes behind the IP header, often cut. */
function anyTransport(family: Family, hints: Hints): fc.Arbitrary<[protocol: number, bytes: Uint8Array]> {
  const port = near(hints, 0xffff)
  const plain = fc.uint8Array({ maxLength: 24 })
  const { strings = [] } = hints
  const junk =
    strings.length === 0
      ? plain
      : fc
          .array(fc.oneof(fc.constantFrom(...strings), fc.constantFrom(...strings).chain(pieceOf), plain), {
            maxLength: 6,
          })
          .map((parts) => encode.concatBytes(...parts))
  const ports = fc.tuple(port, port).map(([source, destination]) => {
    const bytes = new Uint8Array(4)
    encode.setU16(bytes, 0, source)
    encode.setU16(bytes, 2, destination)
    return bytes
  })
  const tcp = fc
    .record({
      ports,
      dataOffset: fc.oneof(fc.constantFrom(5, 5, 6, 8, 15), fc.nat(15)),
      flags: near(hints, 255),
      options: fc.oneof(
        fc.uint8Array({ maxLength: 44 }),
        fc.array(near(hints, 255), { maxLength: 44 }).map((bytes) => Uint8Array.from(bytes)),
      ),
    })
    .map(({ ports, dataOffset, flags, options }) => {
      const header = new Uint8Array(20)
      header.set(ports)
      header[12] = dataOffset << 4
      header[13] = flags
      return encode.concatBytes(header, options)
    })
  const ported = fc
    .tuple(fc.constantFrom(...portedProtocols), ports, junk)
    .map(([protocol, ports, rest]): [number, Uint8Array] => [
      protocol,
      encode.concatBytes(ports, new Uint8Array(4), rest),
    ])
  const icmp = fc
    .tuple(near(hints, 255), near(hints, 255), junk)
    .map(([type, code, rest]): [number, Uint8Array] => [
      family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6,
      encode.concatBytes(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), rest),
    ])
  const sctp = fc
    .tuple(ports, fc.array(anyChunk(hints), { maxLength: 3 }))
    .map(([ports, chunks]): [number, Uint8Array] => [
      ipProtocol.sctp,
      encode.concatBytes(ports, new Uint8Array(8), ...chunks),
    ])
  const dccp = fc
    .tuple(
      ports,
      fc.constantFrom(0, 3, 4, 5, 6, 7, 8),
      fc.nat(31),
      fc.array(near(hints, 255), { maxLength: 28 }),
    )
    .map(([ports, words, type, rest]): [number, Uint8Array] => [
      ipProtocol.dccp,
      encode.concatBytes(ports, Uint8Array.of(words, 0, 0, 0, type, 0, 0, 0, ...rest)),
    ])
  const spi = near(hints, 0xffff_ffff).chain((number) =>
    fc.tuple(fc.constantFrom(0, 2, 4), junk).map(([before, rest]) => {
      const bytes = new Uint8Array(12)
      bytes.set([before === 4 ? ipProtocol.tcp : 0, 4, rest[0] ?? 0, 0])
      encode.setU32(bytes, before, number)
      return encode.concatBytes(bytes, rest)
    }),
  )
  const ipsec = fc.tuple(fc.constantFrom<number>(ipProtocol.esp, ipProtocol.ah, ipProtocol.ipcomp), spi)
  const mobility = fc
    .tuple(near(hints, 255), fc.constantFrom(59, 59, 59, 6))
    .map(([type, next]): [number, Uint8Array] => [
      ipProtocol.mobility,
      Uint8Array.of(next, 0, type, 0, 0, 0, 0, 0),
    ])
  const other = fc.tuple(fc.constantFrom<number>(ipProtocol.gre, ipProtocol.esp, 99), junk)
  const whole = fc.oneof(
    { weight: 3, arbitrary: tcp.map((bytes): [number, Uint8Array] => [ipProtocol.tcp, bytes]) },
    { weight: 2, arbitrary: ported },
    { weight: 2, arbitrary: icmp },
    { weight: 1, arbitrary: other },
    { weight: 1, arbitrary: fc.oneof(sctp, dccp) },
    { weight: 1, arbitrary: fc.oneof(ipsec, ipsec, mobility) },
  )
  return fc
    .tuple(whole, fc.option(fc.nat(22), { freq: 4 }))
    .map(([[protocol, bytes], cut]) => [protocol, cut === null ? bytes : bytes.subarray(0, cut)])
}

const pieceOf = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.nat(bytes.length), fc.nat(bytes.length)).map(([from, to]) => bytes.subarray(from, to))

/** An SCTP chunk, seldom with a length that lies. */
const anyChunk = (hints: Hints): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.oneof(fc.constantFrom(0, 1, 3, 7, 64), near(hints, 255)),
      fc.nat(15),
      fc.constantFrom(0, 1, 4),
      fc.option(fc.constantFrom(0, 1, 5, 40), { freq: 6 }),
    )
    .map(([type, flags, size, lie]) => {
      const chunk = new Uint8Array(4 + ((size + 3) & ~3))
      chunk.set([type, flags, 0, lie ?? 4 + size])
      return chunk
    })
