/** `npm run fuzz`: random cases before the engine and the kernel. */
import { parseArgs } from 'node:util'
import type { Backend } from '../index.ts'
import { runCampaign, type Tally } from './campaign.ts'
import { openEngine } from './engine.ts'
import { saysLack } from './lack.ts'

const usage = `usage: npm run fuzz -- --minutes N [--seed S] [--backend legacy|nft] [--cases N] [--keep-going] [--no-shrink]
       npm run fuzz -- --case S    one case again, by the seed that its scenario file names
`

/** Returns the exit status: 0 when nothing differs, 1 after a difference, 2 usage, 3 when something is missing. */
export async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readArguments(args)
  if (settings === null) {
    process.stderr.write(usage)
    return 2
  }
  if (saysLack(settings.backend)) return 3
  const startMs = performance.now()
  const minutes = (): string => ((performance.now() - startMs) / 60_000).toFixed(1)
  process.stderr.write(
    `fuzz: seed ${settings.seed}, ${settings.backend} backend, ${settings.minutes} minutes\n`,
  )
  const tally = await runCampaign({
    seed: settings.seed,
    isOneCase: settings.isOneCase,
    backend: settings.backend,
    openEngine,
    untilMs: startMs + settings.minutes * 60_000,
    maxCases: settings.cases,
    maxDifferences: settings.keepsGoing ? Number.POSITIVE_INFINITY : 1,
    shrinks: settings.shrinks,
    signal,
    onProgress: (now) => process.stderr.write(`fuzz: ${minutes()} min  ${sayTally(now)}\n`),
    onDifference: ({ text, file, timeline }) => {
      process.stderr.write(`\ndifference: ${text}\n${timeline}\n\n`)
      process.stdout.write(`---\n${file}`)
    },
  })
  process.stderr.write(`fuzz: done after ${minutes()} min: ${sayTally(tally)}\n`)
  return tally.differences === 0 ? 0 : 1
}

export const sayTally = ({ rulesets, seen, refused, late, differences }: Tally): string =>
  `${rulesets} rulesets, ${seen.packets} packets (${seen.rejected} rejected, ${seen.dropped} dropped, ` +
  `${seen.hits} rule hits, ${seen.frames} frames, ${seen.logLines} log lines, ` +
  `${seen.recentAddresses} recency lines), ${refused} refused by both, ${late} late, ${differences} differences`

interface Settings {
  readonly minutes: number
  readonly seed: number
  readonly backend: Backend
  readonly cases: number
  /** The seed is that of a case, not of a run. */
  readonly isOneCase: boolean
  readonly keepsGoing: boolean
  readonly shrinks: boolean
}

function readArguments(args: readonly string[]): Settings | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string' },
        backend: { type: 'string', default: 'legacy' },
        cases: { type: 'string' },
        case: { type: 'string' },
        'keep-going': { type: 'boolean', default: false },
        'no-shrink': { type: 'boolean', default: false },
      },
    })
    const { backend } = values
    const minutes = Number(values.minutes)
    const seed = Number(values.case ?? values.seed ?? Math.floor(Math.random() * 2 ** 32))
    const cases = values.cases === undefined ? Number.POSITIVE_INFINITY : Number(values.cases)
    if ((backend !== 'legacy' && backend !== 'nft') || !(minutes > 0) || !(seed >= 0) || !(cases > 0))
      return null
    return {
      minutes,
      seed,
      backend,
      cases: values.case === undefined ? cases : 1,
      isOneCase: values.case !== undefined,
      keepsGoing: values['keep-going'],
      shrinks: !values['no-shrink'],
    }
  } catch {
    return null
  }
}
