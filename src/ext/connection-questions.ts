/**
 * What rules can ask of a packet's connection. Each question knows its answer, and a name for its value by which
 * propositions (`ctorigsrc=192.0.2.0/24`) carry it.
 *
 * Kernel: net/netfilter/xt_conntrack.c, conntrack_mt() and ct_proto_port_check_v3(), Linux 6.18.
 */
import type { Range } from '../lang/options.ts'
import { type Prefix, parsePrefix, prefixContains, printAddress, printPrefix } from '../net/address.ts'
import type { Connection, ConntrackState, HookContext, Skb } from './context.ts'

/** A connection as one of its packets meets it. */
export interface Meeting {
  readonly connection: Connection
  readonly isReply: boolean
  readonly nowNs: bigint
}

export interface Question<T> {
  holds(value: T, meeting: Meeting): boolean
  /** For `parse` to read back, and for people. */
  name(value: T): string
  parse(name: string): T
  /** What the connection has instead, for people. */
  actual(meeting: Meeting): string
}

export type Direction = 'ORIGINAL' | 'REPLY'

const inRange = ({ low, high }: Range, number: number): boolean => low <= number && number <= high

const rangeName = ({ low, high }: Range): string => `${low}:${high}`

function parseRange(name: string): Range {
  const [low, high] = name.split(':').map(Number)
  return { low: low!, high: high! }
}

const addressOf = (tuple: 'original' | 'reply', end: 'source' | 'destination'): Question<Prefix> => ({
  holds: (prefix, { connection }) => prefixContains(prefix, connection[tuple][end]),
  name: printPrefix,
  parse: (name) => parsePrefix(name)!,
  actual: ({ connection }) => printAddress(connection[tuple][end]),
})

const portOf = (tuple: 'original' | 'reply', end: 'sourcePort' | 'destinationPort'): Question<Range> => ({
  holds: (range, { connection }) => inRange(range, connection[tuple][end]),
  name: rangeName,
  parse: parseRange,
  actual: ({ connection }) => String(connection[tuple][end]),
})

export const questions = {
  ctproto: {
    holds: (protocol, { connection }) => connection.original.protocol === protocol,
    name: String,
    parse: Number,
    actual: ({ connection }) => String(connection.original.protocol),
  } satisfies Question<number>,
  ctorigsrc: addressOf('original', 'source'),
  ctorigdst: addressOf('original', 'destination'),
  ctreplsrc: addressOf('reply', 'source'),
  ctrepldst: addressOf('reply', 'destination'),
  ctorigsrcport: portOf('original', 'sourcePort'),
  ctorigdstport: portOf('original', 'destinationPort'),
  ctreplsrcport: portOf('reply', 'sourcePort'),
  ctrepldstport: portOf('reply', 'destinationPort'),
  /** Any of these bits. */
  ctstatus: {
    holds: (bits, { connection }) => (connection.status & bits) !== 0,
    name: String,
    parse: Number,
    actual: ({ connection }) => printStatus(connection.status),
  } satisfies Question<number>,
  /** Whole seconds left. */
  ctexpire: {
    holds: (range, { connection, nowNs }) => inRange(range, connection.timeoutSeconds(nowNs)),
    name: rangeName,
    parse: parseRange,
    actual: ({ connection, nowNs }) => String(connection.timeoutSeconds(nowNs)),
  } satisfies Question<Range>,
  ctdir: {
    holds: (direction, { isReply }) => (direction === 'REPLY') === isReply,
    name: (direction) => direction,
    parse: (name) => name as Direction,
    actual: ({ isReply }) => (isReply ? 'REPLY' : 'ORIGINAL'),
  } satisfies Question<Direction>,
} as const

export type QuestionName = keyof typeof questions
export type ValueOf<Name extends QuestionName> =
  (typeof questions)[Name] extends Question<infer T> ? T : never

// --- Status

/** IPS_* bits that have a name in rules, in printing order. */
export const statusBits = { EXPECTED: 1, SEEN_REPLY: 2, ASSURED: 4, CONFIRMED: 8 } as const
const natBits = { SNAT: 16, DNAT: 32 } as const

/** `NONE` where no bit is set. */
export function printStatus(status: number): string {
  const names = Object.entries(statusBits).flatMap(([name, bit]) => (status & bit ? [name] : []))
  return names.length === 0 ? 'NONE' : names.join(',')
}

// --- State

/** In printing order. The last two are no states but marks of translated connections, beside their state. */
export const stateNames = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const
export type StateName = (typeof stateNames)[number]

/** A packet without connection is INVALID unless it is UNTRACKED: also before conntrack has seen it. */
export function stateOf({ conntrack, untracked }: Skb): ConntrackState {
  if (conntrack !== null) return conntrack.state
  return untracked ? 'UNTRACKED' : 'INVALID'
}

export function hasState(name: StateName, skb: Skb): boolean {
  if (name !== 'SNAT' && name !== 'DNAT') return stateOf(skb) === name
  return ((skb.conntrack?.connection?.status ?? 0) & natBits[name]) !== 0
}

export function meetingOf({ conntrack }: Skb, { nowNs }: HookContext): Meeting | null {
  if (conntrack === null || conntrack.connection === null) return null
  return { connection: conntrack.connection, isReply: conntrack.isReply, nowNs }
}

/** Name of the helper that expected the packet's connection, or null. */
export const helperOfMaster = ({ conntrack }: Skb): string | null =>
  conntrack?.connection?.master?.helper ?? null

/** An empty name is any helper; of a longer one than the helper's own only its beginning counts. Source: helper_mt(). */
export function isExpectedBy(helper: string, skb: Skb): boolean {
  const name = helperOfMaster(skb)
  return name !== null && (helper === '' || helper.startsWith(name))
}

// --- Propositions

type Judge = (value: string, skb: Skb, context: HookContext) => boolean

/** Judges of propositions by kind: `ctstate=NEW`, `connection` (there is one), and each question with its value. */
export const connectionFacts: Readonly<Record<string, Judge>> = {
  ctstate: (name, skb) => hasState(name as StateName, skb),
  /** `helper=ftp`, as `-m helper` compares it. */
  helper: isExpectedBy,
  connection: (_, skb, context) => meetingOf(skb, context) !== null,
  /** `connmark=5/255`: the connection's mark, ANDed with the second number, is the first. */
  connmark: (name, { conntrack }) => {
    const [mark, mask] = name.split('/').map(Number)
    const connection = conntrack?.connection ?? null
    return connection !== null && (connection.mark & mask!) >>> 0 === mark
  },
  ...Object.fromEntries(
    Object.entries(questions as unknown as Record<string, Question<unknown>>).map(
      ([kind, question]): [string, Judge] => [
        kind,
        (name, skb, context) => {
          const meeting = meetingOf(skb, context)
          return meeting !== null && question.holds(question.parse(name), meeting)
        },
      ],
    ),
  ),
}
