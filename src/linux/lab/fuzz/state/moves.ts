/** Random conversations, before anyone knows what they look like on the other side of the gateway. */
import type { Family } from '../../../../net/address.ts'
import type { RulesDraft } from '../draft.ts'
import { Random } from '../random.ts'
import { withExtensions } from './extension-rules.ts'
import { randomStateRules } from './rules.ts'
import { naturalSegments, randomSegment, type Segment } from './segments.ts'
import type { Entrance, Name } from './world.ts'

export const protocols = {
  tcp: 6,
  udp: 17,
  udplite: 136,
  echo: 1,
  timestamp: 1,
  sctp: 132,
  gre: 47,
  pptp: 47,
  esp: 50,
  dccp: 33,
  unknown: 99,
} as const
export type Protocol = keyof typeof protocols

/** `near` sent the first packet (or would have), `far` is who it was for. */
export type Side = 'near' | 'far'

export interface Flow {
  readonly entrance: Entrance
  readonly source: Name
  readonly destination: Name
  readonly protocol: Protocol
  readonly sourcePort: number
  readonly destinationPort: number
}

export type What =
  | { readonly kind: 'segment'; readonly segment: Segment }
  | { readonly kind: 'data'; readonly size: number }
  /** SCTP. */
  | { readonly kind: 'chunk'; readonly type: number; readonly tag: number; readonly initTag: number }
  /** An ICMP error about what the side got last (as it came out), or about what it sent itself. */
  | {
      readonly kind: 'error'
      readonly about: 'received' | 'own'
      readonly type: number
      readonly code: number
      /** Bytes quoted at most. */
      readonly length: number
      readonly from: 'end' | 'router' | 'stranger'
      readonly spoil: 'nothing' | 'protocol' | 'port' | 'source' | 'swap'
    }
  /** What the side sent last, once more. */
  | { readonly kind: 'again' }

export interface Move {
  /** Index of the flow. */
  readonly flow: number
  readonly side: Side
  readonly what: What
  readonly spoil: 'nothing' | 'checksum' | 'cut' | 'ttl' | 'entrance'
  /** In how many pieces it comes, and how they do. */
  readonly pieces: {
    readonly count: number
    readonly how: 'in-order' | 'backwards' | 'overlapping' | 'incomplete' | 'twice'
  }
}

export interface StateDraft {
  readonly seed: number
  readonly family: Family
  readonly sysctls: readonly (readonly [string, string])[]
  readonly rules: RulesDraft
  readonly flows: readonly Flow[]
  readonly moves: readonly Move[]
}

const ct = 'net.netfilter.nf_conntrack_'
const sysctlChoices: readonly (readonly (readonly [string, string])[])[] = [
  [],
  [],
  [],
  [],
  [[`${ct}tcp_loose`, '0']],
  [[`${ct}tcp_be_liberal`, '1']],
  [[`${ct}tcp_max_retrans`, '1']],
  [[`${ct}tcp_ignore_invalid_rst`, '1']],
  [[`${ct}checksum`, '0']],
  [[`${ct}acct`, '1']],
]

/** The same seed makes the same conversations. */
export function drawConversations(seed: number): StateDraft {
  const random = new Random(seed)
  const family = random.weighted<Family>([
    [2, 'ipv4'],
    [1, 'ipv6'],
  ])
  const sysctls = random.pick(sysctlChoices)
  const plain = randomStateRules(random, family)
  const rules = random.chance(0.4) ? withExtensions(random, family, plain) : plain
  const flows = Array.from({ length: random.between(8, 22) }, () => randomFlow(random))
  return { seed, family, sysctls, rules, flows, moves: weave(random, flows) }
}

function randomFlow(random: Random): Flow {
  const entrance = random.weighted<Entrance>([
    [4, 'eth0'],
    [4, 'eth1'],
    [1, 'eth2'],
    [2, 'out'],
  ])
  const sources: Readonly<Record<Entrance, readonly Name[]>> = {
    eth0: ['client', 'client', 'client2', 'far'],
    eth1: ['server', 'server2'],
    eth2: ['other'],
    out: ['gateway', 'gateway', 'inner'],
  }
  const destinations: Readonly<Record<Entrance, readonly Name[]>> = {
    eth0: ['gateway', 'gateway', 'inner', 'server', 'server', 'server2', 'public', 'other', 'nowhere'],
    eth1: ['far', 'far', 'client', 'client2', 'other', 'gateway', 'public', 'nowhere', 'server2'],
    eth2: ['second', 'server', 'gateway', 'client'],
    out: ['far', 'client', 'server', 'server2', 'other', 'gateway'],
  }
  // What the host sends from elsewhere may come back to it and be answered by a wire: the lab cannot tell that apart.
  const stray = entrance !== 'out' && random.chance(0.06)
  return {
    entrance,
    source: stray ? random.pick(['client', 'server', 'far'] as const) : random.pick(sources[entrance]),
    destination: random.pick(destinations[entrance]),
    protocol: random.weighted<Protocol>([
      [9, 'tcp'],
      [7, 'udp'],
      [4, 'echo'],
      [1, 'timestamp'],
      [1, 'udplite'],
      [1, 'sctp'],
      [0.5, 'gre'],
      [0.5, 'pptp'],
      [0.5, 'esp'],
      [0.3, 'dccp'],
      [0.3, 'unknown'],
    ]),
    sourcePort: random.weighted([
      [3, random.pick([4000, 4001, 80, 511, 1000])],
      [4, random.between(20_000, 60_000)],
    ]),
    destinationPort: random.pick([80, 53, 7, 100]),
  }
}

/** The moves of every flow in their order, woven into each other. */
function weave(random: Random, flows: readonly Flow[]): Move[] {
  const queues = flows.map((flow, index) => movesOf(random, flow, index))
  const woven: Move[] = []
  for (;;) {
    const open = queues.filter((queue) => queue.length > 0)
    if (open.length === 0) return woven
    // Mostly the older ones, so that conversations overlap without all beginning at once.
    woven.push(open[random.between(0, Math.min(3, open.length - 1))]!.shift()!)
  }
}

function movesOf(random: Random, flow: Flow, index: number): Move[] {
  const natural = naturalMoves(random, flow)
  const moves: Move[] = []
  for (const [side, what] of natural) {
    while (random.chance(0.22)) moves.push(dressed(random, index, ...oddMove(random, flow)))
    if (random.chance(0.97)) moves.push(dressed(random, index, side, what))
    // Reordered or lost on the way.
    if (moves.length > 1 && random.chance(0.04)) moves.push(...moves.splice(-2).reverse())
  }
  for (let left = random.between(0, 4); left > 0; left--)
    moves.push(dressed(random, index, ...oddMove(random, flow)))
  return moves
}

function dressed(random: Random, flow: number, side: Side, what: What): Move {
  const isWhole = what.kind === 'again' || !random.chance(0.06)
  const count = isWhole ? 1 : random.between(2, 3)
  return {
    flow,
    side,
    what,
    spoil: random.weighted<Move['spoil']>([
      [40, 'nothing'],
      [1, 'checksum'],
      [1, 'cut'],
      [1, 'ttl'],
      [0.5, 'entrance'],
    ]),
    pieces: {
      count,
      how: random.weighted<Move['pieces']['how']>([
        [4, 'in-order'],
        [2, 'backwards'],
        [1, 'overlapping'],
        [1, 'incomplete'],
        [1, 'twice'],
      ]),
    },
  }
}

function naturalMoves(random: Random, { protocol }: Flow): (readonly [Side, What])[] {
  switch (protocol) {
    case 'tcp':
      return naturalSegments(random).map(({ side, segment }) => [side, { kind: 'segment', segment }])
    case 'sctp':
      return association.slice(0, random.between(1, association.length))
    default:
      return Array.from({ length: random.between(1, 5) }, (_, at) => [
        at === 0 || random.chance(0.4) ? 'near' : 'far',
        { kind: 'data', size: randomSize(random) },
      ])
  }
}

const randomSize = (random: Random): number =>
  random.weighted([
    [4, random.between(0, 40)],
    [1, random.between(41, 1372)],
    [0.3, random.between(1373, 1440)],
  ])

const nearTag = 0x11111111
const farTag = 0x22222222

/** The life of an SCTP association: INIT and its answer, cookies, shutdown. RFC 9260. */
const association: readonly (readonly [Side, What])[] = (
  [
    ['near', 1, 0, nearTag],
    ['far', 2, nearTag, farTag],
    ['near', 10, farTag, 0],
    ['far', 11, nearTag, 0],
    ['near', 0, farTag, 0],
    ['far', 3, nearTag, 0],
    ['near', 7, farTag, 0],
    ['far', 8, nearTag, 0],
    ['near', 14, farTag, 0],
  ] as const
).map(([side, type, tag, initTag]) => [side, { kind: 'chunk', type, tag, initTag }])

function oddMove(random: Random, { protocol }: Flow): readonly [Side, What] {
  const side = random.pick(['near', 'far'] as const)
  const kind = random.weighted<'again' | 'error' | 'other'>([
    [1, 'again'],
    [2, 'error'],
    [protocol === 'tcp' ? 4 : 2, 'other'],
  ])
  if (kind === 'again') return [side, { kind: 'again' }]
  if (kind === 'error') return [side, randomError(random)]
  if (protocol === 'tcp') return [side, { kind: 'segment', segment: randomSegment(random) }]
  if (protocol === 'sctp') {
    const tag = (): number => random.pick([nearTag, farTag, nearTag, farTag, 0])
    const type = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14])
    return [side, { kind: 'chunk', type, tag: tag(), initTag: tag() }]
  }
  return [side, { kind: 'data', size: randomSize(random) }]
}

const randomError = (random: Random): What => ({
  kind: 'error',
  about: random.weighted([
    [4, 'received' as const],
    [1, 'own' as const],
  ]),
  type: random.pick([3, 3, 3, 11, 4, 5, 12]),
  code: random.pick([0, 1, 3, 4]),
  length: random.weighted([
    [6, 1000],
    [1, 28],
    [1, 48],
    [1, random.pick([0, 12, 20, 23, 24, 27, 40, 43, 44, 47])],
  ]),
  from: random.pick(['end', 'router', 'stranger'] as const),
  spoil: random.weighted([
    [8, 'nothing' as const],
    [1, random.pick(['protocol', 'port', 'source', 'swap'] as const)],
  ]),
})
