/** Every recipe in both families: its rules load, its scenario holds, it goes in and out without a trace. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { registry } from '../ext/registry.ts'
import { printRuleset } from '../lang/print.ts'
import { parseRules } from '../lang/read.ts'
import type { Family, Ruleset } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { runScenario } from '../scenario/run-scenario.ts'
import { prepareWords, samples } from './_testing/samples.ts'
import { addRecipe, recipesIn, removeRecipe, scenarioOf } from './index.ts'
import { recipeNames } from './names.ts'
import { recipes } from './registry.ts'

const families: readonly Family[] = ['ipv4', 'ipv6']

const read = (text: string, family: Family = 'ipv4'): Ruleset => {
  const { ruleset, counts } = parseRules(new SourceText('rules', text), { family, syntax: registry })
  expect(counts.error).toBe(0)
  return ruleset
}
const print = (ruleset: Ruleset): string => printRuleset(ruleset, registry)
/** Tables are saved in the reverse order of their use. */
const byTable = (ruleset: Ruleset): string[] =>
  print(ruleset)
    .split(/(?=^\*)/m)
    .sort()

describe('the registry', () => {
  it('has every file that makes a recipe, and overviews name them all', () => {
    const folder = new URL('.', import.meta.url).pathname
    const files = readdirSync(folder)
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /^export const \w+ = defineRecipe\(/m.test(readFileSync(`${folder}/${file}`, 'utf8')))
    expect(recipes.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort())
    expect(recipeNames).toEqual(recipes.map(({ name, summary }) => ({ name, summary })))
  })
  it('has a sample of each', () => {
    expect([...new Set(samples.map((line) => line.split(' ')[0]))].sort()).toEqual(
      recipes.map(({ name }) => name).sort(),
    )
  })
})

/** Rulesets of people: a last deny, none, a user chain that decides, everything open. */
const theirs: Readonly<Record<string, string>> = {
  empty: '',
  server: `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -m limit --limit 5/min -j LOG --log-prefix "denied "
-A INPUT -j REJECT
COMMIT
`,
  open: `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
`,
  redhat: `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:RH-Firewall-1-INPUT - [0:0]
-A INPUT -j RH-Firewall-1-INPUT
-A FORWARD -j RH-Firewall-1-INPUT
-A RH-Firewall-1-INPUT -i lo -j ACCEPT
-A RH-Firewall-1-INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A RH-Firewall-1-INPUT -j REJECT
COMMIT
`,
}

describe.each(families)('%s', (family) => {
  it.each(samples)('postern recipe %s', async (line) => {
    const prepared = prepareWords(line, family)
    const text = scenarioOf(prepared, `postern recipe ${line}`)
    const { cases, diagnostics, passed } = await runScenario(text)
    const failed = cases
      .filter((part) => part.failed)
      .map(({ part, steps }) => ({
        case: part.name,
        steps: steps.flatMap(({ step, result, mismatches }) =>
          mismatches.length === 0 ? [] : [{ text: step.text, by: result.by, mismatches }],
        ),
      }))
    expect({ diagnostics, failed }).toEqual({ diagnostics: [], failed: [] })
    expect(passed).toBe(true)
    expect(cases.length).toBeGreaterThan(0)
  })

  it.each(samples)('goes in twice as once, and out again: %s', (line) => {
    const { plan } = prepareWords(line, family)
    for (const [name, text] of Object.entries(theirs)) {
      const before = read(text, family)
      const printed = print(before)
      const once = addRecipe(before, plan)
      expect(print(before)).toBe(printed)
      expect(recipesIn(once)).toMatchObject([{ recipe: plan.recipe, name: plan.name }])
      expect(print(addRecipe(once, plan)), name).toBe(print(once))
      // What is printed reads back to the same.
      expect(byTable(addRecipe(read(print(once), family), plan)), name).toEqual(byTable(once))
      const out = removeRecipe(once, plan)
      for (const table of before.tables.keys()) {
        expect(printRuleset(out, registry, { table })).toBe(printRuleset(before, registry, { table }))
      }
      for (const { name: table, chains } of out.tables.values()) {
        if (before.tables.has(table)) continue
        expect(
          [...chains.values()].every(({ policy, rules }) => policy === 'ACCEPT' && rules.length === 0),
        ).toBe(true)
      }
    }
  })
})
