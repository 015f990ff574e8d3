/** Mutated rules through the parser: no exception, no hang, every diagnostic in its place. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { parseRules, type RulesFormat } from '../src/lang/read.ts'
import { SourceText } from '../src/lang/source.ts'
import { seed } from './seed.ts'
import { repositoryRoot } from './shared.ts'

/** Lines to try; RULE_LINES=1000000 tries more, SEED repeats a run. */
const lineBudget = Number(process.env.RULE_LINES ?? 20_000)

/** Xorshift of 32 bits: fast, and the same everywhere. */
function randomOf(start: number): (below: number) => number {
  let state = start | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Lines of the examples, and every option line that an extension shows of itself. */
function material(): string[] {
  const folder = join(repositoryRoot, 'examples')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(v4|v6|sh)$/.test(path),
  )
  const lines = files.flatMap((path) => readFileSync(join(folder, path), 'utf8').split('\n'))
  const matches = registry.matches.flatMap(({ name, examples }) =>
    examples.map((words) => `-A INPUT -p tcp -m ${name} ${words} -j ACCEPT`),
  )
  const targets = registry.targets.flatMap(({ name, examples }) =>
    examples.map((words) => `-A INPUT -p tcp -j ${name} ${words}`),
  )
  return [...lines, ...matches, ...targets].filter((line) => line.trim() !== '')
}

const pieces = [
  ...[
    '!',
    '-',
    '--',
    '"',
    "'",
    '\\',
    '/',
    ':',
    ',',
    '=',
    '%',
    '0',
    '-1',
    '4294967296',
    '99999999999999999999',
  ],
  ...[
    '-p',
    '-m',
    '-j',
    '-A',
    '-I INPUT',
    '--dport',
    '--to',
    '::1',
    '1.2.3.4/33',
    '\u00a0',
    '“',
    '€',
    '\t',
    '\0',
  ],
  ...[
    '$(id)',
    '`id`',
    '$X',
    ';',
    '|',
    '&&',
    '#',
    '*filter',
    'COMMIT',
    ':x - [0:0]',
    '[1:2] ',
    '\r',
    '\ud800',
  ],
]

function mutate(line: string, lines: readonly string[], random: (below: number) => number): string {
  let text = line
  for (let change = random(4); change >= 0; change--) {
    const at = random(text.length + 1)
    const length = random(8)
    switch (random(6)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 1:
        text = text.slice(0, at) + pieces[random(pieces.length)]! + text.slice(at)
        break
      case 2:
        text = `${text.slice(0, at)} ${pieces[random(pieces.length)]!} ${text.slice(at)}`
        break
      case 3:
        text = text.slice(0, at) + String.fromCharCode(random(0x180)) + text.slice(at + 1)
        break
      case 4: {
        const other = lines[random(lines.length)]!
        text = text.slice(0, at) + other.slice(random(other.length))
        break
      }
      case 5:
        text = text.slice(0, at) + text.slice(at, at + length).repeat(random(40)) + text.slice(at)
    }
  }
  return text
}

it(`${lineBudget} mutated lines are read or refused in their place (seed ${seed})`, () => {
  const random = randomOf(seed)
  const lines = material()
  const blockLines = 20
  let tried = 0
  let refused = 0
  while (tried < lineBudget) {
    const block = Array.from({ length: blockLines }, () =>
      mutate(lines[random(lines.length)]!, lines, random),
    )
    const text = random(2) === 0 ? `*filter\n${block.join('\n')}\nCOMMIT\n` : block.join('\n')
    const format = (['save', 'script', 'auto'] as const)[random(3)]!
    const family = random(2) === 0 ? 'ipv4' : 'ipv6'
    const { diagnostics, counts } = read(text, format, family)
    for (const { span, code } of diagnostics) {
      if (span === null) continue
      const within = 0 <= span.start && span.start <= span.end && span.end <= span.source.text.length
      expect(within, `${code} at ${span.start} to ${span.end} of\n${text}`).toBe(true)
    }
    tried += blockLines
    refused += counts.error
  }
  expect(refused).toBeGreaterThan(tried / 10)
})

function read(text: string, format: RulesFormat | 'auto', family: 'ipv4' | 'ipv6') {
  try {
    return parseRules(new SourceText('rules', text), { family, format, syntax: registry })
  } catch (error) {
    throw new Error(`seed ${seed}, ${format}, ${family}:\n${JSON.stringify(text)}`, { cause: error })
  }
}
