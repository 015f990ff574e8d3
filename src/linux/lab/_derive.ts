/**
 * From counters before and after a step to what happened: which rules were hit, in what order, who decided.
 *
 * The kernel says how often each rule matched, not which packet it was nor in which order. The helper table says how
 * many packets came to each hook and passed it, the step's own packet apart from the answers that it got. Together they
 * leave few explanations: every packet that passed a hook was accepted by some rule or policy of every table there,
 * every packet that did not was dropped, and each count belongs to exactly one of them. So the ways are walked again in
 * every possible manner, each match taken off the counts, until nothing is left.
 *
 * Where all explanations say the same of the step's packet, that is certain. Where they do not, the first is a guess.
 */
import type { Verdict } from '../../engine/outcome.ts'
import type { Hook } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import type { ChainCounters, RuleTarget, TableCounters } from './_counters.ts'
import { type Arrivals, type PacketKind, packetKinds } from './_helper-table.ts'

export interface Derived {
  readonly verdict: Verdict
  readonly by: string
  readonly hits: readonly string[]
  readonly policies: readonly string[]
  readonly delivered: boolean
  readonly certain: boolean
  /** Nothing tells whether it was the step's packet that was delivered, or an answer to it. */
  readonly isDeliveryUnclear?: true
  /** Who dropped an answer of the host's, where it has sockets. */
  readonly lostBy?: string
}

/** What the lab knows of a step's packet beside the counters. */
export interface StepPacket {
  /** It arrived (`receive`), or the host sent it (`send`). */
  readonly origin: 'receive' | 'send'
  /** Several where nothing tells which: a fragment. */
  readonly kinds: readonly PacketKind[]
  /** Of the frames that left in this step. */
  readonly emitted: readonly PacketKind[]
  /** The host has sockets: its answers are of every kind, and only their places tell them from the step's packet. */
  readonly isAnswered?: boolean
}

/** Tables in the order of their priorities at each hook. Source: enum nf_ip_hook_priorities. */
const tablesAt: Readonly<Record<Hook, readonly string[]>> = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter', 'security', 'nat'],
  FORWARD: ['mangle', 'filter', 'security'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter', 'security'],
  POSTROUTING: ['mangle', 'nat'],
}

/** The order in which a packet comes to hooks. */
const ways: Readonly<Record<StepPacket['origin'], readonly Hook[]>> = {
  receive: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  send: ['OUTPUT', 'POSTROUTING', 'PREROUTING', 'INPUT', 'FORWARD'],
}

/** Extension targets that end the packet's way through a table. */
const acceptingTargets = new Set(['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP', 'TPROXY', 'NFQUEUE'])

/** Steps of the search for explanations, after which what was found must do. */
const patience = 20_000

/** What a table, or nobody that counts, said to a packet. */
interface Decision {
  readonly table: string
  readonly verdict: Verdict
  readonly by: string
}

/** One packet at one hook. */
interface Pass {
  readonly hook: Hook
  readonly passed: boolean
  /** It is the step's packet, or a copy that the host heard of it. */
  readonly isOwn: boolean
}

interface Explained extends Pass {
  readonly decisions: readonly Decision[]
}

/** How often each rule (`filter/INPUT:3`) and policy (`filter/INPUT`) of a family was met in a step. */
export class CounterDifference {
  readonly tables: readonly TableCounters[]
  readonly moved: ReadonlyMap<string, number>

  constructor(before: readonly TableCounters[], after: readonly TableCounters[], family: Family) {
    this.tables = after.filter((table) => table.family === family)
    const earlier = countsOf(before, family)
    const moved = new Map<string, number>()
    for (const [key, count] of countsOf(this.tables, family)) {
      const times = count - (earlier.get(key) ?? 0)
      if (times > 0) moved.set(key, times)
    }
    this.moved = moved
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

interface Frame {
  readonly chain: ChainCounters
  readonly at: number
  readonly outer: Frame | null
}

/** Goes on from a decision; null where the table saw nothing of the packet, or lost it without a word. */
type Continue = (decision: Decision | null, isLost: boolean) => void

type Found = (passes: readonly Explained[], trail: readonly string[], isWhole: boolean) => void

/** How many others come to the pass's hook later. */
interface Coming extends Pass {
  readonly later: number
}

/**
 * Looks for all ways in which packets can have moved the counters. `isStrict`: only for those that leave no count over.
 * That takes much less time, as what stands in a base chain is counted by the packets that come to its hook or never.
 */
class Search {
  readonly #tables: readonly TableCounters[]
  readonly #passes: readonly Coming[]
  readonly #isStrict: boolean
  readonly #left: Map<string, number>
  readonly #trail: string[] = []
  readonly #explained: Explained[] = []
  readonly #onFound: Found
  #patience = patience

  constructor(
    { tables, moved }: CounterDifference,
    passes: readonly Pass[],
    isStrict: boolean,
    onFound: Found,
  ) {
    this.#tables = tables
    this.#passes = passes.map((pass, at) => ({
      ...pass,
      later: passes.slice(at + 1).filter(({ hook }) => hook === pass.hook).length,
    }))
    this.#isStrict = isStrict
    this.#left = new Map(moved)
    this.#onFound = onFound
  }

  /** False where it gave up. */
  run(): boolean {
    this.#explain(0)
    return this.#patience > 0
  }

  #explain(index: number): void {
    const pass = this.#passes[index]
    if (pass === undefined) {
      if (!this.#isStrict || this.#left.size === 0) {
        this.#onFound(this.#explained, this.#trail, this.#left.size === 0)
      }
      return
    }
    this.#visit(pass, 0, [], (decisions) => {
      if (tablesAt[pass.hook].some((name) => this.#isTooLate(`${name}/${pass.hook}`, pass))) return
      this.#explained.push({ ...pass, decisions })
      this.#explain(index + 1)
      this.#explained.pop()
    })
  }

  /** Whether a base chain (`filter/INPUT`) has counted more than the packets still to come there can have done. */
  #isTooLate(base: string, { later }: Coming): boolean {
    if (!this.#isStrict) return false
    for (const [key, count] of this.#left) {
      const isOfBase = key.startsWith(base) && (key.length === base.length || key[base.length] === ':')
      if (isOfBase && count > later) return true
    }
    return false
  }

  /** The tables of a hook from the one at `place` on. */
  #visit(
    pass: Coming,
    place: number,
    decisions: readonly Decision[],
    done: (decisions: readonly Decision[]) => void,
  ): void {
    const name = tablesAt[pass.hook][place]
    if (name === undefined) {
      // Behind the tables something else may have stopped it: tracking, or a queue of fragments.
      done(decisions)
      return
    }
    const table = this.#tables.find((candidate) => candidate.name === name)
    const base = table?.chains.find((chain) => chain.name === pass.hook && chain.policy !== null)
    const next = (more: readonly Decision[]): void => this.#visit(pass, place + 1, more, done)
    if (table === undefined || base === undefined) {
      next(decisions)
      return
    }
    this.#traverse(table, base, pass, { chain: base, at: 0, outer: null }, (decision, isLost) => {
      const more = decision === null ? decisions : [...decisions, decision]
      if (decision !== null && decision.verdict !== 'accept') {
        if (!pass.passed) done(more)
      } else if (isLost) done(more)
      else next(more)
    })
    // Only what begins a connection comes to nat.
    if (name === 'nat') {
      if (!this.#isTooLate(`${name}/${pass.hook}`, pass)) next(decisions)
    } else if (!pass.passed) done(decisions)
  }

  #traverse(
    table: TableCounters,
    base: ChainCounters,
    pass: Coming,
    frame: Frame | null,
    go: Continue,
  ): void {
    if (--this.#patience <= 0) return
    if (frame === null) {
      this.#applyPolicy(table, base, go)
      return
    }
    const { chain, outer } = frame
    const found = chain.rules.findIndex(
      (_, at) => at >= frame.at && this.#left.has(ruleKey(table, chain, at)),
    )
    if (found < 0) {
      this.#traverse(table, base, pass, outer, go)
      return
    }
    const after: Frame = { chain, at: found + 1, outer }
    const key = ruleKey(table, chain, found)
    const mustTake = this.#isStrict && chain === base && this.#left.get(key)! > pass.later
    this.#taking(key, () => {
      this.#follow(table, base, pass, chain.rules[found]!.target, key, after, go)
    })
    if (!mustTake) this.#traverse(table, base, pass, after, go)
  }

  #follow(
    table: TableCounters,
    base: ChainCounters,
    pass: Coming,
    target: RuleTarget,
    key: string,
    after: Frame,
    go: Continue,
  ): void {
    const decide = (verdict: Verdict): void => go({ table: table.name, verdict, by: key }, false)
    const goOn = (frame: Frame | null): void => {
      this.#traverse(table, base, pass, frame, go)
      // A match further on may not have been able to read it.
      if (!pass.passed) go(null, true)
    }
    switch (target.kind) {
      case 'accept':
      case 'drop':
        decide(target.kind)
        break
      case 'queue':
        decide('drop')
        break
      case 'none':
        goOn(after)
        break
      case 'return':
        goOn(after.outer)
        break
      case 'chain': {
        const inner = table.chains.find(({ name }) => name === target.chain)
        if (inner === undefined) goOn(after)
        else goOn({ chain: inner, at: 0, outer: target.goto ? after.outer : after })
        break
      }
      case 'extension':
        if (target.name === 'REJECT') decide('reject')
        else if (target.name === 'SYNPROXY') {
          // It takes what it answers, and leaves the rest to the next rule.
          if (!pass.passed) decide('drop')
          this.#traverse(table, base, pass, after, go)
        } else if (!acceptingTargets.has(target.name)) goOn(after)
        else {
          decide('accept')
          // There may be no address to take.
          if (!pass.passed) decide('drop')
        }
    }
  }

  #applyPolicy(table: TableCounters, base: ChainCounters, go: Continue): void {
    const { verdict, counts } = base.policy!
    const decision: Decision = { table: table.name, verdict, by: 'policy' }
    if (counts === false) go(decision, false)
    else this.#taking(`${table.name}/${base.name}`, () => go(decision, false))
  }

  /** Takes one off a count, goes on, and gives it back. */
  #taking(key: string, goOn: () => void): void {
    const left = this.#left.get(key)
    if (left === undefined) return
    if (left === 1) this.#left.delete(key)
    else this.#left.set(key, left - 1)
    this.#trail.push(key)
    goOn()
    this.#trail.pop()
    this.#left.set(key, left)
  }
}

const ruleKey = (table: TableCounters, chain: ChainCounters, at: number): string =>
  `${table.name}/${chain.name}:${at + 1}`

/** What became of a step's packet. */
export function derive(packet: StepPacket, difference: CounterDifference, arrivals: Arrivals): Derived {
  const hasAnswers = arrivals.begunByHost > 0
  const isUnclear = hasAnswers && packet.kinds.length > 1 && packet.isAnswered !== true
  const isOwn = (kind: PacketKind): boolean => !hasAnswers || packet.kinds.includes(kind)
  const passes = packet.isAnswered
    ? passesByPlace(packet.origin, arrivals, packet.emitted.length > 0, isHit(difference, 'SYNPROXY'))
    : passesOf(packet.origin, arrivals, isOwn)
  const delivered = packet.isAnswered
    ? passes.some(({ hook, isOwn: own, passed }) => hook === 'INPUT' && own && passed)
    : packetKinds.some((kind) => isOwn(kind) && arrivals.left.INPUT[kind] > 0)
  const hasLeft = packet.isAnswered
    ? packet.emitted.length > 0 && passes.some(({ hook, isOwn: own }) => hook === 'POSTROUTING' && own)
    : packet.emitted.some(isOwn)
  const judge = (explained: readonly Explained[]): Judgement =>
    judgementOf(explained, {
      origin: packet.origin,
      hasAnswers,
      delivered,
      hasLeft,
    })

  const found: Explanation[] = []
  const note: Found = (explained, trail, isWhole) => {
    const judgement = judge(explained)
    const rank = (isWhole ? 2 : 0) + (judgement.isPlausible ? 1 : 0)
    const isNew = found.every(
      (other) => other.rank < rank || (other.rank === rank && !isSame(other, judgement)),
    )
    if (found.length === 0 || (isNew && found[0]!.rank <= rank)) {
      if (found.length > 0 && found[0]!.rank < rank) found.length = 0
      found.push({
        ...judgement,
        rank,
        trail: [...trail],
        lostBy: packet.isAnswered ? lostBy(explained) : null,
      })
    }
  }
  // Explanations that leave counts over are only looked for where there are no others.
  const isThrough =
    (new Search(difference, passes, true, note).run() && found.length > 0) ||
    new Search(difference, passes, false, note).run()
  const [best = { ...judge([]), rank: 0, trail: [], lostBy: null }] = found
  const isSettled = isThrough && found.length === 1 && best.rank >= 2
  const met = [...best.trail, ...restOf(difference, best.trail)]
  // Nothing tells a copy from the packet.
  return {
    verdict: best.verdict,
    by: best.by,
    hits: met.filter((key) => key.includes(':')),
    policies: met.filter((key) => !key.includes(':')),
    delivered,
    certain: isSettled && best.isClear && !isUnclear && !isHit(difference, 'TEE'),
    ...(isUnclear && { isDeliveryUnclear: true as const }),
    ...(best.lostBy !== null && { lostBy: best.lostBy }),
  }
}

/** Whether a rule with this target counted something. */
const isHit = ({ tables, moved }: CounterDifference, name: string): boolean =>
  tables.some((table) =>
    table.chains.some((chain) =>
      chain.rules.some(
        ({ target }, at) =>
          target.kind === 'extension' && target.name === name && moved.has(ruleKey(table, chain, at)),
      ),
    ),
  )

/** Who dropped the first answer that did not get through. */
function lostBy(explained: readonly Explained[]): string | null {
  const lost = explained.find(({ isOwn, passed }) => !isOwn && !passed)
  return lost === undefined ? null : (lost.decisions.find(({ verdict }) => verdict !== 'accept')?.by ?? null)
}

/**
 * Every packet at every hook, the step's own first: it is the first that came in, or the first that began here and,
 * unless it left by a wire, came in again. All others are answers. `isTaken`: a SYN proxy took it, and may have sent
 * another to where it was going.
 */
function passesByPlace(
  origin: StepPacket['origin'],
  { entered, left }: Arrivals,
  hasLeft: boolean,
  isTaken: boolean,
): Pass[] {
  const count = (places: Arrivals['entered'], hook: Hook): number =>
    packetKinds.reduce((total, kind) => total + places[hook][kind], 0)
  const inward: readonly Hook[] =
    count(entered, 'FORWARD') > 0 ? ['PREROUTING', 'FORWARD', 'POSTROUTING'] : ['PREROUTING', 'INPUT']
  const outward: readonly Hook[] = ['OUTPUT', 'POSTROUTING']
  const way =
    origin === 'receive' ? inward : hasLeft ? outward : [...outward, 'PREROUTING' as const, 'INPUT' as const]
  const isTakenAt = (hook: Hook): boolean =>
    isTaken && (hook === 'INPUT' || hook === 'FORWARD') && count(left, hook) < count(entered, hook)
  const met = way
    .filter((hook) => count(entered, hook) > 0)
    .map((hook): Pass => ({ hook, passed: count(left, hook) > 0 && !isTakenAt(hook), isOwn: true }))
  const end = met.findIndex(({ passed }) => !passed)
  const own = end < 0 || !isTaken ? met : met.slice(0, end + 1)
  const others = ways.send.flatMap((hook): Pass[] => {
    const mine = own.find((pass) => pass.hook === hook)
    const through = count(left, hook) - (mine?.passed ? 1 : 0)
    const total = Math.max(count(entered, hook), count(left, hook)) - (mine === undefined ? 0 : 1)
    return Array.from({ length: total }, (_, at) => ({ hook, passed: at < through, isOwn: false }))
  })
  return [...own, ...others]
}

/** Every packet at every hook, the step's own first. */
function passesOf(
  origin: StepPacket['origin'],
  { entered, left }: Arrivals,
  isOwn: (kind: PacketKind) => boolean,
): Pass[] {
  const passesAt = (hook: Hook, own: boolean): Pass[] => {
    const sum = (of: Readonly<Record<PacketKind, number>>): number =>
      packetKinds.filter((kind) => isOwn(kind) === own).reduce((total, kind) => total + of[kind], 0)
    const through = sum(left[hook])
    return Array.from({ length: Math.max(sum(entered[hook]), through) }, (_, at) => ({
      hook,
      passed: at < through,
      isOwn: own,
    }))
  }
  return [
    ...ways[origin].flatMap((hook) => passesAt(hook, true)),
    ...ways.send.flatMap((hook) => passesAt(hook, false)),
  ]
}

/** What an explanation says of the step's packet. */
interface Judgement {
  readonly verdict: Verdict
  readonly by: string
  /** Whether the lab can know who it was. */
  readonly isClear: boolean
  /** False where the host answered what a rule only dropped. */
  readonly isPlausible: boolean
}

interface Explanation extends Judgement {
  /** How much speaks for it: that it covers all counts, and that it is plausible. */
  readonly rank: number
  readonly trail: readonly string[]
  readonly lostBy: string | null
}

const isSame = (one: Judgement, other: Judgement): boolean =>
  one.verdict === other.verdict && one.by === other.by && one.isClear === other.isClear

interface Facts {
  readonly origin: StepPacket['origin']
  readonly hasAnswers: boolean
  readonly delivered: boolean
  /** It left by a wire. */
  readonly hasLeft: boolean
}

function judgementOf(
  explained: readonly Explained[],
  { origin, hasAnswers, delivered, hasLeft }: Facts,
): Judgement {
  const own = explained.filter((pass) => pass.isOwn)
  // What left by a wire may have come back too (a broadcast), but that is a copy, which has no say.
  const isOutward = origin === 'send' && hasLeft
  const main = isOutward ? own.filter(({ hook }) => hook === 'OUTPUT' || hook === 'POSTROUTING') : own
  const isAmbiguous = main.some((pass) =>
    main.some((other) => other.hook === pass.hook && lastWord(other) !== lastWord(pass)),
  )
  const isAccepted = hasLeft || (delivered && !main.some(isStoppedOut))
  if (isAccepted) {
    const decisions = main.filter(({ passed }) => passed).flatMap((pass) => pass.decisions)
    const by = (decisions.findLast(({ table }) => table === 'filter') ?? decisions.at(-1))?.by ?? 'host'
    return { verdict: 'accept', by, isClear: !isAmbiguous, isPlausible: true }
  }
  const stopped = main.find(({ passed }) => !passed)
  // The host did, between hooks.
  if (stopped === undefined) return { verdict: 'drop', by: 'host', isClear: true, isPlausible: true }
  const refusal = stopped.decisions.at(-1)
  if (refusal === undefined || refusal.verdict === 'accept') {
    // A match that could not read it, or something that does not count.
    return { verdict: 'drop', by: 'host', isClear: false, isPlausible: true }
  }
  const verdict = refusal.verdict === 'reject' && !hasAnswers ? 'drop' : refusal.verdict
  const isPlausible = refusal.verdict === 'reject' || !hasAnswers
  return { verdict, by: refusal.by, isClear: !isAmbiguous, isPlausible }
}

/** Stopped before it could leave; what was delivered then was a copy. */
const isStoppedOut = ({ hook, passed }: Pass): boolean =>
  !passed && (hook === 'OUTPUT' || hook === 'POSTROUTING')

const lastWord = ({ passed, decisions }: Explained): string =>
  `${passed} ${decisions.map(({ by }) => by).join(' ')}`

/** What no explanation covered, in table order. */
function restOf({ moved }: CounterDifference, trail: readonly string[]): string[] {
  const left = new Map(moved)
  for (const key of trail) left.set(key, left.get(key)! - 1)
  return [...left].flatMap(([key, count]) => Array.from({ length: count }, () => key))
}
