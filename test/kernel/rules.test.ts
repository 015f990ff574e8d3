/** Random rules, right and wrong: refused by us and by iptables, or printed alike. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { askKernel, kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { registry } from '../../src/ext/registry.ts'
import { parseRuleText } from '../../src/lang/parse-rule.ts'
import { printRule } from '../../src/lang/print.ts'
import { linux618 } from '../../src/lang/profile.ts'
import { newTable } from '../../src/lang/rule.ts'
import { refusalsOf } from '../../src/lang/verify.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'
import { type RuleLine, ruleLine } from './rule-words.ts'

/**
 * What loading the rule alone into an empty table comes to: its canonical lines, or why it is refused; null where it
 * takes an extension that the registry lacks, whose options nobody here can judge, or adds no rule at all.
 */
function ourAnswer({ family, table, chain, text }: RuleLine): string | null {
  const { rules, diagnostics } = parseRuleText(text, {
    family,
    table,
    chain,
    syntax: registry,
    sets: new Map(),
  })
  if (diagnostics.some(({ code }) => code.endsWith('/unsupported'))) return null
  const error = diagnostics.find(({ severity }) => severity === 'error')
  if (error !== undefined) return `refused: ${error.code}`
  const loaded = newTable(table)
  loaded.chains.get(chain)!.rules.push(...rules)
  // The machine has neither sets nor accounting objects nor estimators but those that the rule makes itself.
  const machine = { sets: new Map(), accounts: new Set<string>(), inForce: [] }
  const [refusal] = refusalsOf(loaded, { family, syntax: registry, profile: linux618, ...machine })
  if (refusal !== undefined) return `refused: ${refusal.code}`
  // What only asks for help adds nothing.
  if (rules.length === 0) return null
  return rules.map((rule) => printRule(chain, rule, { family, syntax: registry })).join('\n')
}

const reason = kernelIsOutOfReach
const count = runs(400)

it.skipIf(reason !== null)(
  `reads ${count} random rules as iptables does${reason ? ` (${reason})` : ''}`,
  () => {
    const lines = fc.sample(ruleLine, { seed, numRuns: count })
    const answers = askKernel(
      lines.map(({ family, table, chain, text }) => ({ family, table, line: `-A ${chain} ${text}` })),
    )
    let compared = 0
    const differences = lines.flatMap((line, at) => {
      const theirs = answers[at]!.exitCode === 0 ? answers[at]!.saved! : 'refused'
      const ours = ourAnswer(line)
      if (ours === null) return []
      compared++
      const same = theirs === 'refused' ? ours.startsWith('refused: ') : ours === theirs
      if (same) return []
      const place = `${line.family} ${line.table}/${line.chain}`
      return [`${place} ${line.text}\n  ours   ${ours}\n  theirs ${theirs} (${answers[at]!.exitCode})`]
    })
    expect(differences.join('\n'), `seed ${seed}`).toBe('')
    expect(compared, 'rules compared').toBeGreaterThan(0.9 * count)
  },
)
