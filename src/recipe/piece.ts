/** A plan as rules: the texts of a recipe become the rules that everything else works with. */
import { registry } from '../ext/registry.ts'
import { parseRules } from '../lang/read.ts'
import type { Hook, Rule, Ruleset, TableName } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { marked, type Plan } from './plan.ts'

/** The tables that a plan has something in, in the order in which it names them. */
export const tablesOf = ({ chains, jumps }: Plan): TableName[] => [
  ...new Set([...chains, ...jumps].map(({ table }) => table)),
]

/**
 * The recipe's own chains as text for `iptables-restore --noflush`, which makes them anew in one step and leaves all
 * else alone. Shared chains are made, and their rules left out: a second time they would stand twice.
 */
export const chainsText = (plan: Plan): string =>
  tablesOf(plan)
    .map((table) => {
      const own = plan.chains.filter((chain) => chain.table === table)
      if (own.every(({ isShared }) => isShared === true)) return ''
      const kept = own.filter(({ isShared }) => isShared !== true)
      const heads = kept.map(({ name }) => `:${name} - [0:0]\n`)
      const rules = kept.flatMap(({ name, rules }) =>
        rules.map((rule) => `-A ${name} ${marked(rule, plan)}\n`),
      )
      return `*${table}\n${heads.join('')}${rules.join('')}COMMIT\n`
    })
    .join('')

/** The whole plan as save text, jumps in the order of the plan. */
export const planText = (plan: Plan): string =>
  tablesOf(plan)
    .map((table) => {
      const chains = plan.chains.filter((chain) => chain.table === table)
      const jumps = plan.jumps.filter((jump) => jump.table === table)
      return [
        `*${table}\n`,
        ...chains.map(({ name }) => `:${name} - [0:0]\n`),
        ...jumps.map(({ chain, rule }) => `-A ${chain} ${marked(rule, plan)}\n`),
        ...chains.flatMap(({ name, rules }) => rules.map((rule) => `-A ${name} ${marked(rule, plan)}\n`)),
        'COMMIT\n',
      ].join('')
    })
    .join('')

export interface Piece {
  readonly ruleset: Ruleset
  /** The rule of each jump of the plan. */
  readonly jumps: readonly { readonly table: TableName; readonly chain: Hook; readonly rule: Rule }[]
}

/** Throws an Error where a recipe wrote what is no rule: a defect of the recipe. */
export function pieceOf(plan: Plan): Piece {
  const source = new SourceText(`recipe ${plan.recipe}`, planText(plan))
  const { ruleset, diagnostics, counts } = parseRules(source, { family: plan.family, syntax: registry })
  if (counts.error > 0) {
    throw new Error(
      `recipe ${plan.recipe}: ${diagnostics.map(({ message }) => message).join('; ')}\n${source.text}`,
    )
  }
  const taken = new Map<string, number>()
  const jumps = plan.jumps.map(({ table, chain }) => {
    const key = `${table} ${chain}`
    const at = taken.get(key) ?? 0
    taken.set(key, at + 1)
    return { table, chain, rule: ruleset.tables.get(table)!.chains.get(chain)!.rules[at]! }
  })
  return { ruleset, jumps }
}
