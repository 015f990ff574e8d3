/** One case before both judges: the engine and the real kernel, step by step. */
import type { Judge, RulesText, StepResult } from '../../../scenario/scenario.ts'
import { type Backend, RulesRefusedError } from '../_load.ts'
import { compareEnds, compareSteps } from '../compare.ts'
import { Lab } from '../lab.ts'
import { type CaseDraft, caseOf } from './draft.ts'

/** How much happened, so that agreement is known to be about something. */
export interface Seen {
  packets: number
  hits: number
  rejected: number
  dropped: number
  frames: number
  logLines: number
  recentAddresses: number
}

export const nothingSeen: Seen = {
  packets: 0,
  hits: 0,
  rejected: 0,
  dropped: 0,
  frames: 0,
  logLines: 0,
  recentAddresses: 0,
}

export type Finding =
  | { readonly kind: 'agree'; readonly seen: Seen }
  /** Both refuse the rules. */
  | { readonly kind: 'refused'; readonly why: string }
  /** A step came so late that a decision may have turned on it. */
  | { readonly kind: 'late'; readonly lateMs: number }
  | {
      readonly kind: 'differ'
      /** Number of the step, from 1; 0 while loading, and behind the last at the end. */
      readonly step: number
      readonly text: string
    }

/** Opens the engine; throws `RulesRefusedError` where it would refuse the rules. */
export type OpenEngine = (host: CaseDraft['host'], rules: readonly RulesText[]) => Promise<Judge>

export interface ContestOptions {
  readonly backend: Backend
  readonly openEngine: OpenEngine
}

/** Ticks that may come during a step before it is unclear in which one the packet passed. */
const toleratedTicks = 2

/** A case whose host stands and whose rules are loaded, ready to run. */
export interface Contest {
  run(): Promise<Finding>
  close(): Promise<void>
}

export async function openContest(
  draft: CaseDraft,
  { backend, openEngine }: ContestOptions,
): Promise<Contest> {
  const part = caseOf(draft)
  const engine = await refusalOr(() => openEngine(part.host, part.rules))
  const kernel = await refusalOr(() => Lab.open(part.host, part.rules, { backend, time: 'actual' }))
  const close = async (): Promise<void> => {
    await Promise.all([engine, kernel].map((side) => (typeof side === 'string' ? null : side.close())))
  }
  if (typeof engine === 'string' || typeof kernel === 'string') {
    return { run: async () => loadFinding(engine, kernel), close }
  }
  return { run: () => compete(draft, engine, kernel), close }
}

async function refusalOr<T>(open: () => Promise<T>): Promise<T | string> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof RulesRefusedError) return error.message
    throw error
  }
}

function loadFinding(engine: Judge | string, kernel: Judge | string): Finding {
  if (typeof engine === 'string' && typeof kernel === 'string') return { kind: 'refused', why: kernel }
  const say = (side: Judge | string): string =>
    typeof side === 'string' ? `refuses (${side})` : 'takes them'
  return {
    kind: 'differ',
    step: 0,
    text: `loading the rules: the engine ${say(engine)}, the kernel ${say(kernel)}`,
  }
}

async function compete(draft: CaseDraft, engine: Judge, kernel: Lab): Promise<Finding> {
  const { steps } = caseOf(draft)
  const moments: bigint[] = []
  const seen = { ...nothingSeen }
  for (const step of steps) {
    const theirs = await kernel.step(step)
    // The engine is told when a step really happened, so lateness only matters where time decides.
    const isDoubtful = theirs.ticks > toleratedTicks || !clearOfEdges(moments, theirs.actualNs)
    if (isDoubtful) return { kind: 'late', lateMs: theirs.lateMs }
    moments.push(theirs.actualNs)
    const ours = await engine.step({ ...step, atNs: theirs.actualNs })
    const text = compareSteps(step, ours, theirs)
    if (text !== null) return { kind: 'differ', step: step.number, text }
    note(seen, theirs)
  }
  const text = compareEnds(await engine.end(), await kernel.end())
  return text === null ? { kind: 'agree', seen } : { kind: 'differ', step: steps.length + 1, text }
}

function note(seen: Seen, { verdict, hits, sent, log, recent }: StepResult): void {
  if (verdict !== null) seen.packets++
  if (verdict === 'reject') seen.rejected++
  if (verdict === 'drop') seen.dropped++
  seen.hits += hits.length
  seen.frames += sent.length
  seen.logLines += log.length
  seen.recentAddresses += Object.values(recent).flat().length
}

/** Credits of limits and `--seconds` are decided at multiples of this, apart from an earlier packet. */
const edgeEveryMs = 500
const edgeMarginMs = 20

function clearOfEdges(earlier: readonly bigint[], nowNs: bigint): boolean {
  return earlier.every((moment) => {
    const apartMs = Number(nowNs - moment) / 1e6
    const rest = apartMs % edgeEveryMs
    return apartMs < edgeEveryMs / 2 || Math.min(rest, edgeEveryMs - rest) >= edgeMarginMs
  })
}

/** Runs cases at the same time, their steps woven into each other, and answers in their order. */
export async function contestAll(drafts: readonly CaseDraft[], options: ContestOptions): Promise<Finding[]> {
  const contests: Contest[] = []
  try {
    for (const draft of drafts) contests.push(await openContest(draft, options))
    return await Promise.all(
      contests.map(async (contest, at) => {
        await sleep((at * spreadMs) / contests.length)
        return contest.run()
      }),
    )
  } finally {
    await Promise.all(contests.map((contest) => contest.close()))
  }
}

/** Timelines begin spread over this time, so that their bursts do not fall together. */
const spreadMs = 600

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
