/** The scenario of a recipe: what it promises, to be run on the engine and on a kernel. */
import type { Prepared } from './recipe.ts'
import { Story, scenarioText } from './story.ts'

/** A scenario file, as `postern test` runs it. `command`: how the recipe was asked for. */
export function scenarioOf({ recipe, context, values, plan }: Prepared, command: string): string {
  const { interface: device, to } = values as { interface?: string | null; to?: { address: string } }
  const story = new Story(context.family, { device: device ?? null, within: to?.address ?? null })
  recipe.story(values, context, story)
  return scenarioText(plan, story, { command })
}
