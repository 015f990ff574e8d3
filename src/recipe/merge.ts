/**
 * Recipes in a ruleset: put in at the right place, changed, found again, taken out. Pure: the ruleset that is given stays
 * as it is.
 */
import { registry } from '../ext/registry.ts'
import { type Chain, type Family, noCounters, type Rule, type Ruleset, type Table } from '../lang/rule.ts'
import { copyTable, useTable } from '../lang/ruleset.ts'
import { refuseParameter } from './parameter.ts'
import { pieceOf } from './piece.ts'
import { placeFor } from './place.ts'
import { markOf, type Plan } from './plan.ts'

/** Of which use of which recipe a rule is; null for rules of others. */
export function recipeOf(rule: Rule, family: Family): { recipe: string; name: string } | null {
  for (const use of rule.matches) {
    if (use.kind !== 'known') continue
    const match = registry.match(use.name, family)
    if (match?.isRemark !== true) continue
    const parts = /^--comment "?recipe:([a-z-]+):([\w.-]+)"?$/.exec(match.print(use.data, family))
    if (parts !== null) return { recipe: parts[1]!, name: parts[2]! }
  }
  return null
}

export interface UseOfRecipe {
  readonly recipe: string
  readonly name: string
  /** How many rules it has. */
  readonly rules: number
}

/** The recipes that a ruleset has, in the order in which they stand in it. */
export function recipesIn(ruleset: Ruleset): UseOfRecipe[] {
  const found = new Map<string, UseOfRecipe>()
  for (const { chains } of ruleset.tables.values())
    for (const { rules } of chains.values())
      for (const rule of rules) {
        const use = recipeOf(rule, ruleset.family)
        if (use === null) continue
        const key = markOf(use)
        found.set(key, { ...use, rules: (found.get(key)?.rules ?? 0) + 1 })
      }
  return [...found.values()]
}

/**
 * The ruleset with the recipe in it. One that is there already is replaced, where it stands: a second time changes
 * nothing. Throws RecipeRefused where a chain of somebody else has the name of one of the recipe's.
 */
export function addRecipe(ruleset: Ruleset, plan: Plan): Ruleset {
  if (ruleset.family !== plan.family)
    throw new Error(`a recipe of ${plan.family} for rules of ${ruleset.family}`)
  const places = placesOf(ruleset, plan)
  const result = removeRecipe(ruleset, plan)
  const { ruleset: piece, jumps } = pieceOf(plan)
  for (const planned of plan.chains) {
    const table = useTable(result, planned.table)
    const { rules } = piece.tables.get(planned.table)!.chains.get(planned.name)!
    const there = table.chains.get(planned.name)
    if (there === undefined) {
      table.chains.set(planned.name, newChain(planned.name, rules))
    } else if (planned.isShared === true) {
      const at = places.get(`${planned.table} ${planned.name}`) ?? there.rules.length
      there.rules.splice(Math.min(at, there.rules.length), 0, ...rules)
    } else if (there.policy !== null || there.rules.length > 0) {
      refuseParameter(
        'name',
        `there is a chain ${planned.name} already, with rules of somebody else`,
        '--name',
      )
    } else {
      there.rules = [...rules]
    }
  }
  const placed = plan.jumps.map((jump, order) => {
    const known = places.get(`${jump.table} ${jump.chain}`)
    const at =
      known ?? (jump.place === 'first' ? 0 : placeFor(result, jump.table, jump.chain, jump.place.reachedBy))
    return { ...jump, rule: jumps[order]!.rule, at, order }
  })
  // From the last place to the first, so that places stay what they are.
  for (const { table, chain, rule, at } of placed.sort((a, b) => b.at - a.at || b.order - a.order)) {
    const { rules } = useTable(result, table).chains.get(chain)!
    rules.splice(Math.min(at, rules.length), 0, rule)
  }
  return result
}

const newChain = (name: string, rules: readonly Rule[]): Chain => ({
  name,
  policy: null,
  counters: noCounters,
  rules: [...rules],
  span: null,
})

/** Where the first rule of this use stands in each chain that has one. */
function placesOf(ruleset: Ruleset, plan: Plan): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const { name: table, chains } of ruleset.tables.values())
    for (const { name, rules } of chains.values()) {
      const at = rules.findIndex((rule) => isOf(rule, plan, ruleset.family))
      if (at >= 0) places.set(`${table} ${name}`, at)
    }
  return places
}

function isOf(rule: Rule, { recipe, name }: Pick<Plan, 'recipe' | 'name'>, family: Family): boolean {
  const use = recipeOf(rule, family)
  return use !== null && use.recipe === recipe && use.name === name
}

/**
 * The ruleset without this use of a recipe: its rules, and its chains unless others have rules in them or lead to them.
 * Tables stay, empty ones too: a table that a file does not name is left as it is when the file is loaded.
 */
export function removeRecipe(ruleset: Ruleset, use: Pick<Plan, 'recipe' | 'name'>): Ruleset {
  const tables = new Map([...ruleset.tables].map(([name, table]) => [name, copyTable(table)]))
  for (const table of tables.values()) removeFrom(table, use, ruleset.family)
  return { family: ruleset.family, tables }
}

function removeFrom(table: Table, use: Pick<Plan, 'recipe' | 'name'>, family: Family): void {
  const own = new Set<string>()
  for (const chain of table.chains.values()) {
    const gone = chain.rules.filter((rule) => isOf(rule, use, family))
    if (gone.length === 0) continue
    if (chain.policy === null) own.add(chain.name)
    for (const { target } of gone) if (target.kind === 'chain') own.add(target.chain)
    chain.rules = chain.rules.filter((rule) => !gone.includes(rule))
  }
  for (const name of own) {
    const chain = table.chains.get(name)
    if (chain === undefined || chain.policy !== null || chain.rules.length > 0 || isLedTo(table, name))
      continue
    table.chains.delete(name)
  }
}

const isLedTo = ({ chains }: Table, name: string): boolean =>
  [...chains.values()].some(({ rules }) =>
    rules.some(({ target }) => target.kind === 'chain' && target.chain === name),
  )
