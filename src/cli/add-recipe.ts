/** `--add-recipe` and `--remove-recipe` of `postern apply`: recipes in rules that are to be in force. */

import type { Family, Ruleset } from '../lang/rule.ts'
import { nearest } from '../lang/suggest.ts'
import {
  addRecipe,
  type GivenWords,
  type Plan,
  parametersOf,
  prepare,
  RecipeRefused,
  recipeNamed,
  recipes,
  recipesIn,
  removeRecipe,
} from '../recipe/index.ts'
import type { OptionRow, OptionValues } from './command.ts'
import { UsageError } from './environment.ts'

export const recipeOptions: readonly OptionRow[] = [
  {
    flags: '--add-recipe <words>',
    doc: 'put a recipe at its place in the rules, as postern recipe takes it: "ratelimit --port tcp/22"; may be given again',
    repeatable: true,
  },
  {
    flags: '--remove-recipe <words>',
    doc: 'take a recipe out by its name and that of its use: "knock 3306"; may be given again',
    repeatable: true,
  },
]

const listOf = (value: OptionValues[string]): readonly string[] =>
  Array.isArray(value) ? (value as string[]) : []

export const asksForRecipes = ({ addRecipe: added, removeRecipe: removed }: OptionValues): boolean =>
  listOf(added).length + listOf(removed).length > 0

/** The rulesets with recipes put in and taken out, and the sets that those ask. Throws UsageError. */
export function withRecipes(
  rulesets: ReadonlyMap<Family, Ruleset>,
  options: OptionValues,
): { readonly rulesets: Map<Family, Ruleset>; readonly sets: string } {
  const result = new Map(rulesets)
  let sets = ''
  for (const line of listOf(options.removeRecipe)) {
    const [recipe = '', name = ''] = wordsOf(line)
    const there = [...result.values()].flatMap(recipesIn)
    if (!there.some((use) => use.recipe === recipe && use.name === name)) {
      const uses = there.map((use) => `${use.recipe} ${use.name}`)
      throw new UsageError(
        `the rules have no recipe "${recipe} ${name}"`,
        nearest(line, uses) ?? (uses.join(', ') || null),
      )
    }
    for (const [family, ruleset] of result) result.set(family, removeRecipe(ruleset, { recipe, name }))
  }
  for (const line of listOf(options.addRecipe)) {
    for (const [family, ruleset] of result) {
      const plan = planOf(line, family)
      try {
        result.set(family, addRecipe(ruleset, plan))
      } catch (error) {
        if (!(error instanceof RecipeRefused)) throw error
        throw new UsageError(error.message, '--name with another name')
      }
      sets += plan.sets
    }
  }
  return { rulesets: result, sets }
}

function planOf(line: string, family: Family): Plan {
  const [name = '', ...words] = wordsOf(line)
  const recipe = recipeNamed(name)
  if (recipe === null) {
    const names = recipes.map((each) => each.name)
    throw new UsageError(`there is no recipe "${name}"`, nearest(name, names) ?? names.join(', '))
  }
  const table = parametersOf(recipe)
  const given: Record<string, string | true | string[]> = {}
  for (let at = 0; at < words.length; at++) {
    const option = /^--([a-z-]+)(?:=(.*))?$/.exec(words[at]!)
    const parameter = option === null ? undefined : table[option[1]!]
    if (option === null || parameter === undefined)
      throw new UsageError(`recipe ${name} does not know "${words[at]}"`, `postern recipe ${name} --help`)
    if (parameter.kind === 'flag') {
      given[option[1]!] = true
      continue
    }
    const value = option[2] ?? words[++at]
    if (value === undefined)
      throw new UsageError(`recipe ${name}: --${option[1]} has no value`, `<${parameter.metavar}>`)
    const before = given[option[1]!]
    given[option[1]!] = Array.isArray(before)
      ? [...before, value]
      : parameter.kind === 'many'
        ? [value]
        : value
  }
  try {
    return prepare(recipe, given as GivenWords, family).plan
  } catch (error) {
    if (!(error instanceof RecipeRefused)) throw error
    throw new UsageError(
      `recipe ${name}: ${error.message}`,
      error.problems[0]?.help ?? `postern recipe ${name} --help`,
    )
  }
}

/** Words, quoted ones whole. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  )
