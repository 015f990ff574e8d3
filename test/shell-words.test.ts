// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are of a shell.
/** Words of shell text, against what a POSIX shell makes of them. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ShellLexer } from '../src/lang/shell-words.ts'
import { SourceText } from '../src/lang/source.ts'
import { seed } from './seed.ts'

const variables: Readonly<Record<string, string>> = { ONE: 'x', TWO: 'a b', NONE: '', PAD: ' p  q ' }

// Comments and continued names are in the tables of src/lang.
const bare = fc.constantFrom(
  'a',
  '-A',
  '1.2.3.4',
  'x=y',
  '--dport',
  '\\ ',
  '\\"',
  "\\'",
  '\\\\',
  '\\$',
  'a#',
  'a!',
  'é',
  '{',
)
const variable = fc.constantFrom(
  '$ONE',
  '$TWO',
  '$NONE',
  '$PAD',
  '${ONE}',
  '${TWO}z',
  '${UNSET:-d e}',
  '${ONE:-d}',
)
const inDouble = fc.oneof(bare, variable, fc.constantFrom(' ', '  ', "'", '\\a', '#', ';', '|'))
const double = fc.array(inDouble, { maxLength: 4 }).map((parts) => `"${parts.join('')}"`)
const single = fc
  .array(fc.constantFrom('a', ' ', '$ONE', '\\', '"', '#', ';'), { maxLength: 4 })
  .map((parts) => `'${parts.join('')}'`)
const word = fc
  .array(fc.oneof(bare, bare, variable, double, single), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''))
const line = fc
  .array(fc.tuple(word, fc.constantFrom(' ', '  ', '\t', ' \\\n ')), { maxLength: 5 })
  .map((parts) => parts.flat().join(''))

/** Null when a word needs a running shell. */
function ours(text: string): string[] | null {
  const lexer = new ShellLexer(new SourceText('sh', text), (name) => {
    const value = variables[name]
    return value === undefined ? null : { text: value }
  })
  const words: string[] = []
  for (let token = lexer.next(); token !== null && token.kind !== 'comment'; token = lexer.next()) {
    if (token.kind !== 'words') continue
    if (token.words.some(({ needsShell }) => needsShell !== null)) return null
    words.push(...token.words.map((each) => each.text))
  }
  return words
}

/** Each line as the arguments of one command, in one shell. */
function theirs(lines: readonly string[]): string[][] {
  const setup = Object.entries(variables).map(([name, value]) => `${name}='${value}'`)
  const show = 'show() { for word in "$@"; do printf "%s\\0" "$word"; done; printf "\\1"; }'
  const script = [...setup, show, 'set -f', ...lines.map((text, at) => `show ${at} ${text}`)].join('\n')
  const { stdout } = spawnSync('/bin/sh', [], { input: `${script}\n`, encoding: 'utf8' })
  const answers: string[][] = []
  for (const answer of stdout.split('\u0001').slice(0, -1)) {
    const [at, ...words] = answer.split('\0').slice(0, -1)
    answers[Number(at)] = words
  }
  return answers
}

it('splits as sh does', () => {
  const lines = fc.sample(line, { seed, numRuns: 2000 })
  const answers = theirs(lines)
  let compared = 0
  const differences = lines.flatMap((text, at) => {
    const mine = ours(text)
    if (mine === null) return []
    compared++
    return JSON.stringify(mine) === JSON.stringify(answers[at])
      ? []
      : [{ text, ours: mine, theirs: answers[at] }]
  })
  expect(differences.slice(0, 5), `seed ${seed}`).toEqual([])
  expect(compared).toBeGreaterThan(lines.length / 2)
})
