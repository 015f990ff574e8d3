/** What a `postern.yaml` says of rules, recipes and countries, read to the end: files, parameters, places of mistakes. */
import { createHash } from 'node:crypto'
import { registry } from '../../ext/registry.ts'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { printRuleset } from '../../lang/print.ts'
import { parseRules } from '../../lang/read.ts'
import type { Family, Ruleset } from '../../lang/rule.ts'
import { SourceText } from '../../lang/source.ts'
import type { Backend } from '../../linux/apply/index.ts'
import { recipeFor } from '../../linux/country/index.ts'
import { type Plan, prepare, RecipeRefused, recipeNamed } from '../../recipe/index.ts'
import type { ConfigFile } from '../config/index.ts'
import { settleCountry } from './declared-country.ts'
import { pathFrom, readText } from './declared-file.ts'
import type { GivenUse } from './shape.ts'

export interface Declared {
  /** The files' rules, of each family that has one. */
  readonly rules: ReadonlyMap<Family, Ruleset>
  /** Recipes in the order of the file, of either family. */
  readonly plans: readonly Plan[]
  /** The country block, where rules of files would otherwise lack it until the lists are read. */
  readonly country: readonly Plan[]
  /** For `ipset restore`. */
  readonly sets: string
  readonly backend: Backend | null
  readonly maySessionsBeCut: boolean
  readonly onStop: 'keep' | 'remove'
  /** Two that say the same have the same. */
  readonly hash: string
}

const families: readonly Family[] = ['ipv4', 'ipv6']
const known = new WeakMap<ConfigFile, { declared: Declared; wrong: readonly Diagnostic[] }>()

/** Reads the files that the sections name, once for each configuration. */
export function declaredIn(file: ConfigFile): { declared: Declared; wrong: readonly Diagnostic[] } {
  const read = known.get(file) ?? readDeclared(file)
  known.set(file, read)
  return read
}

function readDeclared(file: ConfigFile): { declared: Declared; wrong: readonly Diagnostic[] } {
  const { rules: section } = file.config!
  const wrong: Diagnostic[] = []
  const rules = new Map<Family, Ruleset>()
  for (const [family, key] of [
    ['ipv4', 'v4'],
    ['ipv6', 'v6'],
  ] as const) {
    const path = section?.[key]
    const ruleset = path === undefined ? null : readRulesFile(file, key, path, family, wrong)
    if (ruleset !== null) rules.set(family, ruleset)
  }
  if (section !== undefined && section.v4 === undefined && section.v6 === undefined)
    wrong.push(file.errorAt(['rules'], 'no file of rules is named', 'v4: rules.v4'))
  const ownSets =
    section?.sets === undefined ? '' : (readText(file, ['rules', 'sets'], section.sets, wrong) ?? '')
  const plans = plansOf(file, wrong)
  const block = rules.size > 0 ? countryPlans(file) : []
  const sets = `${ownSets}${[...plans, ...block].map((plan) => plan.sets).join('')}`
  const said = {
    rules: [...rules].map(([family, each]) => [
      family,
      printRuleset(each, registry, { withCounters: false }),
    ]),
    plans,
    block,
    sets,
    backend: section?.backend ?? null,
  }
  const declared: Declared = {
    rules,
    plans,
    country: block,
    sets,
    backend: section?.backend ?? null,
    maySessionsBeCut: section?.['cut-sessions'] ?? false,
    onStop: file.config!['on-stop'] ?? 'keep',
    hash: createHash('sha256').update(JSON.stringify(said)).digest('hex'),
  }
  return { declared, wrong }
}

function readRulesFile(
  file: ConfigFile,
  key: 'v4' | 'v6',
  path: string,
  family: Family,
  wrong: Diagnostic[],
): Ruleset | null {
  const text = readText(file, ['rules', key], path, wrong)
  if (text === null) return null
  const source = new SourceText(pathFrom(file, path), text)
  const { ruleset, rulesets, diagnostics } = parseRules(source, { family, syntax: registry })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  wrong.push(...errors)
  if (errors.length > 0) return null
  const ours = rulesets.get(family) ?? (ruleset.family === family ? ruleset : undefined)
  if (ours === undefined || ours.tables.size === 0) {
    wrong.push(file.errorAt(['rules', key], `${source.name} has no rules of ${family}`))
    return null
  }
  return ours
}

/** What the daemon puts among the rules at each start, so that no file needs to keep it. */
export const plansOfStart = (file: ConfigFile): readonly Plan[] => [
  ...declaredIn(file).declared.plans,
  ...countryPlans(file),
]

function plansOf(file: ConfigFile, wrong: Diagnostic[]): Plan[] {
  const plans: Plan[] = []
  const taken = new Set<string>()
  if (file.config!.country !== undefined)
    taken.add(`country ${(file.config!.country.set ?? 'country').slice(0, 12)}`)
  for (const [at, use] of (file.config!.recipes ?? []).entries()) {
    const names = Object.keys(use)
    if (names.length !== 1) {
      const help = '- knock: { open: tcp/3306, knock: [icmp, tcp/7, tcp/8000] }'
      wrong.push(file.errorAt(['recipes', at], 'an item is one recipe by its name', help))
      continue
    }
    const made = plansOfUse(file, at, names[0]!, (use[names[0]!] ?? {}) as GivenUse, wrong)
    const key = made[0] === undefined ? null : `${made[0].recipe} ${made[0].name}`
    if (key !== null && taken.has(key))
      wrong.push(file.errorAt(['recipes', at], `there are two recipes ${key}`, 'name: another-name'))
    if (key !== null) taken.add(key)
    plans.push(...made)
  }
  return plans
}

function plansOfUse(
  file: ConfigFile,
  at: number,
  recipe: string,
  { family, ...given }: GivenUse,
  wrong: Diagnostic[],
): Plan[] {
  const wanted = family === 'both' ? families : [family === 'ipv6' ? ('ipv6' as const) : ('ipv4' as const)]
  const words = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      typeof value === 'boolean' ? value : typeof value === 'object' ? value.map(String) : `${value}`,
    ]),
  )
  try {
    return wanted.map((each) => prepare(recipeNamed(recipe)!, words, each).plan)
  } catch (error) {
    if (!(error instanceof RecipeRefused)) throw error
    for (const { parameter, message, help } of error.problems)
      wrong.push(
        file.errorAt(
          ['recipes', at, recipe, ...(parameter in given ? [parameter] : [])],
          `recipe ${recipe}: ${inYaml(message)}`,
          help === null ? null : inYaml(help),
        ),
      )
    return []
  }
}

/** Parameters are options where recipes speak of them. */
const inYaml = (text: string): string => text.replace(/^--([a-z-]+) /, '$1 ').replace(/^--([a-z-]+):/, '$1:')

/** The rules of the country block, of both families; none where the section is missing or wrong. */
function countryPlans(file: ConfigFile): Plan[] {
  const settings = file.config?.country === undefined ? null : settleCountry(file).settings
  return settings === null ? [] : families.map((family) => recipeFor(settings, family).plan)
}
