/**
 * The ruleset: the only model of rules. Text is parsed into it once; the engine compiles it, the prover
 * analyses it, the printers write it back.
 */
import type { Address, Family, Prefix } from '../net/address.ts'
import type { Span } from './source.ts'

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security'
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING'
export type Policy = 'ACCEPT' | 'DROP'

/** In the order in which a packet meets them. */
export const hooks: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']

/** Base chains of each table, in hook order. Source: `valid_hooks` in net/ipv4/netfilter/iptable_*.c, Linux 6.18. */
export const tableHooks: Readonly<Record<TableName, readonly Hook[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
}

export interface Negatable<T> {
  readonly value: T
  readonly inverted: boolean
}

export interface Counters {
  readonly packets: bigint
  readonly bytes: bigint
}

/**
 * A part of a rule's text, by its distance from the rule's end: rules that differ in their addresses share their matches
 * and targets. `spanOfUse` makes a place in the source of it.
 */
export interface SpanInRule {
  /** Characters from the beginning of the part to the end of the rule. */
  readonly beforeEnd: number
  readonly length: number
}

/** One `-m NAME ...` of a rule. Rules may share it. `data` belongs to the extension of that name and is opaque elsewhere. */
export interface MatchUse {
  readonly kind: 'known'
  readonly name: string
  readonly data: unknown
  readonly span: SpanInRule | null
}

/** An extension that the registry lacks: kept as its words, reported, printed back. */
export interface UnknownUse {
  readonly kind: 'unknown'
  readonly name: string
  /** The words behind the name, unquoted. */
  readonly words: readonly string[]
  readonly span: SpanInRule | null
}

export type TargetUse =
  /** No `-j` at all: the rule counts and the packet goes on. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'verdict'
      readonly verdict: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE'
      readonly span: SpanInRule | null
    }
  /** `-j CHAIN` or, with `goto`, `-g CHAIN`. */
  | {
      readonly kind: 'chain'
      readonly chain: string
      readonly goto: boolean
      readonly span: SpanInRule | null
    }
  | {
      readonly kind: 'extension'
      readonly name: string
      readonly data: unknown
      readonly span: SpanInRule | null
    }
  | {
      readonly kind: 'unknown'
      readonly name: string
      readonly words: readonly string[]
      readonly span: SpanInRule | null
    }

export interface Rule {
  readonly source: Negatable<Prefix> | null
  readonly destination: Negatable<Prefix> | null
  /** Name, or a prefix ending in `+`. Null when any. */
  readonly inInterface: Negatable<string> | null
  readonly outInterface: Negatable<string> | null
  /** Protocol number, 1 to 255; null when any. */
  readonly protocol: Negatable<number> | null
  /** `-f` (IPv4): second and further fragments. Null when not asked. */
  readonly fragment: Negatable<true> | null
  readonly matches: readonly (MatchUse | UnknownUse)[]
  readonly target: TargetUse
  /** Counters the text gave (`-c`, `[p:b]`), zero otherwise. Live counters belong to the engine. */
  readonly counters: Counters
  readonly span: Span | null
}

export interface Chain {
  readonly name: string
  /** Null for user chains. */
  policy: Policy | null
  /** Where the policy was set; absent where nobody did. */
  policySpan?: Span
  counters: Counters
  /** Rule numbers in messages count from 1. */
  rules: Rule[]
  readonly span: Span | null
}

export interface Table {
  readonly name: TableName
  /** Base chains first in hook order; user chains behind them in the order of creation. */
  readonly chains: Map<string, Chain>
}

export interface Ruleset {
  readonly family: Family
  /** Tables that exist, in the order of first use. A table nobody named does not exist and counts nothing. */
  readonly tables: Map<TableName, Table>
}

/** Where a match or target of a rule stands; null where that is not known. */
export const spanOfUse = ({ span }: Rule, use: MatchUse | UnknownUse | TargetUse): Span | null => {
  const part = 'span' in use ? use.span : null
  if (span === null || part === null) return null
  const start = span.end - part.beforeEnd
  return { source: span.source, start, end: start + part.length }
}

/** The part of a rule's text that a place covers; null where it is not of the same text. */
export const spanInRule = (part: Span | null, rule: Span | null): SpanInRule | null =>
  part === null || rule === null || part.source !== rule.source
    ? null
    : { beforeEnd: rule.end - part.start, length: part.end - part.start }

export const noCounters: Counters = { packets: 0n, bytes: 0n }

/** An unconditional rule without target; spread it to build others. */
export const emptyRule: Rule = {
  source: null,
  destination: null,
  inInterface: null,
  outInterface: null,
  protocol: null,
  fragment: null,
  matches: [],
  target: { kind: 'none' },
  counters: noCounters,
  span: null,
}

/** A table as the kernel creates it: base chains, policy ACCEPT, no rules. */
export function newTable(name: TableName): Table {
  const chains = new Map<string, Chain>()
  for (const hook of tableHooks[name]) {
    chains.set(hook, { name: hook, policy: 'ACCEPT', counters: noCounters, rules: [], span: null })
  }
  return { name, chains }
}

export function newRuleset(family: Family): Ruleset {
  return { family, tables: new Map() }
}

export type { Address, Family, Prefix }
