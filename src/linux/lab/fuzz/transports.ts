/** Random transport headers and what they carry. */
import type { Family } from '../../../net/address.ts'
import {
  type Ends,
  encodeDccp,
  encodeGre,
  encodeIcmp,
  encodeIcmp6,
  encodeIpv4,
  encodeIpv6,
  encodeSctp,
  encodeTcp,
  encodeUdp,
  encodeUdpLite,
} from '../../../net/index.ts'
import type { Transport } from './packets.ts'
import type { Random } from './random.ts'
import { ports } from './world.ts'

const nothing = new Uint8Array(0)

export function randomTransport(random: Random, family: Family, ends: Ends): Transport {
  const kind = random.weighted([
    [8, 'tcp'],
    [6, 'udp'],
    [4, 'icmp'],
    [0.3, 'otherIcmp'],
    [0.5, 'sctp'],
    [0.4, 'udplite'],
    [0.3, 'gre'],
    [0.3, 'dccp'],
    [0.6, 'unknown'],
  ] as const)
  switch (kind) {
    case 'tcp':
      return tcp(random, ends)
    case 'udp':
      return udp(random, ends, family)
    case 'icmp':
      return family === 'ipv4' ? icmp(random, ends) : icmp6(random, ends)
    case 'otherIcmp':
      return family === 'ipv4'
        ? { protocol: 58, bytes: encodeIcmp({ type: 128, code: 0 }, nothing) }
        : { protocol: 1, bytes: encodeIcmp({ type: 8, code: 0 }, nothing) }
    case 'sctp':
      return {
        protocol: 132,
        bytes: encodeSctp(portsOf(random), Uint8Array.of(1, 0, 0, 20, ...random.bytes(16))),
      }
    case 'udplite':
      return { protocol: 136, bytes: encodeUdpLite(portsOf(random), payload(random), ends) }
    case 'gre':
      return { protocol: 47, bytes: encodeGre({ protocol: 0x0800 }, payload(random)) }
    case 'dccp':
      return {
        protocol: 33,
        bytes: encodeDccp({ ...portsOf(random), type: 0, sequence: 1 }, new Uint8Array(4), 20, ends),
      }
    case 'unknown':
      return {
        protocol: random.pick([99, 50, 51, 108, 135, 4, 41]),
        bytes: random.bytes(random.between(0, 40)),
      }
  }
}

const portsOf = (random: Random) => ({
  sourcePort: random.pick(ports),
  destinationPort: random.chance(0.9) ? random.pick(ports) : random.between(0, 65535),
})

function payload(random: Random): Uint8Array {
  const length = random.weighted([
    [6, 0],
    [3, random.between(1, 40)],
    [0.3, random.between(1200, 1440)],
  ])
  return random.bytes(length)
}

const SYN = 2
const RST = 4
const PSH = 8
const ACK = 16
const FIN = 1

/** MSS; SACK permitted and timestamps; a length that runs over the end; a length of 0; no-operations. */
const tcpOptions = [
  nothing,
  Uint8Array.of(2, 4, 5, 180),
  Uint8Array.of(4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0),
  Uint8Array.of(3, 9, 1, 1),
  Uint8Array.of(5, 0, 0, 0),
  Uint8Array.of(1, 1, 1, 1, 3, 3, 7, 0),
]

function tcp(random: Random, ends: Ends): Transport {
  const flags = random.weighted([
    [8, SYN],
    [2, SYN | ACK],
    [3, ACK],
    [1, ACK | PSH],
    [1, FIN | ACK],
    [1.5, RST],
    [0.5, RST | ACK],
    [0.5, 0],
    [0.5, random.next() & 255],
  ])
  const bytes = encodeTcp(
    {
      ...portsOf(random),
      sequence: random.next(),
      acknowledgement: flags & ACK ? random.next() : 0,
      flags,
      window: random.chance(0.5) ? 65535 : random.between(0, 65535),
      urgentPointer: random.chance(0.05) ? 7 : 0,
      reserved: random.chance(0.05) ? random.between(0, 15) : 0,
      options: random.pick(tcpOptions),
    },
    flags === SYN ? nothing : payload(random),
    ends,
  )
  if (random.chance(0.03)) bytes[16]! ^= 0x11
  if (random.chance(0.02)) bytes[12] = random.pick([0x00, 0x40, 0xf0])
  return { protocol: 6, bytes }
}

function udp(random: Random, ends: Ends, family: Family): Transport {
  const data = payload(random)
  const bytes = encodeUdp(
    {
      ...portsOf(random),
      ...(random.chance(0.05) ? { length: random.pick([0, 7, 8, 9, 4000]) } : {}),
      ...(random.chance(family === 'ipv4' ? 0.1 : 0.03) ? { checksum: random.pick([0, 0x1234]) } : {}),
    },
    data,
    ends,
  )
  return { protocol: 17, bytes }
}

function icmp(random: Random, ends: Ends): Transport {
  const [type, code] = random.weighted<readonly [number, number]>([
    [6, [8, 0]],
    [1, [0, 0]],
    [1.5, [3, random.between(0, 13)]],
    [0.5, [11, 0]],
    [0.3, [13, 0]],
    [0.2, [5, 1]],
    [0.2, [random.next() & 255, 0]],
  ])
  const isError = type === 3 || type === 11 || type === 5
  const body = isError ? quoted(random, 'ipv4', ends) : payload(random)
  const bytes = encodeIcmp({ type, code, rest: isError ? 0 : random.next() }, body)
  if (random.chance(0.03)) bytes[2]! ^= 0x11
  return { protocol: 1, bytes }
}

function icmp6(random: Random, ends: Ends): Transport {
  const [type, code] = random.weighted<readonly [number, number]>([
    [6, [128, 0]],
    [1, [129, 0]],
    [1.5, [1, random.between(0, 6)]],
    [0.5, [2, 0]],
    [0.5, [3, 0]],
    [0.2, [random.pick([100, 150, 200]), 0]],
  ])
  const isError = type < 128
  const body = isError ? quoted(random, 'ipv6', ends) : payload(random)
  const bytes = encodeIcmp6({ type, code, rest: isError ? 0 : random.next() }, body, ends)
  if (random.chance(0.03)) bytes[2]! ^= 0x11
  return { protocol: 58, bytes }
}

/** The packet that an ICMP error speaks of: one that went the other way, whole or cut. */
function quoted(random: Random, family: Family, { source, destination }: Ends): Uint8Array {
  const back = { source: destination, destination: source }
  const inner = random.chance(0.6) ? udp(random, back, family) : tcp(random, back)
  const packet =
    family === 'ipv4'
      ? encodeIpv4({ ...back, protocol: inner.protocol, ttl: 60, id: random.between(0, 65535) }, inner.bytes)
      : encodeIpv6({ ...back, nextHeader: inner.protocol, hopLimit: 60 }, inner.bytes)
  const header = family === 'ipv4' ? 20 : 40
  return random.chance(0.1)
    ? packet.subarray(0, random.between(0, header + 7))
    : packet.subarray(0, Math.max(header + 8, random.chance(0.5) ? header + 8 : packet.length))
}
