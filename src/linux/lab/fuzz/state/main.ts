/** `npm run fuzz:state`: random conversations through a gateway, before the engine and the kernel. */
import { parseArgs } from 'node:util'
import { saysLack } from '../lack.ts'
import { runStateCampaign, sayStateTally } from './campaign.ts'

const usage = `usage: npm run fuzz:state -- [--minutes N] [--packets N] [--seed S] [--keep-going] [--no-shrink]
       npm run fuzz:state -- --case S    one case again, by its seed
`

/** Returns the exit status: 0 when nothing differs, 1 after a difference, 2 usage, 3 when something is missing. */
export async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readArguments(args)
  if (settings === null) {
    process.stderr.write(usage)
    return 2
  }
  if (saysLack('legacy')) return 3
  const { seed, isOneCase, packets, keepsGoing, shrinks } = settings
  const startMs = performance.now()
  const say = (text: string): void => {
    process.stderr.write(`fuzz:state: ${((performance.now() - startMs) / 60_000).toFixed(1)} min  ${text}\n`)
  }
  say(`seed ${seed}`)
  const tally = await runStateCampaign({
    seed,
    isOneCase,
    untilMs: startMs + settings.minutes * 60_000,
    packets,
    maxDifferences: keepsGoing ? Number.POSITIVE_INFINITY : 1,
    shrinks,
    signal,
    onProgress: (now) => say(sayStateTally(now)),
    onPassing: (text) => say(`a difference that did not show again: ${text}`),
    onDifference: ({ seed: caseSeed, text, file, timeline }) => {
      process.stderr.write(`\ndifference (--case ${caseSeed}): ${text}\n${timeline}\n\n`)
      process.stdout.write(`---\n${file}`)
    },
  })
  say(`done: ${sayStateTally(tally)}`)
  return tally.differences === 0 ? 0 : 1
}

interface Settings {
  readonly minutes: number
  readonly packets: number
  readonly seed: number
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
        packets: { type: 'string' },
        seed: { type: 'string' },
        case: { type: 'string' },
        'keep-going': { type: 'boolean', default: false },
        'no-shrink': { type: 'boolean', default: false },
      },
    })
    const minutes = Number(values.minutes)
    const packets = Number(values.packets ?? Number.POSITIVE_INFINITY)
    const seed = Number(values.case ?? values.seed ?? Math.floor(Math.random() * 2 ** 32))
    if (!(minutes > 0) || !(packets > 0) || !(seed >= 0)) return null
    const isOneCase = values.case !== undefined
    return {
      minutes,
      packets,
      seed,
      isOneCase,
      keepsGoing: values['keep-going'],
      shrinks: !values['no-shrink'],
    }
  } catch {
    return null
  }
}
