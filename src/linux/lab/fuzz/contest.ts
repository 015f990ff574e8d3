/** One case before both judges: the engine and the real kernel, step by step. */
import { isUnreadable } from '../../../engine/journey.ts'
import type { Judge, RulesText, Step, StepResult } from '../../../scenario/scenario.ts'
import { type Backend, RulesRefusedError } from '../_load.ts'
import { compareEnds, compareSteps } from '../compare.ts'
import { type KernelStepResult, Lab } from '../lab.ts'
import { type CaseDraft, caseOf, isTimed } from './draft.ts'
import { estimateEveryMs, hasEstimates } from './estimates.ts'
import { Pace } from './pace.ts'

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
  /** They differ, or differ so late (`late`) that a decision may have turned on when a step was taken. */
  | {
      readonly kind: 'differ' | 'late'
      /** Number of the step, from 1; 0 while loading, and behind the last at the end. */
      readonly step: number
      readonly text: string
    }

/** The engine, which tells whether it took a port by chance: from then on the kernel's connections are others. */
export interface ContestEngine extends Judge {
  readonly hasDrawnPort: boolean
}

/** Opens the engine; throws `RulesRefusedError` where it would refuse the rules. */
export type OpenEngine = (host: CaseDraft['host'], rules: readonly RulesText[]) => Promise<ContestEngine>

export interface ContestOptions {
  readonly backend: Backend
  readonly openEngine: OpenEngine
}

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
  const kernel = await refusalOr(() => Lab.open(part.host, part.rules, { backend, time: 'loaded' }))
  const close = async (): Promise<void> => {
    await Promise.all([engine, kernel].map((side) => (typeof side === 'string' ? null : side.close())))
  }
  if (typeof engine === 'string' || typeof kernel === 'string') {
    return { run: async () => loadFinding(engine, kernel), close }
  }
  return { run: () => compete(draft, engine, kernel, backend), close }
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

async function compete(
  draft: CaseDraft,
  engine: ContestEngine,
  kernel: Lab,
  backend: Backend,
): Promise<Finding> {
  const { steps } = caseOf(draft)
  const pace = new Pace({
    isTimed: isTimed(draft),
    hz: draft.host.profile.hz,
    estimates: hasEstimates(draft) ? { everyMs: estimateEveryMs, uncertainTicks: kernel.loadTicks } : null,
  })
  const seen = { ...nothingSeen }
  /** The most that came during a step: so uncertain are the stamps. */
  let ticks = 0
  /** A step so far may have been decided by a tick. */
  let isDoubtful = false
  const differ = (step: number, text: string): Finding => ({
    kind: isDoubtful ? 'late' : 'differ',
    step,
    text,
  })
  for (const burst of burstsOf(steps)) {
    const finding = await pace.take(burst[0]!.atNs, async (): Promise<Finding | null> => {
      for (const step of burst) {
        const theirs = withoutStrangers(await kernel.step(step))
        ticks = Math.max(ticks, theirs.ticks)
        if (!pace.note(theirs)) isDoubtful = true
        const ours = await engine.step({ ...withProcessor(step, theirs.cpu), atNs: theirs.actualNs })
        if (engine.hasDrawnPort) return { kind: 'agree', seen }
        // Time made another decision than when the case was drawn up.
        if (backend === 'nft' && isUnreadable(ours.why)) return { kind: 'agree', seen }
        const text = compareSteps(step, ours, withoutLeftovers(theirs, ours), ticks)
        if (text !== null) return differ(step.number, text)
        note(seen, theirs)
      }
      return null
    })
    if (finding !== null) return finding
  }
  const text = compareEnds(await engine.end(), await kernel.end())
  return text === null ? { kind: 'agree', seen } : differ(steps.length + 1, text)
}

/** A copy of a packet that had no link header: in its place the kernel logs what lies in memory. */
function withoutLeftovers(theirs: KernelStepResult, ours: StepResult): KernelStepResult {
  const log = theirs.log.map((line, at) =>
    / MAC= /.test(ours.log[at] ?? '') ? line.replace(/ MAC=\S* /, ' MAC= ') : line,
  )
  return { ...theirs, log }
}

/** Where the kernel handled it, the engine shall, too. */
function withProcessor(step: Step, cpu: number): Step {
  const { action } = step
  if (action.kind !== 'receive' && action.kind !== 'send') return step
  return { ...step, action: { ...action, circumstances: { cpu } } }
}

/** The kernel's log is one for all namespaces: helpers of connections, which no case has, speak for somebody else. */
const withoutStrangers = (result: KernelStepResult): KernelStepResult => ({
  ...result,
  log: result.log.filter((line) => !line.startsWith('nf_ct_')),
})

/** Steps of the same moment. */
function burstsOf(steps: readonly Step[]): Step[][] {
  const bursts = new Map<bigint, Step[]>()
  for (const step of steps) bursts.set(step.atNs, [...(bursts.get(step.atNs) ?? []), step])
  return [...bursts.values()]
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

/** Runs cases at the same time, their bursts of steps woven into each other, and answers in their order. */
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
