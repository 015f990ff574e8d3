import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CatalogueEntry, catalogue, entryOf, textOfExample } from '../src/ext/catalogue/index.ts'
import { registry } from '../src/ext/registry.ts'
import { fixesOf, withFixes } from '../src/lang/fix.ts'
import { parseRules } from '../src/lang/read.ts'
import { SourceText } from '../src/lang/source.ts'
import { reviewRules } from '../src/scenario/review.ts'

function check(text: string, { family = 'ipv4' }: CatalogueEntry) {
  const options = { family, syntax: registry, advice: true, review: reviewRules }
  return parseRules(new SourceText('example', text), options).diagnostics
}

describe('each example', () => {
  it.each(catalogue.map((entry) => [entry.code, entry] as const))('%s', (code, entry) => {
    const { text, start, end } = textOfExample(entry.wrong)
    const found = check(text, entry).map(({ code: said, severity, span }) => ({
      code: code.startsWith('*') ? said.replace(/^[^/]+/, '*') : said,
      severity,
      at: span === null ? null : text.slice(span.start, span.end),
      start: span?.start,
    }))
    expect(found).toEqual([{ code, severity: entry.severity, at: text.slice(start, end), start }])
    expect(check(textOfExample(entry.mended).text, entry)).toEqual([])
  })
})

it('a correction that is offered is all that the example needs', () => {
  const mended: string[] = []
  for (const entry of catalogue) {
    const { text } = textOfExample(entry.wrong)
    let fixed = text
    for (let round = 0; round < 5; round++) {
      const fixes = fixesOf(check(fixed, entry), fixed)
      if (fixes.length === 0) break
      fixed = withFixes(fixed, fixes)
    }
    if (fixed === text) continue
    mended.push(entry.code)
    const left = check(fixed, entry).filter(
      ({ code, severity }) => code === entry.code || severity === 'error',
    )
    expect(left, `${entry.code}: ${fixed}`).toEqual([])
  }
  expect(mended.length).toBeGreaterThanOrEqual(27)
})

/** What no text of rules alone can bring about. */
const unseen = [
  // After 5000 errors.
  'file/given-up',
  // Comes with option/ignored always.
  'option/wait-interval-alone',
  // Of the programs on a virtual host, and of hosts.
  'file/commit-refused',
  'rule/not-founded',
  'rule/other-terms',
]

it('no code of this room is missing', () => {
  const folder = join(import.meta.dirname, '../src/lang')
  const said = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('test') && !name.startsWith('_'))
    .flatMap((name) => [
      ...readFileSync(join(folder, name), 'utf8').matchAll(
        /(?:say\(\s*|code: |gluedWord\()'([a-z]+\/[a-z0-9-]+)'/g,
      ),
    ])
    .map(([, code]) => code!)
  expect(said.length).toBeGreaterThan(90)
  const missing = [...new Set(said)].filter((code) => entryOf(code) === null && !unseen.includes(code))
  expect(missing).toEqual([])
})
