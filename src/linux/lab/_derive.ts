/**
 * From counters before and after a step to what happened: which rules were hit, in what order, who decided.
 *
 * The kernel says how often each rule matched, not in which order. But a packet's way is fixed once one knows which
 * rules matched: starting at a base chain, the first rule whose counter moved is where it went. So the ways are
 * walked again, each match taken off the count: the step's own packet first, then whatever packets the host made
 * because of it (a REJECT's answer passes OUTPUT and POSTROUTING), until nothing is left.
 *
 * That is certain as long as no chain is visited twice; where one is, the order is a guess and `certain` is false.
 */
import type { Verdict } from '../../engine/outcome.ts'
import type { Hook } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import type { ChainCounters, TableCounters } from './_counters.ts'
import type { Arrivals } from './_helper-table.ts'

export interface Derived {
  readonly verdict: Verdict
  readonly by: string
  readonly hits: readonly string[]
  readonly policies: readonly string[]
  readonly delivered: boolean
  readonly certain: boolean
}

/** Tables in the order of their priorities at each hook. Source: enum nf_ip_hook_priorities. */
const tablesAt: Readonly<Record<Hook, readonly string[]>> = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter', 'security', 'nat'],
  FORWARD: ['mangle', 'filter', 'security'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter', 'security'],
  POSTROUTING: ['mangle', 'nat'],
}

/** Extension targets that end the packet's way through a table. */
const acceptingTargets = new Set(['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP', 'TPROXY', 'NFQUEUE'])

interface Decision {
  readonly table: string
  readonly verdict: Verdict
  readonly by: string
}

export class CounterDifference {
  readonly #tables: readonly TableCounters[]
  /** How often each rule (`filter/INPUT:3`) and policy (`filter/INPUT`) is still to be explained. */
  readonly #left = new Map<string, number>()
  readonly #visited = new Set<string>()
  readonly hits: string[] = []
  readonly policies: string[] = []
  certain = true

  constructor(before: readonly TableCounters[], after: readonly TableCounters[], family: Family) {
    this.#tables = after.filter((table) => table.family === family)
    const earlier = countsOf(before, family)
    for (const [key, count] of countsOf(this.#tables, family)) {
      const moved = count - (earlier.get(key) ?? 0)
      if (moved > 0) this.#left.set(key, moved)
    }
  }

  get isExplained(): boolean {
    return this.#left.size === 0
  }

  /** Walks one packet through the tables at a hook. The last entry is a drop, if there was one. */
  pass(hook: Hook): Decision[] {
    const decisions: Decision[] = []
    for (const name of tablesAt[hook]) {
      const table = this.#tables.find((candidate) => candidate.name === name)
      const base = table?.chains.find((chain) => chain.name === hook && chain.policy !== null)
      if (table === undefined || base === undefined) continue
      const decision = this.#traverse(table, base)
      if (decision === null) continue
      decisions.push(decision)
      if (decision.verdict !== 'accept') break
    }
    return decisions
  }

  #traverse(table: TableCounters, base: ChainCounters): Decision | null {
    const stack: { chain: ChainCounters; at: number }[] = []
    let chain = base
    let at = 0
    for (;;) {
      const rule = chain.rules[at]
      if (rule === undefined) {
        const outer = stack.pop()
        if (outer === undefined) return this.#applyPolicy(table, base)
        ;({ chain, at } = outer)
        continue
      }
      const key = `${table.name}/${chain.name}:${at + 1}`
      at++
      if (!this.#take(key)) continue
      this.hits.push(key)
      const { target } = rule
      switch (target.kind) {
        case 'none':
          break
        case 'accept':
        case 'drop':
          return { table: table.name, verdict: target.kind, by: key }
        case 'queue':
          return { table: table.name, verdict: 'drop', by: key }
        case 'return':
          at = chain.rules.length
          break
        case 'chain': {
          const inner = table.chains.find(({ name }) => name === target.chain)
          if (inner === undefined) break
          if (this.#visited.has(`${table.name}/${inner.name}`)) this.certain = false
          this.#visited.add(`${table.name}/${inner.name}`)
          if (!target.goto) stack.push({ chain, at })
          chain = inner
          at = 0
          break
        }
        case 'extension':
          if (target.name === 'REJECT') return { table: table.name, verdict: 'reject', by: key }
          if (acceptingTargets.has(target.name)) return { table: table.name, verdict: 'accept', by: key }
      }
    }
  }

  #applyPolicy(table: TableCounters, base: ChainCounters): Decision | null {
    const key = `${table.name}/${base.name}`
    if (!this.#take(key)) return null
    this.policies.push(key)
    return { table: table.name, verdict: base.policy!.verdict, by: 'policy' }
  }

  #take(key: string): boolean {
    const left = this.#left.get(key)
    if (left === undefined) return false
    if (left === 1) this.#left.delete(key)
    else this.#left.set(key, left - 1)
    return true
  }

  /** Whatever the walks did not explain, in table order. */
  takeRest(): void {
    for (const [key, count] of this.#left) {
      const list = key.includes(':') ? this.hits : this.policies
      for (let times = 0; times < count; times++) list.push(key)
      this.certain = false
    }
    this.#left.clear()
  }
}

function countsOf(tables: readonly TableCounters[], family: Family): Map<string, number> {
  const counts = new Map<string, number>()
  for (const table of tables) {
    if (table.family !== family) continue
    for (const chain of table.chains) {
      const key = `${table.name}/${chain.name}`
      if (chain.policy !== null) counts.set(key, chain.policy.packets)
      for (const [at, rule] of chain.rules.entries()) counts.set(`${key}:${at + 1}`, rule.packets)
    }
  }
  return counts
}

/**
 * What became of a packet that arrived (`receive`) or that the host sent (`send`). `hasEmitted`: whether frames left.
 */
export function derive(
  origin: 'receive' | 'send',
  difference: CounterDifference,
  arrivals: Arrivals,
  hasEmitted: boolean,
): Derived {
  const decisions: Decision[] = []
  const walk = (...route: readonly Hook[]): void => {
    for (const hook of route) {
      if (decisions.some(({ verdict }) => verdict !== 'accept')) return
      decisions.push(...difference.pass(hook))
    }
  }
  if (origin === 'send') {
    walk('OUTPUT', 'POSTROUTING')
    // What left by a wire may have come back too (a broadcast), but that is a copy.
    if (!hasEmitted) walk('PREROUTING', 'INPUT')
  } else {
    walk('PREROUTING')
    if (arrivals.passing > 0) walk('FORWARD', 'POSTROUTING')
    else if (arrivals.entered > 0) walk('INPUT')
  }
  explainGenerated(difference)

  const refusal = decisions.find(({ verdict }) => verdict !== 'accept')
  const own = origin === 'send' ? 1 : 0
  const hasAnswered = arrivals.begun > own
  // What came by `lo` is an answer of the host to itself, unless the packet was the host's own and got none.
  const isDelivered =
    arrivals.deliveredByWire > 0 ||
    (origin === 'send' && refusal === undefined && !hasAnswered && arrivals.deliveredByLo > 0)
  const isSentOn = origin === 'send' ? hasEmitted : arrivals.forwarded > 0 && arrivals.sent > 0

  const { hits, policies } = difference
  const said = { hits, policies, delivered: isDelivered, certain: difference.certain }
  if (refusal !== undefined) {
    const { verdict, by } = refusal
    return { ...said, verdict: verdict === 'reject' && !hasAnswered ? 'drop' : verdict, by }
  }
  if (isDelivered || isSentOn) return { ...said, verdict: 'accept', by: deciderOf(decisions) }
  // The host may have dropped it, or a match that could not read it: then no counter moves.
  return { ...said, verdict: 'drop', by: 'host', certain: false }
}

/** Packets that the host made because of the first one; each passes OUTPUT, and comes back if it is for itself. */
function explainGenerated(difference: CounterDifference): void {
  for (let rounds = 0; rounds < 64 && !difference.isExplained; rounds++) {
    const before = difference.hits.length + difference.policies.length
    for (const hook of ['OUTPUT', 'POSTROUTING', 'PREROUTING', 'INPUT', 'FORWARD'] as const)
      difference.pass(hook)
    if (difference.hits.length + difference.policies.length === before) break
  }
  difference.takeRest()
}

/** Who let it pass: the filter table, which is there for that, else whoever decided last. */
function deciderOf(decisions: readonly Decision[]): string {
  return (decisions.findLast(({ table }) => table === 'filter') ?? decisions.at(-1))?.by ?? 'host'
}
