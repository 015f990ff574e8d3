/** Many random cases, in batches that run at the same time, until a time or a count is reached. */
import type { Backend } from '../_load.ts'
import {
  type ContestOptions,
  contestAll,
  type Finding,
  nothingSeen,
  type OpenEngine,
  type Seen,
} from './contest.ts'
import type { CaseDraft } from './draft.ts'
import { generateCase } from './generate.ts'
import { caseSeed } from './random.ts'
import { scenarioFileOf, timelineOf } from './scenario-file.ts'
import { shrink } from './shrink.ts'

export interface CampaignOptions {
  readonly seed: number
  /** The seed is that of a single case. */
  readonly isOneCase?: boolean
  readonly backend: Backend
  readonly openEngine: OpenEngine
  /** Ends when either is reached. */
  readonly untilMs: number
  readonly maxCases: number
  /** Stops looking after so many differences. */
  readonly maxDifferences: number
  /** Whether differences are made small before they are reported. */
  readonly shrinks: boolean
  readonly onProgress: (tally: Tally) => void
  readonly onDifference: (report: DifferenceReport) => void
  readonly signal?: AbortSignal
}

export interface Tally {
  cases: number
  rulesets: number
  readonly seen: Seen
  /** Rulesets that both sides refused. */
  refused: number
  /** Cases given up because this machine was too slow for them, twice. */
  late: number
  differences: number
}

export interface DifferenceReport {
  readonly seed: number
  readonly text: string
  /** YAML of the smallest case found. */
  readonly file: string
  readonly timeline: string
}

/** Cases that run at the same time. */
const batchSize = 20

export async function runCampaign(options: CampaignOptions): Promise<Tally> {
  const tally: Tally = {
    cases: 0,
    rulesets: 0,
    seen: { ...nothingSeen },
    refused: 0,
    late: 0,
    differences: 0,
  }
  const isOver = (): boolean =>
    performance.now() >= options.untilMs ||
    tally.cases >= options.maxCases ||
    tally.differences >= options.maxDifferences ||
    options.signal?.aborted === true
  for (let index = 0; !isOver(); ) {
    const size = Math.min(batchSize, options.maxCases - tally.cases)
    const drafts = Array.from({ length: size }, () => draftOf(options, index++))
    const findings = await contestPatiently(drafts, options)
    for (const [at, finding] of findings.entries()) await take(finding, drafts[at]!, tally, options)
    options.onProgress(tally)
  }
  return tally
}

type WhichCase = Pick<CampaignOptions, 'seed' | 'isOneCase' | 'backend'>

const draftOf = ({ seed, isOneCase, backend }: WhichCase, index: number): CaseDraft =>
  generateCase(isOneCase ? seed : caseSeed(seed, index), { avoidsNftDifferences: backend === 'nft' })

/** Late cases get a second chance, alone. */
async function contestPatiently(drafts: readonly CaseDraft[], options: ContestOptions): Promise<Finding[]> {
  const findings = await contestAll(drafts, options)
  for (const [at, finding] of findings.entries()) {
    if (finding.kind === 'late') findings[at] = (await contestAll([drafts[at]!], options))[0]!
  }
  return findings
}

async function take(
  finding: Finding,
  draft: CaseDraft,
  tally: Tally,
  options: CampaignOptions,
): Promise<void> {
  tally.cases++
  switch (finding.kind) {
    case 'agree':
      tally.rulesets += draft.rules.length
      for (const what of Object.keys(finding.seen) as (keyof Seen)[]) tally.seen[what] += finding.seen[what]
      return
    case 'refused':
      tally.refused++
      return
    case 'late':
      tally.late++
      return
    case 'differ':
      tally.differences++
      options.onDifference(await report(finding, draft, options))
  }
}

type Differ = Extract<Finding, { kind: 'differ' }>

async function report(first: Differ, draft: CaseDraft, options: CampaignOptions): Promise<DifferenceReport> {
  let finding = first
  let smallest = draft
  if (options.shrinks) {
    const stillDiffers = async (candidates: readonly CaseDraft[]): Promise<boolean[]> => {
      const findings = await contestPatiently(candidates, options)
      return findings.map((other) => other.kind === 'differ' && kindOf(other) === kindOf(first))
    }
    smallest = await shrink(draft, first.step, stillDiffers, () => {})
    const [again] = await contestPatiently([smallest], options)
    if (again?.kind === 'differ') finding = again
  }
  const where =
    finding.step === 0 ? '' : finding.step > smallest.steps.length ? 'at the end: ' : `step ${finding.step}: `
  const text = `${where}${finding.text}`
  const remarks = [`kernel backend ${options.backend}`, text]
  return { seed: draft.seed, text, file: scenarioFileOf(smallest, remarks), timeline: timelineOf(smallest) }
}

/** `rules hit`, `verdict` ...: what differs, without the values. */
const kindOf = ({ text }: Differ): string => text.replace(/[,:].*$/s, '')
