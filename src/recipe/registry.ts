/** Every recipe, in the order of lists. A test holds this list to the files of the folder. */
import { authportRecipe } from './authport.ts'
import { autochainRecipe } from './autochain.ts'
import { countryRecipe } from './country.ts'
import { httpRecentRecipe } from './http-recent.ts'
import { idsRecipe } from './ids.ts'
import { knockRecipe } from './knock.ts'
import { logclogRecipe } from './logclog.ts'
import { pinholeRecipe } from './pinhole.ts'
import { portforwardRecipe } from './portforward.ts'
import { ratelimitRecipe } from './ratelimit.ts'
import type { AnyRecipe } from './recipe.ts'

export const recipes: readonly AnyRecipe[] = [
  knockRecipe,
  pinholeRecipe,
  logclogRecipe,
  authportRecipe,
  idsRecipe,
  autochainRecipe,
  portforwardRecipe,
  countryRecipe,
  ratelimitRecipe,
  httpRecentRecipe,
]

export const recipeNamed = (name: string): AnyRecipe | null =>
  recipes.find((recipe) => recipe.name === name) ?? null
