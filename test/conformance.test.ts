/** The language against what the real iptables made of 110 rulesets. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { decodeText } from '../src/lang/bytes.ts'
import type { Diagnostic } from '../src/lang/diagnostic.ts'
import { rulesToCommands, rulesToJson } from '../src/lang/json.ts'
import { printRuleset } from '../src/lang/print.ts'
import { parseRules } from '../src/lang/read.ts'
import { type Family, noCounters } from '../src/lang/rule.ts'
import { SourceText } from '../src/lang/source.ts'
import { absent, sharedPath } from './shared.ts'

/** Matches and targets that the registry lacks, as `match NAME` and `target NAME`. */
const lacking = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.flatMap(({ code, span }) => {
    const [kind, what] = code.split('/')
    if (what !== 'unsupported' || span === null) return []
    return [`${kind} ${span.source.text.slice(span.start, span.end)}`]
  })

describe('rulesets of other people', () => {
  const folder = sharedPath('conformance/rulesets')
  const names = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.rules'))
  const read = (name: string): Uint8Array => readFileSync(join(folder!, name))

  /** What the kernel printed back, without the dated comments, and the family it was asked in. */
  function canonicalOf(name: string): { readonly family: Family; readonly text: string } {
    const text = decodeText(read(name.replaceAll('.rules', '.canonical')))
    return { family: text.includes('ip6tables-save') ? 'ipv6' : 'ipv4', text: text.replace(/^#.*\n/gm, '') }
  }

  function ours(name: string) {
    const { family, text } = canonicalOf(name)
    const parsed = parseRules(new SourceText(name, decodeText(read(name))), { family, syntax: registry })
    const printed = printRuleset(parsed.ruleset, registry, { counters: () => noCounters })
    return { parsed, same: printed === text, printed, text }
  }

  const skip = folder === null
  const why = skip ? ` (${absent('conformance/rulesets')})` : ''

  it.skipIf(skip)(`have no errors${why}`, () => {
    expect(names.length).toBe(110)
    const errors = names.flatMap((name) => {
      const { diagnostics } = ours(name).parsed
      return diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => `${name}: ${code}`)
    })
    expect(errors).toEqual([])
  })

  // Every other ruleset prints byte for byte as the kernel does; this list may only become shorter.
  const gaps: Readonly<Record<string, readonly string[]>> = {}

  it.skipIf(skip)(`print canonically, but for ${Object.keys(gaps).length}${why}`, () => {
    const equal = names.filter((name) => ours(name).same).length
    console.log(
      `rulesets of other people: ${equal} of ${names.length} print byte for byte as the kernel does`,
    )
    const unlisted = names
      .filter((name) => !ours(name).same)
      .map((name) => ({ name, lacks: lacking(ours(name).parsed.diagnostics) }))
      .filter(({ name, lacks }) => lacks.length === 0 || lacks.some((one) => !gaps[name]?.includes(one)))
    expect(unlisted).toEqual([])
  })

  it.skipIf(skip)(`print to what reads back the same${why}`, () => {
    for (const name of names) {
      const { parsed, printed } = ours(name)
      const again = parseRules(new SourceText(name, printed), {
        family: parsed.ruleset.family,
        syntax: registry,
      })
      // The order of tables turns round with each reading.
      const tables = (text: string) => text.split(/(?=^\*)/m).sort()
      const reprinted = printRuleset(again.ruleset, registry, { counters: () => noCounters })
      expect(tables(reprinted), name).toEqual(tables(printed))
      expect(again.counts.error, name).toBe(0)
    }
  })
})

describe('rulesets of other people in other forms', () => {
  const folder = sharedPath('conformance/rulesets')
  const names = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.rules'))

  it('say the same as JSON and as commands', ({ skip }) => {
    if (folder === null) skip(absent('conformance/rulesets'))
    expect(names.length).toBe(110)
    for (const name of names) {
      const bytes = readFileSync(join(folder!, name))
      const { ruleset } = parseRules(new SourceText(name, decodeText(bytes)), { syntax: registry })
      const context = { family: ruleset.family, syntax: registry }
      const saved = printRuleset(ruleset, registry, { withCounters: true })
      const json = JSON.stringify(rulesToJson(ruleset, context, { counters: true }))
      const fromJson = parseRules(new SourceText(name, json), { syntax: registry })
      expect(fromJson.format).toBe('json')
      const tables = (text: string) => text.split(/(?=^\*)/m).sort()
      expect(tables(printRuleset(fromJson.ruleset, registry, { withCounters: true })), name).toEqual(
        tables(saved),
      )
      const commands = rulesToCommands(ruleset, context)
      if (commands === '') continue
      const fromCommands = parseRules(new SourceText(name, commands), { syntax: registry, format: 'script' })
      const plain = { counters: () => noCounters }
      expect(tables(printRuleset(fromCommands.ruleset, registry, plain)), name).toEqual(
        tables(printRuleset(ruleset, registry, plain)),
      )
    }
  })
})
