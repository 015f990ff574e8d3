/** From what is declared and what is in force to what has to change. Pure: nothing is read, nothing is written. */
import { registry } from '../../ext/registry.ts'
import { printRule } from '../../lang/print.ts'
import type { Family, Ruleset } from '../../lang/rule.ts'
import { type ChainChange, diffRules } from '../../lang/rules-diff.ts'
import type { InForce } from '../../linux/apply/index.ts'
import { addRecipe, type Plan, removeRecipe } from '../../recipe/index.ts'
import type { Declared } from './declared.ts'
import type { UseInForce } from './record.ts'

const families: readonly Family[] = ['ipv4', 'ipv6']

export interface Difference {
  /** The tables that have to change, whole. */
  readonly rulesets: ReadonlyMap<Family, Ruleset>
  readonly diff: readonly ChainChange[]
}

/** Recipes that the daemon had put in force and that are declared no more. */
export const leaving = (before: readonly UseInForce[], plans: readonly Plan[]): UseInForce[] =>
  before.filter((use) => !plans.some((plan) => isSameUse(use, plan)))

const isSameUse = (a: UseInForce, b: UseInForce): boolean =>
  a.family === b.family && a.recipe === b.recipe && a.name === b.name

/**
 * The rules in force with the files' tables in place of theirs, without the recipes that leave, and with those that are
 * declared. Throws RecipeRefused.
 */
export function differenceTo(
  { rules, plans, country }: Pick<Declared, 'rules' | 'plans' | 'country'>,
  gone: readonly UseInForce[],
  inForce: Pick<InForce, 'rulesets'>,
): Difference {
  const rulesets = new Map<Family, Ruleset>()
  const diff: ChainChange[] = []
  for (const family of families) {
    const now = inForce.rulesets.get(family)!
    const files = rules.get(family)?.tables ?? new Map()
    let wanted: Ruleset = { family, tables: new Map([...now.tables, ...files]) }
    for (const use of gone) if (use.family === family) wanted = removeRecipe(wanted, use)
    for (const plan of [...plans, ...country]) if (plan.family === family) wanted = addRecipe(wanted, plan)
    const changes = diffRules(now, wanted, registry)
    diff.push(...changes)
    // Tables that stay as they are are not loaded: nothing of them is disturbed, their counters go on.
    const names = new Set(changes.map(({ table }) => table))
    const tables = new Map([...wanted.tables].filter(([name]) => names.has(name)))
    if (tables.size > 0) rulesets.set(family, { family, tables })
  }
  return { rulesets, diff }
}

/** What of the declared is not in force, a line each; what others have added besides is not told. */
export function missingOf(diff: readonly ChainChange[]): string[] {
  return diff.flatMap(({ family, table, chain, kind, policy, rules }) => {
    const place = `${family} ${table}`
    return [
      ...(policy === null || policy.to === null ? [] : [`${place} :${chain} ${policy.to}`]),
      ...(kind === 'new' && rules.length === 0 ? [`${place} :${chain}`] : []),
      ...rules.filter((rule) => rule.kind === 'added').map(({ rule }) => `${place} ${rule}`),
    ]
  })
}

/** The guard's own chains, sets and marks (`linux/bans`); it makes them anew when it starts. */
const ofGuard = /^-A postern-| -[jg] postern-|--match-set postern6?-| --comment "?postern:/

/** The rules without what the daemon puts in itself at each start: recipes that are declared, and the guard's bans. */
export function withoutOwn(ruleset: Ruleset, plans: readonly Plan[]): Ruleset {
  const { family } = ruleset
  const own = plans.filter((plan) => plan.family === family)
  const rest = own.reduce(removeRecipe, ruleset)
  const context = { family, syntax: registry }
  const tables = [...rest.tables].map(([name, table]) => {
    const chains = [...table.chains]
      .filter(([chain]) => !chain.startsWith('postern-'))
      .map(
        ([chain, each]) =>
          [
            chain,
            { ...each, rules: each.rules.filter((rule) => !ofGuard.test(printRule(chain, rule, context))) },
          ] as const,
      )
    return [name, { ...table, chains: new Map(chains) }] as const
  })
  return { family, tables: new Map(tables) }
}

/** Lines of `ipset save` without the sets that the daemon fills itself. */
export function setsWithoutOwn(text: string, plans: readonly Plan[]): string {
  const own = new Set(
    plans.flatMap(({ sets }) => [...sets.matchAll(/^create (?:-exist )?(\S+)/gm)].map(([, name]) => name!)),
  )
  return text
    .split('\n')
    .filter((line) => {
      const name = line.split(' ')[1] ?? ''
      return line !== '' && !own.has(name) && !/^postern6?-/.test(name)
    })
    .map((line) => `${line}\n`)
    .join('')
}
