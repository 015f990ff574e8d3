/** The sections `rules` and `recipes`: what is in force from the start. Both are loaded in one step. */
import type { ConfigFile } from '../config/index.ts'
import {
  declaredIn,
  enforce,
  type FirewallParts,
  isInForce,
  preview,
  type Standing,
  takeOut,
  takeRecipesOut,
  WouldCut,
} from '../firewall/index.ts'
import type { Ending, Metric, Section, Service, ServiceState, ServiceSurroundings } from './service.ts'

export const rulesSection: Section = {
  name: 'rules',
  keys: ['rules', 'recipes'],
  check: (file) => declaredIn(file).wrong,
  async start(file, surroundings) {
    const service = new RulesService(surroundings)
    await service.reload(file)
    return service
  },
  async clearUp(surroundings) {
    if (surroundings.enforce) await takeRecipesOut(partsOf('', surroundings))
  },
}

const partsOf = (name: string, { stateFolder, nowMs, log }: ServiceSurroundings): FirewallParts => ({
  stateFolder,
  nowMs,
  name,
  say: (level, message) => log.say(level, 'rules', message),
})

class RulesService implements Service {
  readonly #surroundings: ServiceSurroundings
  #file: ConfigFile | null = null
  #standing: Standing = { generation: null, loadedAtMs: null, loaded: false }
  /** Why the rules in force are not those of the file. */
  #problem: string | null = null
  #loads = 0
  #failures = 0

  constructor(surroundings: ServiceSurroundings) {
    this.#surroundings = surroundings
  }

  async reload(file: ConfigFile): Promise<void> {
    const { log, stateFolder, enforce: mayChange } = this.#surroundings
    const before = this.#file === null ? null : declaredIn(this.#file).declared
    const { declared } = declaredIn(file)
    this.#file = file
    if (!mayChange) {
      if (before?.hash === declared.hash) return
      for (const line of previewOrLack(file, stateFolder)) log.say('notice', 'rules', line)
      return
    }
    try {
      this.#standing = await enforce(declared, partsOf(file.source.name, this.#surroundings))
      this.#problem = null
      if (!this.#standing.loaded) return
      this.#loads++
      this.#surroundings.rulesReplaced()
    } catch (error) {
      this.#failures++
      if (!(error instanceof WouldCut)) throw error
      this.#problem = error.message
      const help = 'postern apply puts them in force with an undo; cut-sessions: true loads them all the same'
      log.say('error', 'rules', `${error.message}; the old rules stay in force. try: ${help}`)
    }
  }

  async stop(why: Ending): Promise<void> {
    if (!this.#surroundings.enforce || this.#file === null || why === 'retry') return
    const parts = partsOf(this.#file.source.name, this.#surroundings)
    const { declared } = declaredIn(this.#file)
    if (why === 'ending' && declared.onStop === 'remove') await takeOut(declared, parts)
    if (why === 'gone') {
      await takeRecipesOut(parts)
      if (declared.rules.size > 0) parts.say('notice', 'the rules of the files stay in force')
    }
  }

  metrics(): readonly Metric[] {
    const { declared } = declaredIn(this.#file!)
    const count = [...declared.rules].map(([family, { tables }]): Metric => {
      const chains = [...tables.values()].flatMap((table) => [...table.chains.values()])
      return {
        name: 'postern_rules_declared',
        help: 'Rules of the files that the configuration names.',
        type: 'gauge',
        labels: { family },
        value: chains.reduce((sum, { rules }) => sum + rules.length, 0),
      }
    })
    const recipes = declared.plans.map(
      ({ family, recipe, name }): Metric => ({
        name: 'postern_recipe_declared',
        help: 'Recipes of the configuration.',
        type: 'gauge',
        labels: { recipe, name, family },
        value: 1,
      }),
    )
    const own = (name: string, help: string, type: Metric['type'], value: number): Metric => ({
      name: `postern_rules_${name}`,
      help,
      type,
      value,
    })
    const { generation, loadedAtMs } = this.#standing
    return [
      ...count,
      ...recipes,
      own('loads_total', 'How often rules were loaded since the start.', 'counter', this.#loads),
      own('load_failures_total', 'How often they could not be.', 'counter', this.#failures),
      ...(generation === null
        ? []
        : [own('generation', 'The generation that was loaded last.', 'gauge', generation)]),
      ...(loadedAtMs === null
        ? []
        : [own('loaded_timestamp_seconds', 'When that was.', 'gauge', loadedAtMs / 1000)]),
    ]
  }

  state(): ServiceState {
    const { declared } = declaredIn(this.#file!)
    const { generation, loadedAtMs } = this.#standing
    const recipes = declared.plans.map(({ recipe, name, family }) => ({ recipe, name, family }))
    const uses = [...new Set(recipes.map(({ recipe, name }) => `${recipe} ${name}`))]
    const files = Object.values(this.#file!.config!.rules ?? {}).filter((each) => typeof each === 'string')
    const inForce = inForceOrNull(this.#file!, this.#surroundings.stateFolder)
    const text = [
      files.join(', '),
      uses.length === 0 ? '' : `recipes: ${uses.join(', ')}`,
      generation === null ? '' : `generation ${generation}`,
      inForce === true ? 'in force' : '',
    ]
    const lack = inForce === false ? 'not all of it is in force' : null
    return {
      text: text.filter((part) => part !== '').join('; '),
      problem: this.#surroundings.enforce ? (this.#problem ?? lack) : null,
      data: { generation, loadedAtMs, files, recipes, inForce },
    }
  }
}

/** Null where that cannot be told here. */
function inForceOrNull(file: ConfigFile, stateFolder: string): boolean | null {
  try {
    return isInForce(declaredIn(file).declared, stateFolder)
  } catch {
    return null
  }
}

function previewOrLack(file: ConfigFile, stateFolder: string): string[] {
  const { declared } = declaredIn(file)
  try {
    return preview(declared, stateFolder)
  } catch (error) {
    const rules = [...declared.rules].map(([family, { tables }]) => {
      const chains = [...tables.values()].flatMap((table) => [...table.chains.values()])
      return `${chains.reduce((sum, each) => sum + each.rules.length, 0)} rules of ${family}`
    })
    const recipes = declared.plans.map(({ recipe, name, family }) => `recipe ${recipe} ${name} of ${family}`)
    return [
      `would put in force: ${[...rules, ...recipes].join(', ')}; what would change cannot be told: ${(error as Error).message}`,
    ]
  }
}
