/** Conversations through the engine and through the real kernel, compared packet by packet. */
import { Host } from '../../../../engine/host.ts'
import { printRuleRef } from '../../../../engine/outcome.ts'
import { type Chance, seededChance } from '../../../../engine/random.ts'
import { SourceText } from '../../../../lang/source.ts'
import { hexOfBytes } from '../../../../scenario/hex.ts'
import { loadRules } from '../../../../scenario/rules.ts'
import type { Action, RulesText, Step, StepResult } from '../../../../scenario/scenario.ts'
import { compareEnds, compareSteps } from '../../compare.ts'
import { Lab } from '../../lab.ts'
import { saveTextOf } from '../draft.ts'
import { readListing, tuplesOf } from './listing.ts'
import type { StateDraft } from './moves.ts'
import { Talk } from './talk.ts'
import { gateway } from './world.ts'

/** How much happened, so that agreement is known to be about something. */
export interface StateSeen {
  packets: number
  frames: number
  hits: number
  dropped: number
  rejected: number
  /** Packets that are parts of others. */
  fragments: number
  /** ICMP errors that belong to a connection. */
  related: number
  invalid: number
  established: number
  /** Connections that appeared in the listing, and how many of them look different from the other side. */
  connections: number
  translated: number
  /** Lines of the listing compared, over all packets. */
  lines: number
}

export const nothingSeen = (): StateSeen => ({
  packets: 0,
  frames: 0,
  hits: 0,
  dropped: 0,
  rejected: 0,
  fragments: 0,
  related: 0,
  invalid: 0,
  established: 0,
  connections: 0,
  translated: 0,
  lines: 0,
})

export type StateFinding =
  | { readonly kind: 'agree'; readonly seen: StateSeen }
  /** It took so long that times of connections might have ended: given up, agreeing so far. */
  | { readonly kind: 'late'; readonly seen: StateSeen }
  | {
      readonly kind: 'differ'
      /** Moves up to and with the one that shows it. */
      readonly moves: number
      readonly text: string
      readonly actions: readonly Action[]
    }

/** Less than fragments wait for each other, and connections for an answer. What lives shorter ends for both in the same tick. */
const longestMs = 20_000

/**
 * The engine's chance: it draws what the kernel drew, so that both tell the same story from then on. That the kernel's
 * choice was one that the engine may make is thereby compared as well.
 */
class KernelsChance implements Chance {
  readonly #own: Chance
  readonly #ports: { source: number | null; destination: number | null } = { source: null, destination: null }

  constructor(seed: number) {
    this.#own = seededChance(seed)
  }

  follow(line: string | null): void {
    const reply = line === null ? null : (readListing(line)?.reply ?? null)
    this.#ports.source = reply?.destinationPort ?? null
    this.#ports.destination = reply?.sourcePort ?? null
  }

  word(): number {
    return this.#own.word()
  }

  port(manipulation: 'source' | 'destination'): number {
    return this.#ports[manipulation] ?? this.#own.port(manipulation)
  }
}

export async function compete(draft: StateDraft): Promise<StateFinding> {
  const { family, seed } = draft
  const config = gateway(new Map(draft.sysctls), seed)
  const rules: readonly RulesText[] = [{ family, source: new SourceText('rules', saveTextOf(draft.rules)) }]
  const chance = new KernelsChance(seed)
  const host = new Host(config, undefined, chance)
  loadRules(host, rules)
  const lab = await Lab.open(config, rules, { backend: 'legacy', time: 'actual', staysOnProcessor: true })
  try {
    return await play(draft, host, lab, chance)
  } finally {
    await lab.close()
  }
}

async function play(
  { family, flows, moves }: StateDraft,
  host: Host,
  lab: Lab,
  chance: KernelsChance,
): Promise<StateFinding> {
  const talk = new Talk(family, flows)
  const seen = nothingSeen()
  const actions: Action[] = []
  let known = new Set<string>()
  const startMs = performance.now()
  let nowNs = 0n
  for (const [at, move] of moves.entries()) {
    for (const action of talk.actions(move)) {
      actions.push(action)
      const step: Step = { number: actions.length, atNs: 0n, action, expect: null, text: '', span: null }
      const theirs = await lab.step(step)
      const listing = lab.connections()
      if (performance.now() - startMs > longestMs) return { kind: 'late', seen }
      nowNs = theirs.actualNs
      const begun = listing.filter((line) => !known.has(tuplesOf(line)))
      known = new Set(listing.map(tuplesOf))
      // Without a new one, that of the flow: it may have ended and begun again to look the same.
      chance.follow(begun[0] ?? talk.lineOf(move, listing))
      const ours = take(host, step, nowNs)
      const text =
        compareSteps(step, ours, { ...theirs, recent: {}, log: ours.log }) ??
        compareEnds(endOf(host.connections(nowNs)), endOf(listing))
      if (text !== null) return { kind: 'differ', moves: at + 1, text, actions }
      note(seen, ours, begun, listing.length)
      if (move.pieces.count > 1) seen.fragments++
      talk.heard(move, theirs, listing)
    }
  }
  const end = await lab.end()
  const save = host.save(family, { counters: true })
  const text = compareEnds({ ...endOf([]), save }, { ...end, conntrack: [] })
  return text === null ? { kind: 'agree', seen } : { kind: 'differ', moves: moves.length, text, actions }
}

const endOf = (conntrack: readonly string[]) => ({ end: true as const, save: '', conntrack })

function take(host: Host, { number, action }: Step, nowNs: bigint): StepResult {
  if (action.kind !== 'receive' && action.kind !== 'send') throw new Error('no such step here')
  const { hits, sent, ...outcome } =
    action.kind === 'receive'
      ? host.receive(action.frame.slice(), action.device, nowNs)
      : host.send(action.packet.slice(), nowNs, { socket: action.socket })
  return {
    ...outcome,
    step: number,
    at: 0,
    hits: hits.map(printRuleRef),
    sent: sent.map(({ if: device, bytes }) => ({ if: device, hex: hexOfBytes(bytes) })),
    recent: {},
  }
}

function note(seen: StateSeen, result: StepResult, begun: readonly string[], lines: number): void {
  const { verdict, hits, sent, state } = result
  seen.packets++
  seen.frames += sent.length
  seen.hits += hits.length
  seen.lines += lines
  if (verdict === 'drop') seen.dropped++
  if (verdict === 'reject') seen.rejected++
  if (state === 'RELATED') seen.related++
  if (state === 'INVALID') seen.invalid++
  if (state === 'ESTABLISHED') seen.established++
  seen.connections += begun.length
  seen.translated += begun.filter(isTranslated).length
}

function isTranslated(line: string): boolean {
  const [original, reply] = [...line.matchAll(/src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?/g)]
  return (
    original![1] !== reply![2] ||
    original![2] !== reply![1] ||
    original![3] !== reply![4] ||
    original![4] !== reply![3]
  )
}
