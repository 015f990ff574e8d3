/** Random TCP conversations through a real Linux router and through the engine's tracker. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeIpv4, encodeIpv6, encodeTcp } from '../../src/net/encode.ts'
import { hex, runs } from './budget.ts'
import { routerUnavailable } from './router.ts'
import { endsFrom, type Side, Twin } from './twin.ts'

const unavailable = routerUnavailable()

/** A segment in terms of what was sent before. */
interface Step {
  readonly side: Side
  readonly flags: number
  /** Where the sequence number counts from, and how far. */
  readonly from: 'next' | 'first' | 'window' | 'zero' | 'anywhere'
  readonly offset: number
  /** What it acknowledges. */
  readonly ack: 'next' | 'old' | 'zero' | 'anywhere' | 'own'
  readonly ackOffset: number
  readonly length: number
  readonly window: number
  readonly options: string
  readonly breakage: 'none' | 'checksum' | 'offset'
}

const fin = 1
const syn = 2
const rst = 4
const psh = 8
const ack = 16
const urg = 32

const flags = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(ack, ack, psh | ack) },
  { weight: 5, arbitrary: fc.constantFrom(syn, syn | ack) },
  { weight: 4, arbitrary: fc.constant(fin | ack) },
  { weight: 4, arbitrary: fc.constantFrom(rst, rst | ack) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, fin, syn | fin, syn | rst, urg | ack, 0xc0 | syn, 0xff, psh, fin | rst),
  },
)

const nearby = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: -3000, max: 3000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      -66001,
      -66000,
      -65999,
      -65536,
      -65535,
      65535,
      65536,
      70000,
      1 << 30,
      -(1 << 31),
    ),
  },
)

const synOptions = [
  '',
  '',
  '0402',
  '030307',
  '03030704020101',
  '0204058004020303080101'.slice(0, 20),
  '03031f00',
  '0303',
]
const laterOptions = [
  '',
  '',
  '',
  '0101080a0000000100000002',
  'sack:0',
  'sack:1',
  'sack:-1',
  'sack:100',
  '050a00000000',
  '0101050200',
]

const step: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom<Side>('client', 'server'),
  flags,
  from: fc.oneof(
    { weight: 12, arbitrary: fc.constant('next' as const) },
    { weight: 4, arbitrary: fc.constantFrom('window' as const, 'first' as const) },
    { weight: 1, arbitrary: fc.constantFrom('zero' as const, 'anywhere' as const) },
  ),
  offset: nearby,
  ack: fc.oneof(
    { weight: 12, arbitrary: fc.constant('next' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('old' as const, 'zero' as const, 'anywhere' as const, 'own' as const),
    },
  ),
  ackOffset: nearby,
  length: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 10 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 1400 }) },
  ),
  window: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(65535, 1000) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 10, 500) },
  ),
  options: fc.constantFrom(...synOptions, ...laterOptions),
  breakage: fc.oneof(
    { weight: 40, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constantFrom('checksum' as const, 'offset' as const) },
  ),
})

/** Starts that random steps seldom make: the rest of a run begins in every state. */
const usual = (side: Side, flagBits: number, length = 0, options = ''): Step => ({
  side,
  flags: flagBits,
  from: 'next',
  offset: 0,
  ack: 'next',
  ackOffset: 0,
  length,
  window: 65535,
  options,
  breakage: 'none',
})
const handshake = (options: string): Step[] => [
  usual('client', syn, 0, options),
  usual('server', syn | ack, 0, options),
  usual('client', ack),
]
const talk = [usual('client', psh | ack, 100), usual('server', psh | ack, 200), usual('client', ack)]
const farewell = [
  usual('client', fin | ack),
  usual('server', ack),
  usual('server', fin | ack),
  usual('client', ack),
]
const openings: readonly (readonly Step[])[] = [
  [],
  [usual('client', syn)],
  [usual('client', syn), usual('server', syn | ack)],
  [usual('client', syn), usual('server', syn)],
  handshake(''),
  handshake('03030704020101'),
  [...handshake('0402'), ...talk],
  [...handshake('030302'), ...talk, farewell[0]!],
  [...handshake(''), ...talk, ...farewell.slice(0, 2)],
  [...handshake(''), ...talk, ...farewell.slice(0, 3)],
  [...handshake(''), ...talk, ...farewell],
  [...handshake(''), ...talk, usual('server', rst | ack)],
  [usual('client', ack, 10), usual('server', ack, 10)],
]

const conversation = fc.record({
  opening: fc.integer({ min: 0, max: openings.length - 1 }),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
  family: fc.constantFrom('ipv4' as const, 'ipv4' as const, 'ipv6' as const),
})

/** Where the two ends have got to; makes the bytes of each step. */
class Conversation {
  readonly #next = { client: 0x3fff_fff0, server: 0x7fff_ff00 }
  readonly #first = { ...this.#next }
  readonly #offered = { client: 0, server: 0 }
  readonly family: 'ipv4' | 'ipv6'
  readonly #client: number

  constructor(family: 'ipv4' | 'ipv6', client: number) {
    this.family = family
    this.#client = client
  }

  packet(step: Step): Uint8Array {
    const { side } = step
    const other = side === 'client' ? 'server' : 'client'
    const sequence = this.#sequence(step) >>> 0
    const acknowledgement = this.#acknowledgement(step) >>> 0
    const options = this.#options(step.options, acknowledgement)
    const ends = endsFrom(this.family, side, this.#client)
    const [sourcePort, destinationPort] = side === 'client' ? [4000, 80] : [80, 4000]
    const fields = {
      sourcePort,
      destinationPort,
      sequence,
      acknowledgement,
      flags: step.flags,
      window: step.window,
      options,
    }
    const tcp = encodeTcp(fields, new Uint8Array(step.length).fill(0x61), ends)
    if (step.breakage === 'offset') tcp[12] = 0x40
    if (step.breakage === 'checksum') tcp[16]! ^= 1
    const end = sequence + step.length + ((step.flags & syn) >>> 1) + (step.flags & fin)
    if (step.from === 'next' && step.offset === 0) this.#next[side] = end >>> 0
    if (step.flags & syn && step.from !== 'first') this.#first[side] = sequence
    this.#offered[other] = acknowledgement + step.window
    return this.family === 'ipv4'
      ? encodeIpv4({ ...ends, protocol: 6 }, tcp)
      : encodeIpv6({ ...ends, nextHeader: 6 }, tcp)
  }

  #sequence({ side, from, offset }: Step): number {
    const bases = {
      next: this.#next[side],
      first: this.#first[side],
      window: this.#offered[side],
      zero: 0,
      anywhere: 0x1234_5678,
    }
    return bases[from] + offset
  }

  #acknowledgement({ side, flags: bits, ack: what, ackOffset }: Step): number {
    if ((bits & ack) === 0 && what === 'next') return 0
    const other = side === 'client' ? 'server' : 'client'
    const bases = {
      next: this.#next[other],
      old: this.#first[other],
      zero: 0,
      anywhere: 0x8765_4321,
      own: this.#next[side],
    }
    return bases[what] + ackOffset
  }

  #options(text: string, acknowledgement: number): Uint8Array {
    const [, beyond] = /^sack:(-?\d+)$/.exec(text) ?? []
    if (beyond === undefined) return hex(text)
    const edge = (acknowledgement + Number(beyond)) >>> 0
    return hex(`0101050a${(edge >>> 0).toString(16).padStart(8, '0')}${edge.toString(16).padStart(8, '0')}`)
  }
}

const print = ({ flags: bits, ...step }: Step): string =>
  `${step.side} ${'FSRPAUEC'
    .split('')
    .filter((_, at) => bits & (1 << at))
    .join('')} ${JSON.stringify(step)}`

describe.skipIf(unavailable !== null)(`TCP through the kernel (${unavailable ?? 'here'})`, () => {
  let twin: Twin
  beforeAll(() => {
    twin = new Twin()
  })
  afterAll(() => twin.close())

  const defaults = {
    tcp_loose: 1,
    tcp_be_liberal: 0,
    tcp_max_retrans: 3,
    tcp_ignore_invalid_rst: 0,
    checksum: 1,
  }
  for (const { pauses = false, ...sysctls } of [
    {},
    { tcp_loose: 0 },
    { tcp_be_liberal: 1 },
    { tcp_ignore_invalid_rst: 1, tcp_max_retrans: 1 },
    { checksum: 0 },
    { pauses: true },
  ]) {
    const name = pauses ? 'a pause in tracking' : JSON.stringify(sysctls)
    test(`the same states with ${name}`, () => {
      twin.configure({ ...defaults, ...sysctls })
      fc.assert(
        fc.property(conversation, ({ opening, steps, family }) => {
          const client = twin.nextClient()
          const talking = new Conversation(family, client)
          const log: string[] = []
          for (const [at, each] of [...openings[opening]!, ...steps].entries()) {
            if (pauses && at === openings[opening]!.length) twin.pause()
            const packet = talking.packet(each)
            const kernel = twin.kernel(each.side, packet)
            const engine = twin.engine(each.side, packet)
            const tables = twin.tables(family, client)
            log.push(`${print(each)}\n    ${kernel} | ${tables.kernel.join('; ')}`)
            const told = `\n${log.join('\n')}\n`
            expect(engine, told).toBe(kernel)
            expect(tables.engine, told).toEqual(tables.kernel)
          }
        }),
        { numRuns: runs(pauses ? 25 : 40) },
      )
    })
  }
})
