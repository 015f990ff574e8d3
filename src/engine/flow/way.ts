/**
 * The ways that packets of one flow take through a host, as a tree: at each fork a match is asked anew, and each end knows
 * everything that came of the way there. A branch grows when the first packet takes it.
 */
import type { Device } from '../../ext/context.ts'
import type { Asked } from '../../ext/define.ts'
import type { Hook, TableName } from '../../lang/rule.ts'
import type { LiveCounters } from '../compile.ts'
import { acceptedBy, type Decision, type Fate, fateOf } from '../journey.ts'
import type { Outcome, RuleRef } from '../outcome.ts'
import type { HostSkb } from '../skb.ts'
import type { TableContext } from '../traverse.ts'
import type { ResidualRule, ResidualTable } from './residual.ts'
import type { Translation } from './translation.ts'

/** What stands on the way of a flow, in order; what is behind the last of them is where the packet wants to go. */
export type Station =
  | {
      readonly kind: 'table'
      readonly name: TableName
      readonly hook: Hook
      readonly in: Device | null
      readonly out: Device | null
      readonly table: ResidualTable
    }
  | { readonly kind: 'translation'; readonly translation: Translation }
  /** One hop less. */
  | { readonly kind: 'hop' }

export interface Itinerary {
  readonly stations: readonly Station[]
  /** Where it goes in the end, for people. */
  readonly whereTo: string
  /** The device it leaves by; null where it is delivered. */
  readonly leavesBy: Device | null
  /** State of its connection; null where nobody tracks. */
  readonly state: string | null
}

export const stepKind = { ask: 0, table: 1, translation: 2, hop: 3, end: 4 } as const

/** One fork, change or end. */
export interface Step {
  readonly kind: number
  /** They count the packet when it comes here. */
  readonly counters: readonly LiveCounters[]
  /** Of a fork. */
  readonly ask: Asked | null
  /** Where it stands, so that branches can grow. */
  readonly place: Place
  /** What comes next; of a fork, if the answer is yes. Null where no packet went on yet. */
  next: Step | null
  /** Of a fork, if the answer is no. */
  otherwise: Step | null
  readonly station: Station | null
  readonly end: End | null
}

export interface End {
  readonly fate: Fate
  readonly hits: readonly RuleRef[]
  readonly policies: readonly string[]
  /** Whether the packet leaves the host. */
  readonly leaves: boolean
  /** What is to be said of every packet that ends here; null where each leaves in a frame of its own. */
  readonly outcome: Outcome | null
}

interface Return {
  readonly rules: readonly ResidualRule[]
  readonly at: number
  readonly before: Return | null
}

/** Where a packet is, and what came of its way so far. */
interface Place {
  readonly station: number
  /** Null before the table is entered. */
  readonly rules: readonly ResidualRule[] | null
  readonly at: number
  /** How many of the rule's matches have said yes. */
  readonly asked: number
  readonly stack: Return | null
  readonly hits: readonly RuleRef[]
  readonly policies: readonly string[]
  readonly filterDecision: Decision | null
  readonly lastDecision: Decision | null
}

const nothing: readonly never[] = Object.freeze([])

const beginning: Place = {
  station: 0,
  rules: null,
  at: 0,
  asked: 0,
  stack: null,
  hits: nothing,
  policies: nothing,
  filterDecision: null,
  lastDecision: null,
}

/** More steps than this are forgotten, and made anew as packets take them. */
const mostSteps = 512

export class Ways {
  readonly itinerary: Itinerary
  #root: Step | null = null
  #steps = 0

  constructor(itinerary: Itinerary) {
    this.itinerary = itinerary
  }

  /** Where every packet begins. */
  get root(): Step {
    if (this.#root === null || this.#steps > mostSteps) {
      this.#steps = 0
      this.#root = this.#go(beginning)
    }
    return this.#root
  }

  /** The branch of a fork that nobody took yet, or what comes behind a change. */
  grow(step: Step, answer: boolean): Step {
    const { place, kind } = step
    if (kind !== stepKind.ask)
      step.next = this.#go({ ...place, station: place.station + (kind === stepKind.table ? 0 : 1) })
    else if (answer) step.next = this.#go({ ...place, asked: place.asked + 1 })
    else step.otherwise = this.#go({ ...place, at: place.at + 1, asked: 0 })
    return answer ? step.next! : step.otherwise!
  }

  /**
   * A match dropped the packet at once, while its rule was asked: the rest of the rule is asked, which counts if it holds.
   */
  hotdrop({ place }: Step, answer: boolean, skb: HostSkb, context: TableContext): End {
    const { rule, asks, fails } = place.rules![place.at]!
    let holds = answer
    for (let at = place.asked + 1; holds && at < asks.length; at++) holds = asks[at]!(skb, context)
    const isMatched = holds && !fails
    if (isMatched) rule.counters.add(skb.packet.endOffset - skb.packet.networkOffset)
    const hits = isMatched ? [...place.hits, rule.ref] : place.hits
    return this.#end({ ...place, hits }, fateOf({ verdict: 'drop', kind: 'hotdrop', rule }), false)
  }

  #go(from: Place): Step {
    const { stations } = this.itinerary
    const counters: LiveCounters[] = []
    let place = from
    for (;;) {
      const station = stations[place.station]
      if (station === undefined) {
        const { whereTo, leavesBy } = this.itinerary
        const fate = acceptedBy(place.filterDecision ?? place.lastDecision, whereTo)
        return this.#step(stepKind.end, place, counters, { end: this.#end(place, fate, leavesBy !== null) })
      }
      if (station.kind !== 'table') return this.#step(stepKind[station.kind], place, counters, { station })
      const { table } = station
      if (place.rules === null) {
        place = { ...place, rules: table.rules, at: 0, asked: 0, stack: null }
        if (table.asks) return this.#step(stepKind.table, place, counters, { station })
      }
      const passed = this.#passRule(place, station, counters)
      if ('kind' in passed) return passed
      place = passed
    }
  }

  /** One rule on: where the packet is then, or the step at which it is asked or ends. */
  #passRule(
    place: Place,
    { name, table: { base } }: Station & { kind: 'table' },
    counters: LiveCounters[],
  ): Place | Step {
    const next = place.rules![place.at]
    if (next === undefined) {
      const { stack } = place
      if (stack !== null) return { ...place, rules: stack.rules, at: stack.at, stack: stack.before }
      counters.push(base.counters)
      const counted = { ...place, policies: [...place.policies, base.title] }
      const verdict = (base.policy ?? 'ACCEPT') === 'ACCEPT' ? 'accept' : 'drop'
      return this.#decided(counted, { verdict, kind: 'policy', table: name, chain: base }, counters)
    }
    const { rule, asks, fails, chain } = next
    if (place.asked < asks.length)
      return this.#step(stepKind.ask, place, counters, { ask: asks[place.asked]! })
    const behind = { ...place, at: place.at + 1, asked: 0 }
    if (fails) return behind
    counters.push(rule.counters)
    const hit = { ...behind, hits: [...place.hits, rule.ref] }
    const { target } = rule
    switch (target.kind) {
      case 'none':
        return hit
      case 'chain': {
        const stack = target.goto ? place.stack : { rules: place.rules!, at: hit.at, before: place.stack }
        return { ...hit, rules: chain, at: 0, stack }
      }
      case 'verdict': {
        if (target.verdict === 'RETURN') return { ...hit, at: place.rules!.length }
        const verdict = target.verdict === 'ACCEPT' ? 'accept' : 'drop'
        return this.#decided(hit, { verdict, kind: 'rule', rule }, counters)
      }
      case 'extension':
        throw new Error('a flow came to a target')
    }
  }

  #decided(place: Place, decision: Decision, counters: LiveCounters[]): Place | Step {
    if (decision.verdict !== 'accept') {
      return this.#step(stepKind.end, place, counters, { end: this.#end(place, fateOf(decision), false) })
    }
    const station = this.itinerary.stations[place.station]!
    const isFilter = station.kind === 'table' && station.name === 'filter'
    return {
      ...place,
      station: place.station + 1,
      rules: null,
      stack: null,
      filterDecision: isFilter ? decision : place.filterDecision,
      lastDecision: decision,
    }
  }

  #step(
    kind: number,
    place: Place,
    counters: readonly LiveCounters[],
    { ask = null, station = null, end = null }: Partial<Pick<Step, 'ask' | 'station' | 'end'>>,
  ): Step {
    this.#steps++
    return { kind, counters, ask, place, next: null, otherwise: null, station, end }
  }

  #end({ hits, policies }: Place, fate: Fate, leaves: boolean): End {
    const { verdict, by, why } = fate
    const { leavesBy, state } = this.itinerary
    const delivered = verdict === 'accept' && leavesBy === null
    const said = { verdict, by, why, hits, policies, sent: nothing, delivered, log: nothing }
    const outcome = leaves ? null : state === null ? said : { ...said, state }
    return { fate, hits, policies, leaves, outcome }
  }
}
