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
import { withReadablePackets } from './readable.ts'
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
  /** Cases of which nothing can be said, because this machine was too slow for them every time. */
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
const batchSize = 32

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
    const drafts = await Promise.all(Array.from({ length: size }, () => draftOf(options, index++)))
    const findings = await contestPatiently(drafts, options)
    for (const [at, finding] of findings.entries()) await take(finding, drafts[at]!, tally, options)
    options.onProgress(tally)
  }
  return tally
}

type WhichCase = Pick<CampaignOptions, 'seed' | 'isOneCase' | 'backend' | 'openEngine'>

async function draftOf(
  { seed, isOneCase, backend, openEngine }: WhichCase,
  index: number,
): Promise<CaseDraft> {
  const isNft = backend === 'nft'
  const draft = generateCase(isOneCase ? seed : caseSeed(seed, index), { avoidsNftDifferences: isNft })
  return isNft ? withReadablePackets(draft, openEngine) : draft
}

/** How often a late case is tried, alone after the first time. */
const attempts = 4

/**
 * Late cases get more chances. So do differences: a line that somebody else's packet wrote to the kernel's log, which is
 * one for the whole machine, does not come again.
 */
async function contestPatiently(drafts: readonly CaseDraft[], options: ContestOptions): Promise<Finding[]> {
  const findings = await contestAll(drafts, options)
  for (const [at, draft] of drafts.entries()) {
    const first = findings[at]!
    for (let attempt = 1; attempt < attempts && isUnsettled(findings[at]!, attempt); attempt++) {
      findings[at] = (await contestAll([draft], options))[0]!
    }
    if (first.kind === 'differ' && findings[at]!.kind === 'late') findings[at] = first
  }
  return findings
}

/** A log that is disturbed is read again and again, anything else that differs but once. */
const isUnsettled = (finding: Finding, attempt: number): boolean =>
  finding.kind === 'late' || (finding.kind === 'differ' && (attempt === 1 || finding.text.startsWith('log')))

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

type Differ = Extract<Finding, { step: number }>

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
