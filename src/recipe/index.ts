/**
 * What people want (a knock, a pinhole, a port that is forwarded) as rules, with the proof of what they promise.
 *
 * Here: one file for each recipe, with typed parameters; the way of its rules into a ruleset and out of it; its scenario;
 * scripts. Not here: what puts rules in force, and who fills lists and sets (`linux`, `daemon`).
 */
export { addRecipe, recipesIn, removeRecipe, type UseOfRecipe } from './merge.ts'
export { type GivenWords, type Parameter, type ParameterTable, RecipeRefused } from './parameter.ts'
export { planText } from './piece.ts'
export { markOf, type Plan } from './plan.ts'
export { type AnyRecipe, type Prepared, parametersOf, prepare } from './recipe.ts'
export { recipeNamed, recipes } from './registry.ts'
export { scenarioOf } from './scenario.ts'
export { insertScript, removeScript } from './script.ts'
