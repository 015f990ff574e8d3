/** What became of one packet. */

import type { OpenQuestion, RecentList } from '../ext/context.ts'
import type { Hook, Rule, TableName, TargetUse } from '../lang/rule.ts'

/**
 * `accept`: delivered or sent on; `reject`: dropped by a target that answered; `unknown`: a rule asked for what nobody
 * said, so its way ended there, and what it would have done is not known; `drop`: anything else.
 */
export type Verdict = 'accept' | 'drop' | 'reject' | 'unknown'

/** Names a rule: number counts from 1 within its chain. Printed `filter/INPUT:3`. */
export interface RuleRef {
  readonly table: TableName
  readonly chain: string
  readonly number: number
}

export const printRuleRef = ({ table, chain, number }: RuleRef): string => `${table}/${chain}:${number}`

export interface SentFrame {
  /** Device it left by. */
  readonly if: string
  /** The whole frame, link header first (none on loopback, which sends nothing out). */
  readonly bytes: Uint8Array
}

export interface Outcome {
  readonly verdict: Verdict
  /** `filter/INPUT:3`, `policy`, or `host` where no rule decided (no route, TTL at its end, not for us). */
  readonly by: string
  /** One sentence: why. */
  readonly why: string
  /** Every rule whose counters moved, in order (also those moved by packets that this one caused). */
  readonly hits: readonly RuleRef[]
  /** Base chains whose policy counted, in order: `filter/INPUT`. */
  readonly policies: readonly string[]
  readonly sent: readonly SentFrame[]
  /** Whether the packet reached the local stack. */
  readonly delivered: boolean
  readonly log: readonly string[]
  /** Connection state of the packet (NEW, ESTABLISHED ...); absent unless connections are tracked. */
  readonly state?: string
  /**
   * What listening sockets got, where the host is given any: `tcp LOCAL < REMOTE` for a connection that stands now,
   * `udp LOCAL < REMOTE` for a datagram.
   */
  readonly accepted?: readonly string[]
  /** Who dropped an answer of the host's sockets, as `by`. */
  readonly lostBy?: string
  /** The first thing that a rule asked and nobody said, of this packet or one that it caused. */
  readonly openQuestion?: OpenQuestion
}

/** One thing that happened on the way; a trace is the list of them. */
export type TraceEvent =
  | { readonly kind: 'packet'; readonly text: string; readonly origin: 'received' | 'sent' | 'generated' }
  | { readonly kind: 'hook'; readonly hook: Hook; readonly in: string | null; readonly out: string | null }
  | { readonly kind: 'enter'; readonly table: TableName; readonly chain: string }
  | {
      readonly kind: 'rule'
      readonly ref: RuleRef
      readonly rule: Rule
      readonly matched: boolean
      /** The first condition that failed, in the rule's own words, and why; null when it matched. */
      readonly failed: { readonly condition: string; readonly why: string } | null
      /** What matches read and wrote ("recent seenping: 198.51.100.7 seen 0.5 s ago"). */
      readonly notes: readonly string[]
      readonly target: TargetUse
    }
  | { readonly kind: 'return'; readonly table: TableName; readonly chain: string; readonly to: string }
  | { readonly kind: 'policy'; readonly table: TableName; readonly chain: string; readonly policy: string }
  /** Anything the host does between the tables: routing, TTL, defragmentation, tracking, a log line. */
  | { readonly kind: 'host'; readonly text: string }
  | { readonly kind: 'verdict'; readonly text: string }

export type TraceSink = (event: TraceEvent) => void
export type { RecentList }
