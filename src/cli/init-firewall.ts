/** What `postern init` finds of rules, recipes and country blocks on this machine, and how a postern.yaml says it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { setsWithoutOwn, withoutOwn } from '../daemon/firewall/index.ts'
import { registry } from '../ext/registry.ts'
import { decodeText } from '../lang/bytes.ts'
import { printRuleset } from '../lang/print.ts'
import type { Family, Ruleset } from '../lang/rule.ts'
import { findTools, type InForce, readInForce, requirePrivilege } from '../linux/apply/index.ts'
import {
  type CountryFile,
  CountryStore,
  families,
  readCountryFile,
  recipeFor,
} from '../linux/country/index.ts'
import { UnavailableError } from '../linux/unavailable.ts'
import { type Plan, recipesIn, type UseOfRecipe } from '../recipe/index.ts'
import type { Environment } from './environment.ts'

type Key = 'v4' | 'v6' | 'sets'

export interface FoundFirewall {
  /** Files for the section `rules`; with a text where they have to be written first. */
  readonly files: readonly { readonly key: Key; readonly path: string; readonly text: string | null }[]
  /** Recipes that the rules have. */
  readonly recipes: readonly UseOfRecipe[]
  readonly country: CountryFile | null
  /** Why the rules in force are not known; null when they are. */
  readonly lack: string | null
}

/** Where others keep rules, for who may not see those in force. */
const saved: readonly Readonly<Record<Key, string>>[] = [
  { v4: '/etc/iptables/rules.v4', v6: '/etc/iptables/rules.v6', sets: '/etc/iptables/ipsets' },
  { v4: '/etc/sysconfig/iptables', v6: '/etc/sysconfig/ip6tables', sets: '/etc/sysconfig/ipset' },
]

const keys: Readonly<Record<Family, Key>> = { ipv4: 'v4', ipv6: 'v6' }

/** `folder`: where the configuration will be; what is in force is to be saved beside it. */
export async function findFirewall(folder: string, environment: Environment): Promise<FoundFirewall> {
  const country = await findCountry(environment)
  const inForce = inForceOrLack()
  if (typeof inForce === 'string') return { files: filesOf(environment), recipes: [], country, lack: inForce }
  const own = country === null ? [] : plansOfCountry(country)
  const rulesets = families.map((family) => withoutOwn(inForce.rulesets.get(family)!, own))
  const files = rulesets.flatMap((ruleset) =>
    hasRules(ruleset)
      ? [
          {
            key: keys[ruleset.family],
            path: join(folder, `rules.${keys[ruleset.family]}`),
            text: printRuleset(ruleset, registry, { withCounters: false }),
          },
        ]
      : [],
  )
  const sets = setsWithoutOwn(inForce.sets ?? '', own)
  if (files.length > 0 && sets !== '') files.push({ key: 'sets', path: join(folder, 'sets'), text: sets })
  return { files, recipes: rulesets.flatMap(recipesIn), country, lack: null }
}

function inForceOrLack(): InForce | string {
  try {
    requirePrivilege("looking at the kernel's rules", '')
    return readInForce(findTools())
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return error.message
  }
}

const filesOf = (environment: Environment): FoundFirewall['files'] => {
  const home = saved.find(({ v4, v6 }) => environment.exists(v4) || environment.exists(v6))
  if (home === undefined) return []
  return (['v4', 'v6', 'sets'] as const)
    .filter((key) => environment.exists(home[key]))
    .map((key) => ({ key, path: home[key], text: null }))
}

const hasRules = ({ tables }: Ruleset): boolean =>
  [...tables.values()].some(({ chains }) =>
    [...chains.values()].some(({ rules, policy }) => rules.length > 0 || policy === 'DROP'),
  )

const countryConfig = '/etc/postern/country.yaml'
const countryState = '/var/lib/postern/country'

/** As its own file says, or as the last sync by hand left it. */
async function findCountry(environment: Environment): Promise<CountryFile | null> {
  if (environment.exists(countryConfig)) {
    try {
      return readCountryFile(decodeText(await environment.readFile(countryConfig)), countryConfig)
    } catch (error) {
      environment.stderr(`warning: ${(error as Error).message}\n`)
    }
  }
  const status = existsSync(countryState) ? await new CountryStore(countryState).status() : null
  if (status === null) return null
  const { countries, set, allow, refuse, forward, outgoing } = status
  return {
    countries: countries.map(({ code }) => code),
    ...(set !== 'country' && { set }),
    ...(allow.length > 0 && { allow }),
    ...(refuse !== 'drop' && { refuse }),
    ...(forward && { forward }),
    ...(outgoing && { outgoing }),
  }
}

const plansOfCountry = ({ set = 'country', refuse = 'drop' }: CountryFile): Plan[] =>
  families.map((family) => recipeFor({ set, refuse, forward: true, outgoing: true }, family).plan)

/** The sections as text, comments where there is nothing to say. */
export function firewallText({ files, recipes, country, lack }: FoundFirewall): string {
  const isSaved = files.some(({ text }) => text !== null)
  const rules =
    files.length === 0
      ? [
          `# Rules that are in force from the start (${lack === null ? 'there are none now' : `those of now are not known: ${lack}`}):`,
          '# rules: { v4: /etc/postern/rules.v4, v6: /etc/postern/rules.v6 }',
        ]
      : [
          '# In force from the start, before the network; postern save writes these files anew.',
          ...(isSaved
            ? ['# Another service that loads rules at boot (netfilter-persistent) is not needed then.']
            : []),
          ...[...new Set(recipes.map(({ recipe, name }) => `# They have the recipe ${recipe} ${name}.`))],
          'rules:',
          ...files.map(({ key, path }) => `  ${key}: ${path}`),
        ]
  const recipeLines = [
    '# Recipes, each at its place among the rules (postern help recipe):',
    '# recipes:',
    '#   - knock: { open: tcp/3306, knock: [icmp, tcp/7, tcp/8000] }',
    '#   - ratelimit: { port: tcp/22, family: both }',
  ]
  const block =
    country === null
      ? [
          '# Whole countries refused; the allow-list comes first:',
          '# country: { countries: [xx], allow: [192.0.2.0/24] }',
        ]
      : [
          'country:',
          ...stringify(country)
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        ]
  return [rules, recipeLines, block].map((lines) => `${lines.join('\n')}\n`).join('\n')
}
