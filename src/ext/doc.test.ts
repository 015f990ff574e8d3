import { describe, expect, it } from 'vitest'
import { documentExtension, printHelp } from './doc.ts'
import { tcp } from './match/tcp.ts'
import { ttl } from './match/ttl.ts'
import { matches, targets } from './registry.ts'

it('prints what there is to know of a match', () => {
  expect(`\n${printHelp(documentExtension('match', ttl))}\n`).toBe(`
-m ttl: Match packets by their time to live.

  for IPv4

Options:
      --ttl-lt NUMBER             fewer are left
                                  not with --ttl-gt, --ttl-eq
      --ttl-gt NUMBER             more are left
                                  not with --ttl-lt, --ttl-eq
  [!] --ttl-eq NUMBER             exactly so many hops are left (also --ttl)
                                  not with --ttl-lt, --ttl-gt

Examples:
  -m ttl --ttl-eq 64
  -m ttl ! --ttl-eq 64
  -m ttl --ttl-lt 5
  -m ttl --ttl-gt 128
`)
})

it('shows the condition that implies a match', () => {
  const doc = documentExtension('match', tcp)
  expect(doc.impliedBy).toEqual(['-p tcp'])
  expect(doc.examples[0]).toBe('-p tcp -m tcp --dport 22')
  expect(printHelp(doc)).toContain('loaded by -p tcp as well')
})

it('tells of both that two options do not go together', () => {
  const { options } = documentExtension('match', tcp)
  const notesOf = (name: string) => options.find(({ form }) => form.includes(`--${name}`))!.notes
  expect([notesOf('syn'), notesOf('tcp-flags')]).toEqual([['not with --tcp-flags'], ['not with --syn']])
})

const extensions = [
  ...matches.map((extension) => ['match', extension.name, extension] as const),
  ...targets.map((extension) => ['target', extension.name, extension] as const),
]

describe.each(extensions)('%s %s', (kind, _, extension) => {
  const doc = documentExtension(kind, extension)
  const help = printHelp(doc, 110)

  it('tells every option once', () => {
    for (const name of Object.keys(extension.options)) {
      const forms = doc.options.filter(({ form }) => new RegExp(`--${name}( |$)`).test(form))
      expect(forms.length, name).toBe(1)
      expect(help).toContain(forms[0]!.form)
    }
  })

  it('says each thing in a phrase that fits a line', () => {
    expect(doc.doc).toMatch(/^[A-Z].*\.$/)
    for (const { doc: phrase } of doc.options) expect(phrase).toMatch(/^[a-zA-Z0-9].*[^.]$/)
    const [described] = help.split('\nExamples:')
    for (const line of described!.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110)
  })

  it('names only options that it has', () => {
    const names = Object.keys(extension.options)
    for (const { excludes = [], needs = [] } of Object.values(extension.options))
      for (const other of [...excludes, ...needs]) expect(names).toContain(other)
  })
})
