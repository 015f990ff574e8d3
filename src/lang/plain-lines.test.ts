import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fakeSyntax } from './_fixtures.ts'
import { Problems } from './problems.ts'
import { linux618 } from './profile.ts'
import { readRestore } from './restore.ts'
import { newRuleset, spanOfUse } from './rule.ts'
import { SourceText } from './source.ts'

/** Rules without their places' texts, and what was said. */
function read(text: string) {
  const problems = new Problems()
  const ruleset = newRuleset('ipv4')
  readRestore(new SourceText('rules', text), ruleset, { syntax: fakeSyntax, profile: linux618, problems })
  const plain = (_: string, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value instanceof SourceText ? '' : value
  const rules = [...(ruleset.tables.get('filter')?.chains.values() ?? [])].flatMap((chain) =>
    chain.rules.map((rule) => {
      const places = [...rule.matches, rule.target].map((use) => spanOfUse(rule, use))
      return JSON.parse(JSON.stringify({ chain: chain.name, ...rule, places }, plain))
    }),
  )
  return { rules, said: problems.list.map(({ code, span }) => `${code} ${span?.start} ${span?.end}`) }
}

const address = fc.constantFrom(
  ...[
    '1.2.3.4',
    '10.0.0.0/8',
    '10.0.0.1/8',
    '010.0.0.1',
    '1.2.3',
    '1.2.3.4/33',
    '0.0.0.0/0',
    '9.9.9.9/32',
    'x',
    '1.1.1.1,2.2.2.2',
  ],
)
const condition = (letter: string) =>
  fc
    .tuple(fc.constantFrom('', '', ` -${letter} `, ` ! -${letter} `), address)
    .map(([option, word]) => (option === '' ? '' : option + word))
const line = fc
  .tuple(
    fc.constantFrom('', '', '[3:4] ', ' '),
    fc.constantFrom('-A INPUT', '-A web', '-I INPUT', '-A none'),
    condition('s'),
    condition('d'),
    fc.constantFrom(
      ' -j DROP',
      ' -p tcp --dport 22 -j web',
      ' -p tcp -m tcp --dport 99999 -j DROP',
      ' -m comment --comment "a -s b" -j ACCEPT',
      ' -j DROP ',
      '',
    ),
  )
  .map((parts) => parts.join(''))

/** The same line further down is read by its shape; alone it is read in full. */
it('reads a line by its shape as it reads it in full', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
      const head = '*filter\n:web - [0:0]\n'
      const all = read(`${head}${lines.join('\n')}\n${lines.join('\n')}\nCOMMIT\n`)
      // A blank behind the chain gives a line another shape, and the same meaning.
      const full = read(
        `${head}${lines.map((each, at) => each.replace(/(-[AI] \w+)/, `$1${' '.repeat(at + 1)}`)).join('\n')}\nCOMMIT\n`,
      )
      const meaning = (rules: typeof all.rules) =>
        rules.map((rule) =>
          JSON.stringify(rule, (key, value) => (key === 'span' || key === 'places' ? undefined : value)),
        )
      const inserted = lines.some((each) => each.includes('-I'))
      if (!inserted) {
        const chains = ['INPUT', 'web']
        for (const chain of chains) {
          const of = (rules: typeof all.rules) => meaning(rules.filter((rule) => rule.chain === chain))
          expect(of(all.rules)).toEqual([...of(full.rules), ...of(full.rules)])
        }
      }
      const text = `${head}${lines.join('\n')}\n${lines.join('\n')}\nCOMMIT\n`
      for (const rule of all.rules) {
        expect(text.slice(rule.span.start, rule.span.end)).toMatch(/^-[AI] \S.*\S$/)
        const places = rule.places.map((place: { start: number; end: number } | null) =>
          place === null ? '' : text.slice(place.start, place.end),
        )
        expect(places.pop()).toMatch(/^(DROP|ACCEPT|web|)$/)
        for (const place of places) expect(place).toMatch(/^(--\S+ \S+|-m \w+ --\S+ (\S+|".*"))$/)
      }
    }),
    { numRuns: 300 },
  )
})
