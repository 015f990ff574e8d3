/** What one step does, gathered while its packets are on their way. */

import type { OpenQuestion } from '../ext/context.ts'
import type { TableName } from '../lang/rule.ts'
import type { LoadedChain, LoadedRule } from './compile.ts'
import { tickAt } from './conntrack/connection.ts'
import type { Outcome, RuleRef, SentFrame, TraceSink, Verdict } from './outcome.ts'
import { printRuleRef } from './outcome.ts'
import type { HostSkb } from './skb.ts'
import { noSuppositions, type Supposition, Suppositions } from './suppositions.ts'

/** The end of a packet's way, or of its way through one table. */
export interface Fate {
  readonly verdict: Verdict
  /** As `Outcome.by`. */
  readonly by: string
  readonly why: string
}

/** What a table said. */
export type Decision =
  | { readonly verdict: Verdict; readonly kind: 'rule'; readonly rule: LoadedRule }
  /** A match found the packet impossible to judge and dropped it at once; no counter moved. */
  | { readonly verdict: 'drop'; readonly kind: 'hotdrop'; readonly rule: LoadedRule }
  /** A match asked for what nobody said. */
  | {
      readonly verdict: 'unknown'
      readonly kind: 'unknown'
      readonly rule: LoadedRule
      readonly question: OpenQuestion
    }
  | {
      readonly verdict: 'accept' | 'drop'
      readonly kind: 'policy'
      readonly table: TableName
      readonly chain: LoadedChain
    }

const unreadable = 'cannot read this packet, so it is dropped at once'

/** Whether the reason of an outcome is that a match could not read the packet. */
export const isUnreadable = (why: string | undefined): boolean => why?.endsWith(unreadable) === true

/** The decision in a form for people. */
export function fateOf(decision: Decision): Fate {
  const decider =
    decision.kind === 'policy' ? decision.chain : decision.kind === 'rule' ? decision.rule : null
  if (decider === null) return describe(decision)
  if (decider.fate?.verdict !== decision.verdict) decider.fate = describe(decision)
  return decider.fate
}

function describe(decision: Decision): Fate {
  const { verdict } = decision
  if (decision.kind === 'policy') {
    const { table, chain } = decision
    return { verdict, by: 'policy', why: `the policy of ${table}/${chain.name} is ${chain.policy}` }
  }
  const by = printRuleRef(decision.rule.ref)
  if (decision.kind === 'hotdrop') {
    return { verdict, by, why: `a match of ${by} ${unreadable}` }
  }
  if (decision.kind === 'unknown')
    return { verdict, by, why: `${by} asks for ${decision.question.what}, which nobody said` }
  const { target } = decision.rule
  const word =
    target.kind === 'verdict' ? target.verdict : target.kind === 'extension' ? target.definition.name : ''
  return { verdict, by, why: `${by} matches and says ${word}` }
}

const nothing: readonly never[] = Object.freeze([])

/** The list itself, unless it is the empty one that all share. */
function withOneMore<T>(list: readonly T[], one: T): readonly T[] {
  if (list.length === 0) return [one]
  ;(list as T[]).push(one)
  return list
}

export class Journey {
  readonly nowNs: bigint
  readonly jiffies: number
  readonly trace: TraceSink | null
  readonly suppositions: Suppositions
  /** The first question that nobody answered and nothing supposed decides. */
  openQuestion: OpenQuestion | null = null
  hits: readonly RuleRef[] = nothing
  policies: readonly string[] = nothing
  sent: readonly SentFrame[] = nothing
  log: readonly string[] = nothing
  #backlog: HostSkb[] | null = null
  delivered = false
  /** What listening sockets got: connections that stand now, and datagrams. Null for a host without sockets. */
  readonly taken: string[] | null
  /** Who dropped the first of the local stack's answers that was dropped. */
  lostBy: string | null = null
  /** The first packet that a process sent by its socket in this step. */
  began: { readonly fate: Fate; readonly skb: HostSkb } | null = null
  /** Of the main packet: what the filter table said last, and what any table said last. */
  #filterDecision: Decision | null = null
  #lastDecision: Decision | null = null

  constructor(
    nowNs: bigint,
    hz: number,
    trace: TraceSink | null,
    hasSockets = false,
    suppositions: readonly Supposition[] = [],
  ) {
    this.suppositions = suppositions.length === 0 ? noSuppositions : new Suppositions(suppositions)
    this.taken = hasSockets ? [] : null
    this.nowNs = nowNs
    this.jiffies = tickAt(nowNs, hz)
    this.trace = trace
  }

  // Most packets do each of these once or never, and an array that has to grow costs as much as some rules.

  hit(ref: RuleRef): void {
    this.hits = withOneMore(this.hits, ref)
  }

  policyCounted(chain: string): void {
    this.policies = withOneMore(this.policies, chain)
  }

  send(frame: SentFrame): void {
    this.sent = withOneMore(this.sent, frame)
  }

  logLine(line: string): void {
    this.log = withOneMore(this.log, line)
  }

  /** A packet that comes back by `lo` once the present one is done, first in first out. */
  comeBack(skb: HostSkb): void {
    this.#backlog ??= []
    this.#backlog.push(skb)
  }

  nextBack(): HostSkb | undefined {
    return this.#backlog?.shift()
  }

  /** Notes what a table decided over the main packet. */
  decide(table: TableName, decision: Decision): void {
    if (table === 'filter') this.#filterDecision = decision
    this.#lastDecision = decision
  }

  /** The main packet goes on to where it wants: who let it? */
  accepted(where: string): Fate {
    const decision = this.#filterDecision ?? this.#lastDecision
    if (decision === null)
      return { verdict: 'accept', by: 'host', why: `no rule stands in its way; ${where}` }
    const { by, why } = fateOf(decision)
    return { verdict: 'accept', by, why: `${why}; ${where}` }
  }

  tell(text: string): void {
    this.trace?.({ kind: 'host', text })
  }

  outcome({ verdict, by, why }: Fate, state: string | null): Outcome {
    const { hits, policies, sent, delivered, log } = this
    this.trace?.({ kind: 'verdict', text: `${verdict}: ${why}` })
    const outcome: { -readonly [Key in keyof Outcome]: Outcome[Key] } = {
      verdict,
      by,
      why,
      hits,
      policies,
      sent,
      delivered,
      log,
    }
    if (state !== null) outcome.state = state
    if (this.taken !== null) outcome.accepted = this.taken
    if (this.lostBy !== null) outcome.lostBy = this.lostBy
    if (this.openQuestion !== null) outcome.openQuestion = this.openQuestion
    return outcome
  }
}

/** The host itself ends a packet's way. */
export const droppedByHost = (why: string): Fate => ({ verdict: 'drop', by: 'host', why })
