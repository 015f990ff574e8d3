/** Many random conversations, one case after the other, until a time or a count of packets is reached. */
import type { Action } from '../../../../scenario/scenario.ts'
import { caseSeed } from '../random.ts'
import { scenarioFileOf, timelineOf } from '../scenario-file.ts'
import { compete, nothingSeen, type StateFinding, type StateSeen } from './contest.ts'
import { drawConversations, type StateDraft } from './moves.ts'
import { shrink } from './shrink.ts'
import { gateway } from './world.ts'

export interface StateCampaignOptions {
  readonly seed: number
  /** The seed is that of a single case. */
  readonly isOneCase: boolean
  /** Ends when any of these is reached. */
  readonly untilMs: number
  readonly packets: number
  readonly maxDifferences: number
  readonly shrinks: boolean
  readonly onProgress: (tally: StateTally) => void
  readonly onDifference: (report: StateReport) => void
  readonly onPassing?: (text: string) => void
  readonly signal?: AbortSignal
}

export interface StateTally {
  cases: number
  /** Given up because this machine was too slow for them. */
  late: number
  differences: number
  /** Differences that did not show again when the same case was played three times more: the machine's, most likely. */
  passing: number
  readonly seen: StateSeen
}

export interface StateReport {
  /** Of the case. */
  readonly seed: number
  readonly text: string
  /** A scenario file of the packets as they went; ports that the kernel drew by chance will be others next time. */
  readonly file: string
  readonly timeline: string
}

const progressEvery = 20

export async function runStateCampaign(options: StateCampaignOptions): Promise<StateTally> {
  const tally: StateTally = { cases: 0, late: 0, differences: 0, passing: 0, seen: nothingSeen() }
  const isOver = (): boolean =>
    performance.now() >= options.untilMs ||
    tally.seen.packets >= options.packets ||
    tally.differences >= options.maxDifferences ||
    (options.isOneCase && tally.cases > 0) ||
    options.signal?.aborted === true
  while (!isOver()) {
    const draft = drawConversations(options.isOneCase ? options.seed : caseSeed(options.seed, tally.cases))
    const first = await compete(draft)
    const finding = first.kind === 'differ' ? await again(draft, first) : first
    tally.cases++
    if (finding === null) {
      tally.passing++
      options.onPassing?.(`--case ${draft.seed}: ${(first as Differ).text}`)
      continue
    }
    if (finding.kind === 'late') tally.late++
    if (finding.kind !== 'differ') {
      for (const what of Object.keys(finding.seen) as (keyof StateSeen)[])
        tally.seen[what] += finding.seen[what]
    }
    if (finding.kind === 'differ') {
      tally.differences++
      options.onDifference(await report(draft, finding, options.shrinks))
    }
    if (tally.cases % progressEvery === 0) options.onProgress(tally)
  }
  return tally
}

/** The difference, shown once more; null where it is not. */
async function again(draft: StateDraft, first: Differ): Promise<Differ | null> {
  for (let times = 0; times < 3; times++) {
    const finding = await compete(draft)
    if (finding.kind === 'differ' && kindOf(finding) === kindOf(first)) return finding
  }
  return null
}

type Differ = Extract<StateFinding, { kind: 'differ' }>

async function report(draft: StateDraft, first: Differ, shrinks: boolean): Promise<StateReport> {
  let smallest = draft
  let finding = first
  if (shrinks) {
    const differs = async (candidate: StateDraft): Promise<boolean> => {
      const other = await compete(candidate)
      if (other.kind !== 'differ' || kindOf(other) !== kindOf(first)) return false
      finding = other
      return true
    }
    smallest = await shrink(draft, first.moves, differs)
  }
  const { text, actions } = finding
  const concrete = concreteCase(smallest, actions)
  const remarks = [`npm run fuzz:state -- --case ${draft.seed}`, text]
  return { seed: draft.seed, text, file: scenarioFileOf(concrete, remarks), timeline: timelineOf(concrete) }
}

const concreteCase = ({ seed, sysctls, rules }: StateDraft, actions: readonly Action[]) => ({
  seed,
  host: gateway(new Map(sysctls), seed),
  rules: [rules],
  steps: actions.map((action) => ({ atMs: 0, action })),
})

/** `rules hit`, `verdict` ...: what differs, without the values. */
const kindOf = ({ text }: Differ): string => text.replace(/[,:].*$/s, '')

export const sayStateTally = ({ cases, late, differences, passing, seen }: StateTally): string =>
  `${cases} rulesets, ${seen.packets} packets (${seen.fragments} fragments; ${seen.established} established, ` +
  `${seen.related} related, ${seen.invalid} invalid; ${seen.dropped} dropped, ${seen.rejected} rejected), ` +
  `${seen.frames} frames, ${seen.hits} rule hits, ${seen.connections} connections (${seen.translated} translated), ` +
  `${seen.lines} lines of listings, ${late} cases late, ${passing} differences that passed, ${differences} differences`
