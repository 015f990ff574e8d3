/** Random command lines of ipset: the same output, messages and exit codes as the real ipset, the order of listings included. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Sets } from '../../src/engine/set/sets.ts'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { decodeText, encodeText } from '../../src/lang/bytes.ts'
import { runIpset } from '../../src/lang/ipset/program.ts'
import { loadLibc } from '../../src/linux/_libc.ts'
import { NetworkNamespace } from '../../src/linux/lab/_namespace.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'
import { ipsetCommand, ipsetStory } from './ipset-words.ts'

interface Call {
  readonly words: readonly string[]
  readonly input?: string
}

interface Answer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

function ourAnswers(calls: readonly Call[]): Answer[] {
  const sets = new Sets({ hz: 250, random: () => 1 })
  return calls.map(({ words, input = '' }) => {
    const answer = runIpset(
      words.map((word) => decodeText(encodeText(word))),
      input,
      sets.at(0),
    )
    return { exitCode: answer.exitCode, stdout: answer.stdout, stderr: answer.stderr }
  })
}

async function kernelAnswers(calls: readonly Call[]): Promise<Answer[]> {
  const namespace = new NetworkNamespace(await loadLibc())
  try {
    return namespace.run(() =>
      calls.map(({ words, input = '' }) => {
        const { status, stdout, stderr } = spawnSync('ipset', words, { input, encoding: 'latin1' })
        return {
          exitCode: status ?? 128,
          stdout: decodeText(Buffer.from(stdout, 'latin1')),
          stderr: decodeText(Buffer.from(stderr, 'latin1')),
        }
      }),
    )
  } finally {
    namespace.close()
  }
}

/** Time passes for the kernel while it answers. */
const withoutTimes = ({ stdout, ...rest }: Answer): Answer => ({
  ...rest,
  stdout: stdout.replace(/(timeout[ >])([1-9]\d*)/g, (_, word: string) => `${word}N`),
})

/** ipset itself crashes where a bitmap of ports is told of ICMP. */
const crashed = 128

async function compare(calls: readonly Call[], seed: number): Promise<void> {
  const ours = ourAnswers(calls)
  const theirs = await kernelAnswers(calls)
  const first = calls.findIndex(
    (_, at) =>
      theirs[at]!.exitCode !== crashed &&
      JSON.stringify(withoutTimes(ours[at]!)) !== JSON.stringify(withoutTimes(theirs[at]!)),
  )
  const shown = (answers: readonly Answer[]): unknown =>
    first < 0
      ? null
      : {
          calls: calls
            .slice(0, first + 1)
            .map(({ words, input }) => words.join(' ') + (input === undefined ? '' : `\n${input}`)),
          ...withoutTimes(answers[first]!),
        }
  expect(shown(ours), `seed ${seed}`).toEqual(shown(theirs))
}

const reason = kernelIsOutOfReach
const why = reason ? ` (${reason})` : ''

describe.skipIf(reason !== null)(`ipset${why}`, () => {
  const sessions = runs(6)
  it(
    `answers ${sessions} random sessions as ipset does`,
    async () => {
      const all = fc.sample(fc.array(ipsetCommand, { minLength: 40, maxLength: 40, size: 'max' }), {
        seed,
        numRuns: sessions,
      })
      for (const lines of all)
        await compare(
          lines.map((words) => ({ words })),
          seed,
        )
    },
    60_000 * sessions,
  )

  const stories = runs(12)
  it(
    `keeps ${stories} sets of random kinds as ipset does`,
    async () => {
      for (const lines of fc.sample(ipsetStory, { seed, numRuns: stories })) {
        await compare(
          lines.map((words) => ({ words })),
          seed,
        )
      }
    },
    60_000 * stories,
  )

  const restores = runs(10)
  it(
    `restores ${restores} random texts as ipset does`,
    async () => {
      const texts = fc.sample(ipsetStory, { seed: seed + 1, numRuns: restores })
      for (const lines of texts) {
        const isSilent = lines.filter(([verb]) => verb !== 'test')
        const input = isSilent.map((words) => `${words.join(' ')}\n`).join('')
        await compare(
          [
            { words: ['restore'], input },
            { words: ['restore', '-!'], input },
            { words: ['list'] },
            { words: ['list', '-r'] },
            { words: ['save', '-s'] },
          ],
          seed,
        )
      }
    },
    60_000 * restores,
  )

  const dialogues = runs(10)
  it(
    `holds ${dialogues} random dialogues as ipset does`,
    async () => {
      const texts = fc.sample(ipsetStory, { seed: seed + 2, numRuns: dialogues })
      for (const lines of texts) {
        // What a line says that ipset cannot read is taken for what the next one leaves out.
        const sets = new Sets({ hz: 250, random: () => 1 }).at(0)
        const readable = lines.filter((words) => {
          const { exitCode, stderr } = runIpset(words, '', sets)
          return exitCode === 0 || /Element cannot be|is NOT in set/.test(stderr)
        })
        const input = `${readable.map((words) => `${words.join(' ')}\n`).join('')}# end\n`
        await compare(
          [
            { words: ['-'], input },
            { words: ['-', '-r', '-s'], input: 'list -t\nbogus\n\nlist\nquit\nlist\n' },
            // Too many words for a line.
            { words: ['-'], input: `add a 10.0.0.1${' 1'.repeat(40)}\nlist -n\n` },
            { words: ['list'] },
            { words: ['list', '-r'] },
          ],
          seed,
        )
      }
    },
    60_000 * dialogues,
  )
})
