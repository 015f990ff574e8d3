/** What one step does, gathered while its packets are on their way. */

import type { OpenQuestion } from '../ext/context.ts'
import type { TableName } from '../lang/rule.ts'
import type { LoadedChain, LoadedRule } from './compile.ts'
import type { Outcome, RuleRef, SentFrame, TraceSink, Verdict } from './outcome.ts'
import { printRuleRef } from './outcome.ts'
import type { HostSkb } from './skb.ts'
import { noSuppositions, type Supposition, Suppositions } from './suppositions.ts'

/** The end of a packet's way. */
export interface Fate {
  readonly verdict: Verdict
  /** As `Outcome.by`. */
  readonly by: string
  readonly why: string
}

/** The end of a packet's way through one table. */
export interface DecidedFate extends Fate {
  /** Of accepted packets, by where they went then: made once, since most go the same ways. */
  readonly ways: Map<string, Fate>
}

function wayOn({ by, why, ways }: DecidedFate, where: string): Fate {
  let fate = ways.get(where)
  if (fate === undefined) {
    fate = { verdict: 'accept', by, why: `${why}; ${where}` }
    ways.set(where, fate)
  }
  return fate
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

const unopposed: DecidedFate = {
  verdict: 'accept',
  by: 'host',
  why: 'no rule stands in its way',
  ways: new Map(),
}

/** Who let a packet go on to where it wants; null where no table saw it. */
export const acceptedBy = (decision: Decision | null, where: string): Fate =>
  wayOn(decision === null ? unopposed : fateOf(decision), where)

const unreadable = 'cannot read this packet, so it is dropped at once'

/** Whether the reason of an outcome is that a match could not read the packet. */
export const isUnreadable = (why: string | undefined): boolean => why?.endsWith(unreadable) === true

/** The decision in a form for people. */
export function fateOf(decision: Decision): DecidedFate {
  const decider =
    decision.kind === 'policy' ? decision.chain : decision.kind === 'rule' ? decision.rule : null
  if (decider === null) return describe(decision)
  if (decider.fate?.verdict !== decision.verdict) decider.fate = describe(decision)
  return decider.fate
}

const describe = (decision: Decision): DecidedFate => ({ ...fateFor(decision), ways: new Map() })

function fateFor(decision: Decision): Fate {
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

/** The list itself, unless it is the empty one that all share, or short: an array that has to grow makes room for many. */
function withOneMore<T>(list: readonly T[], one: T): readonly T[] {
  switch (list.length) {
    case 0:
      return [one]
    case 1:
      return [list[0]!, one]
    case 2:
      return [list[0]!, list[1]!, one]
    default:
      ;(list as T[]).push(one)
      return list
  }
}

export class Journey {
  nowNs = 0n
  /** `nowNs` in timer ticks. */
  jiffies = 0
  trace: TraceSink | null = null
  /** Whether rules are asked one by one by the reference interpreter, as a trace wants to hear of them. */
  isInterpreted = false
  suppositions: Suppositions = noSuppositions
  /** The first question that nobody answered and nothing supposed decides. */
  openQuestion: OpenQuestion | null = null
  hits: readonly RuleRef[] = nothing
  policies: readonly string[] = nothing
  sent: readonly SentFrame[] = nothing
  log: readonly string[] = nothing
  #backlog: HostSkb[] | null = null
  delivered = false
  /** What listening sockets got: connections that stand now, and datagrams. Null for a host without sockets. */
  taken: string[] | null = null
  /** Who dropped the first of the local stack's answers that was dropped. */
  lostBy: string | null = null
  /** The first packet that a process sent by its socket in this step. */
  began: { readonly fate: Fate; readonly skb: HostSkb } | null = null
  /** Of the main packet: what the filter table said last, and what any table said last. */
  #filterDecision: Decision | null = null
  #lastDecision: Decision | null = null

  /** Forgets the step before. */
  begin(
    nowNs: bigint,
    jiffies: number,
    trace: TraceSink | null,
    isInterpreted: boolean,
    hasSockets: boolean,
    suppositions: readonly Supposition[] = nothing,
  ): void {
    this.suppositions = suppositions.length === 0 ? noSuppositions : new Suppositions(suppositions)
    this.taken = hasSockets ? [] : null
    this.nowNs = nowNs
    this.jiffies = jiffies
    this.trace = trace
    this.isInterpreted = isInterpreted || trace !== null
    this.openQuestion = null
    this.hits = nothing
    this.policies = nothing
    this.sent = nothing
    this.log = nothing
    this.#backlog = null
    this.delivered = false
    this.lostBy = null
    this.began = null
    this.#filterDecision = null
    this.#lastDecision = null
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
    return acceptedBy(this.#filterDecision ?? this.#lastDecision, where)
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
