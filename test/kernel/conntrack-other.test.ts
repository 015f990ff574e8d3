/** Random UDP, UDP-Lite, ICMP, SCTP, GRE and other packets through a real Linux router and the engine's tracker. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  concatBytes,
  type Ends,
  encodeGre,
  encodeIcmp,
  encodeIcmp6,
  encodeIpv4,
  encodeIpv6,
  encodeIpv6Extension,
  encodeSctp,
  encodeTcp,
  encodeUdp,
  encodeUdpLite,
  setU16,
  setU32,
} from '../../src/net/encode.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { hex, runs } from './budget.ts'
import { routerUnavailable } from './router.ts'
import { endsFrom, type Side, Twin } from './twin.ts'

const unavailable = routerUnavailable()

type Family = 'ipv4' | 'ipv6'

/** Makes the payload of an IP packet; `sent` are the packets that went before. */
type Make = (
  ends: Ends,
  family: Family,
  sent: readonly Uint8Array[],
) => { protocol: number; bytes: Uint8Array }

interface Step {
  readonly side: Side
  readonly make: Make
  readonly text: string
  /** Extension headers before it (IPv6). */
  readonly extensions: readonly number[]
  /** Bytes that are missing at its end, the header telling so. */
  readonly cut: number
}

const rarely = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  )

const port = fc.constantFrom(53, 4000, 5000)
const named = <T>(arbitrary: fc.Arbitrary<T>, name: string, make: (value: T) => Make) =>
  arbitrary.map((value) => ({ text: `${name} ${JSON.stringify(value)}`, make: make(value) }))

const udp = named(
  fc.record({
    sourcePort: port,
    destinationPort: port,
    size: fc.integer({ min: 0, max: 30 }),
    sum: rarely('right', 'wrong', 'none'),
    claimed: rarely(0, -1, 1, -9, 100),
  }),
  'udp',
  ({ sourcePort, destinationPort, size, sum, claimed }) =>
    (ends) => {
      const length = Math.max(0, 8 + size + claimed)
      const fields = { sourcePort, destinationPort, length, ...(sum === 'none' ? { checksum: 0 } : {}) }
      const bytes = encodeUdp(fields, new Uint8Array(size), ends)
      if (sum === 'wrong') bytes[7]! ^= 1
      return { protocol: ipProtocol.udp, bytes }
    },
)

const udpLite = named(
  fc.record({
    sourcePort: port,
    destinationPort: port,
    size: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 240, max: 600 })),
    coverage: fc.constantFrom(0, 0, 8, 9, 12, 20, 7, 60),
    sum: fc.constantFrom('right', 'as for UDP', 'as for UDP', 'wrong', 'none'),
  }),
  'udplite',
  ({ sourcePort, destinationPort, size, coverage, sum }) =>
    (ends, family) => {
      const bytes = encodeUdpLite(
        { sourcePort, destinationPort, length: coverage },
        new Uint8Array(size),
        ends,
      )
      if (sum === 'none') setU16(bytes, 6, 0)
      if (sum === 'wrong') bytes[7]! ^= 1
      // The pseudo header says 17 instead of 136, and in IPv4 the length in one byte: the sum of the rest is more.
      const more = 119 + (family === 'ipv4' ? bytes.length - (bytes.length & 0xff) : 0)
      if (sum === 'as for UDP') setU16(bytes, 6, plusOnesComplement((bytes[6]! << 8) | bytes[7]!, more))
      return { protocol: ipProtocol.udplite, bytes }
    },
)

const plusOnesComplement = (field: number, more: number): number => {
  const sum = field + more
  return sum > 0xffff ? sum - 0xffff : sum
}

const icmp = named(
  fc.record({
    type: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(8, 0, 13, 14, 17, 18, 128, 129, 139, 140) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          1,
          2,
          9,
          15,
          16,
          19,
          40,
          127,
          130,
          133,
          134,
          135,
          136,
          137,
          138,
          143,
          144,
          255,
        ),
      },
    ),
    code: rarely(0, 1),
    id: fc.constantFrom(1, 2),
    sum: rarely('right', 'wrong'),
    other: rarely(false, true),
  }),
  'icmp',
  ({ type, code, id, sum, other }) =>
    (ends, family) => {
      const fields = { type, code, rest: id * 65536 + 7 }
      const isIcmp6 = (family === 'ipv6') !== other
      const bytes = isIcmp6 ? encodeIcmp6(fields, hex('6162'), ends) : encodeIcmp(fields, hex('6162'))
      if (sum === 'wrong') bytes[3]! ^= 1
      return { protocol: isIcmp6 ? ipProtocol.icmp6 : ipProtocol.icmp, bytes }
    },
)

/** An error about an earlier packet, more or less. */
const icmpError = named(
  fc.record({
    type: fc.constantFrom(3, 3, 4, 5, 11, 12, 1, 2, 100),
    code: fc.constantFrom(0, 1, 4),
    about: fc.nat({ max: 20 }),
    spoil: rarely('nothing', 'protocol', 'fragment', 'port', 'source', 'version'),
    length: rarely(1000, 0, 12, 20, 23, 24, 27, 28, 40, 43, 44, 48),
    swap: rarely(false, true),
    sum: rarely('right', 'wrong'),
  }),
  'icmp-error',
  ({ type, code, about, spoil, length, swap, sum }) =>
    (ends, family, sent) => {
      const quoted = (sent[sent.length === 0 ? 0 : about % sent.length] ?? new Uint8Array(0)).slice(0, length)
      const six = family === 'ipv6'
      if (quoted.length > 30) {
        if (spoil === 'protocol') quoted[six ? 6 : 9] = 99
        if (spoil === 'fragment') quoted[six ? 6 : 7] = six ? 44 : 1
        if (spoil === 'port') quoted[six ? 41 : 21]! ^= 1
        if (spoil === 'source') quoted[six ? 23 : 15]! ^= 1
        if (spoil === 'version') quoted[0]! ^= 0x20
        if (swap) swapEnds(quoted, six)
      }
      const bytes = six ? encodeIcmp6({ type, code }, quoted, ends) : encodeIcmp({ type, code }, quoted)
      if (sum === 'wrong') bytes[3]! ^= 1
      return { protocol: six ? ipProtocol.icmp6 : ipProtocol.icmp, bytes }
    },
)

function swapEnds(packet: Uint8Array, six: boolean): void {
  const [at, size] = six ? [8, 16] : [12, 4]
  const source = packet.slice(at, at + size)
  packet.copyWithin(at, at + size, at + 2 * size)
  packet.set(source, at + size)
}

const chunk = fc.record({
  type: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(1, 2, 10, 11, 0, 3) },
    { weight: 3, arbitrary: fc.constantFrom(4, 5, 6, 7, 8, 9, 14) },
    { weight: 1, arbitrary: fc.constantFrom(12, 130, 192) },
  ),
  flags: rarely(0, 1, 2),
  tag: fc.constantFrom(0x11111111, 0x22222222),
  size: rarely(16, 0, 3, 5),
  claimed: rarely(0, -20, 100, 2),
})

interface SctpPacket {
  readonly sourcePort: number
  readonly tag: number
  readonly chunks: readonly {
    readonly type: number
    readonly flags: number
    readonly tag: number
    readonly size: number
    readonly claimed: number
  }[]
  readonly sum: string
}

const sctp = named(
  fc.record({
    sourcePort: fc.constantFrom(4000, 80),
    tag: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(0, 0x11111111, 0x22222222) },
      { weight: 1, arbitrary: fc.constant(0x33333333) },
    ),
    chunks: fc.oneof(
      { weight: 3, arbitrary: fc.array(chunk, { minLength: 1, maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(chunk, { minLength: 0, maxLength: 3 }) },
    ),
    sum: rarely('right', 'wrong'),
  }),
  'sctp',
  makeSctp,
)

function makeSctp({ sourcePort, tag, chunks, sum }: SctpPacket): Make {
  return () => {
    const bodies = chunks.map(({ type, flags, tag: initTag, size, claimed }) => {
      const bytes = new Uint8Array(4 + Math.ceil(size / 4) * 4)
      bytes[0] = type
      bytes[1] = flags
      setU16(bytes, 2, Math.max(0, 4 + size + claimed))
      if (size >= 4) setU32(bytes, 4, initTag)
      return bytes
    })
    const fields = { sourcePort, destinationPort: 4080 - sourcePort, verificationTag: tag }
    const bytes = encodeSctp(fields, concatBytes(...bodies))
    if (sum === 'wrong') bytes[8]! ^= 1
    return { protocol: ipProtocol.sctp, bytes }
  }
}

/** INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE: the life of an association. */
const association: readonly Step[] = (
  [
    ['client', 1, 0, 0x11111111],
    ['server', 2, 0x11111111, 0x22222222],
    ['client', 10, 0x22222222, 0],
    ['server', 11, 0x11111111, 0],
    ['client', 7, 0x22222222, 0],
    ['server', 8, 0x11111111, 0],
    ['client', 14, 0x22222222, 0],
  ] as const
).map(([side, type, tag, initTag]) => {
  const sourcePort = side === 'client' ? 4000 : 80
  const packet = {
    sourcePort,
    tag,
    chunks: [{ type, flags: 0, tag: initTag, size: 16, claimed: 0 }],
    sum: 'right',
  }
  return { side, extensions: [], cut: 0, text: `sctp ${JSON.stringify(packet)}`, make: makeSctp(packet) }
})

const gre = named(
  fc.record({
    version: fc.constantFrom(0, 1, 1, 2),
    protocol: rarely(0x880b, 0x0800),
    call: fc.constantFrom(1, 2),
    size: rarely(20, 0, 2, 3),
  }),
  'gre',
  ({ version, protocol, call, size }) =>
    () => {
      const bytes = encodeGre({ protocol, key: call }, new Uint8Array(20))
      bytes[1] = version
      return { protocol: ipProtocol.gre, bytes: bytes.slice(0, size === 20 ? 28 : size) }
    },
)

const generic = named(
  fc.record({ protocol: fc.constantFrom(99, 33, 50, 51, 255, 2, 4), size: fc.constantFrom(0, 1, 24) }),
  'protocol',
  ({ protocol, size }) =>
    () => ({ protocol, bytes: new Uint8Array(size) }),
)

const tcp = named(fc.record({ sourcePort: port, destinationPort: port }), 'tcp', (ports) => (ends) => ({
  protocol: ipProtocol.tcp,
  bytes: encodeTcp({ ...ports, sequence: 1000, flags: 2 }, new Uint8Array(0), ends),
}))

const stepOf = (kinds: fc.Arbitrary<{ text: string; make: Make }>): fc.Arbitrary<Step> =>
  fc
    .record({
      side: fc.constantFrom<Side>('client', 'server'),
      kind: kinds,
      extensions: rarely<number[]>([], [60], [0], [0, 60], [43], [51], [60, 59], [44]),
      cut: rarely(0, 1, 5, 9, 20),
    })
    .map(({ side, kind, extensions, cut }) => ({ side, extensions, cut, ...kind }))

function packetOf(step: Step, family: Family, client: number, sent: readonly Uint8Array[]): Uint8Array {
  const ends = endsFrom(family, step.side, client)
  const { protocol, bytes } = step.make(ends, family, sent)
  const payload = bytes.slice(0, Math.max(0, bytes.length - step.cut))
  if (family === 'ipv4') return encodeIpv4({ ...ends, protocol }, payload)
  const { nextHeader, body } = step.extensions.reduceRight(
    (inner, kind) => ({
      nextHeader: kind,
      body:
        kind === 59
          ? inner.body
          : encodeIpv6Extension(inner.nextHeader, extensionBodies[kind] ?? new Uint8Array(6), inner.body),
    }),
    { nextHeader: protocol, body: payload as Uint8Array },
  )
  return encodeIpv6({ ...ends, nextHeader }, body)
}

/** AH counts its length in words of 4, less 2; a routing header without segments left is no matter. */
const extensionBodies: Readonly<Record<number, Uint8Array>> = {
  51: new Uint8Array(6),
  43: hex('040000000000'),
}

describe.skipIf(unavailable !== null)(`other protocols through the kernel (${unavailable ?? 'here'})`, () => {
  let twin: Twin
  beforeAll(() => {
    twin = new Twin()
  })
  afterAll(() => twin.close())

  const mixed = fc.oneof(udp, icmp, icmpError, tcp, generic, icmpError)
  for (const [name, kinds, sysctls] of [
    ['UDP', udp, {}],
    ['UDP without checksums', udp, { checksum: 0 }],
    ['UDP-Lite', udpLite, {}],
    ['ICMP', icmp, {}],
    ['errors', mixed, {}],
    ['SCTP', sctp, {}],
    ['GRE', gre, {}],
    ['others, counted', generic, { acct: 1 }],
  ] as const) {
    test(`${name}: the same states`, () => {
      twin.configure({ checksum: 1, acct: 0, ...sysctls })
      const opening = name === 'SCTP' ? association : []
      fc.assert(
        fc.property(
          fc.nat({ max: opening.length }),
          fc.array(stepOf(kinds), { minLength: 1, maxLength: 12 }),
          fc.constantFrom('ipv4' as const, 'ipv6' as const),
          (openingLength, steps, family) => {
            const client = twin.nextClient()
            const log: string[] = []
            const sent: Uint8Array[] = []
            for (const step of [...opening.slice(0, openingLength), ...steps]) {
              const packet = packetOf(step, family, client, sent)
              sent.push(packet)
              const kernel = twin.kernel(step.side, packet)
              const engine = twin.engine(step.side, packet)
              const tables = twin.tables(family, client)
              const before = step.extensions.length > 0 ? `behind ${step.extensions}, ` : ''
              log.push(`${step.side} ${before}${step.text}${step.cut > 0 ? ` cut ${step.cut}` : ''}`)
              log.push(`    ${kernel} | ${tables.kernel.join('; ')}`)
              const told = `\n${family}\n${log.join('\n')}\n`
              expect(engine, told).toBe(kernel)
              expect(tables.engine, told).toEqual(tables.kernel)
            }
          },
        ),
        { numRuns: runs(40) },
      )
    })
  }
})
