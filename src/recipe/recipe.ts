/**
 * How a recipe is written: one value in one file, parameters, rules and the proof of what it promises together.
 *
 *   defineRecipe({ name, summary, description, parameters, examples, build, story })
 */
import type { Family } from '../lang/rule.ts'
import {
  type GivenWords,
  name as nameParameter,
  optional,
  type ParameterTable,
  readParameters,
  type ValuesOf,
} from './parameter.ts'
import type { Plan } from './plan.ts'
import type { Story } from './story.ts'

/** What a recipe hands over; the rest of the plan is known. */
export type Made = Pick<Plan, 'chains' | 'jumps'> & Partial<Pick<Plan, 'sets' | 'remarks'>>

export interface RecipeContext {
  readonly family: Family
  /** Of this use of the recipe. */
  readonly name: string
}

export interface RecipeDefinition<Table extends ParameterTable = ParameterTable> {
  readonly name: string
  /** For lists of recipes; begins in lower case, without a full stop. */
  readonly summary: string
  /** A paragraph or two for help and manual. */
  readonly description: string
  readonly parameters: Table
  /** Words behind the recipe's name that a newcomer can try. */
  readonly examples: readonly { readonly does: string; readonly words: string }[]
  /** The name of a use that was given none: what tells uses of it apart. At most 12 characters. */
  nameOf(values: ValuesOf<Table>): string
  /** Throws RecipeRefused for values that do not go together. */
  build(values: ValuesOf<Table>, context: RecipeContext): Made
  /** What it promises, as cases of a scenario on a host that it was put on. */
  story(values: ValuesOf<Table>, context: RecipeContext, story: Story): void
}

export const defineRecipe = <const Table extends ParameterTable>(
  definition: RecipeDefinition<Table>,
): RecipeDefinition<Table> => definition

// biome-ignore lint/suspicious/noExplicitAny: the registry is heterogeneous.
export type AnyRecipe = RecipeDefinition<any>

/** Characters of the name of a use: chains are named after it, with the recipe's name before and a step behind. */
export const longestName = 12

/** Parameters of every recipe. */
export const commonParameters = {
  name: optional(
    nameParameter('what this use of the recipe is called in chains, lists and comments', longestName),
  ),
} as const

/** The parameters of a recipe, those of every recipe among them. */
export const parametersOf = (recipe: AnyRecipe): ParameterTable => ({
  ...recipe.parameters,
  ...commonParameters,
})

export interface Prepared {
  readonly recipe: AnyRecipe
  readonly context: RecipeContext
  // biome-ignore lint/suspicious/noExplicitAny: of the recipe's own parameters.
  readonly values: any
  readonly plan: Plan
}

/** The plan for what was given. Throws RecipeRefused. */
export function prepare(recipe: AnyRecipe, given: GivenWords, family: Family): Prepared {
  const { name: asked, ...values } = readParameters(parametersOf(recipe), given, family) as Record<
    string,
    unknown
  >
  const name = typeof asked === 'string' ? asked : recipe.nameOf(values)
  const context: RecipeContext = { family, name }
  const made = recipe.build(values, context)
  return {
    recipe,
    context,
    values,
    plan: { family, recipe: recipe.name, name, sets: '', remarks: [], ...made },
  }
}
