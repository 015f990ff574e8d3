/** `postern recipe NAME`: what people want, as rules with their proof. One command for each recipe, from its parameters. */
import { registry } from '../ext/registry.ts'
import { printRuleset } from '../lang/print.ts'
import { nearest } from '../lang/suggest.ts'
import {
  type AnyRecipe,
  addRecipe,
  insertScript,
  type Parameter,
  type Prepared,
  parametersOf,
  planText,
  prepare,
  RecipeRefused,
  recipeNamed,
  recipesIn,
  removeRecipe,
  removeScript,
  scenarioOf,
} from '../recipe/index.ts'
import type { Command, OptionRow, OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { familyFor, readRules, reportErrors } from './rules-input.ts'

/** Options of every recipe, behind its own. */
const commonOptions: readonly OptionRow[] = [
  { flags: '-4, --ipv4', doc: 'rules for IPv4 (default)' },
  { flags: '-6, --ipv6', doc: 'rules for IPv6' },
  {
    flags: '--into <file>',
    doc: 'print the rules of this file with the recipe at its place, as iptables-save would',
  },
  {
    flags: '--remove',
    doc: 'take it out again: print the script that does, or with --into the file without it',
  },
  { flags: '--scenario', doc: 'print the scenario that proves what it promises, for postern test' },
  {
    flags: '--as <form>',
    doc: 'a script that can be run again (default), or the rules alone as save text',
    choices: ['script', 'save'],
  },
  { flags: '--json', doc: 'print rules, places, sets and scenario as one JSON object' },
]

/** `--open <port>`, `--log`. */
const rowOf = ([name, parameter]: [string, Parameter]): OptionRow => {
  if (parameter.kind === 'flag') return { flags: `--${name}`, doc: parameter.doc }
  const standard = parameter.kind === 'one' ? parameter.standard : null
  return {
    flags: `--${name} <${parameter.metavar}>`,
    doc: `${parameter.doc}${standard === null ? '' : ` (default: ${standard})`}${
      parameter.kind === 'many' ? '; may be given again' : ''
    }`,
    ...(parameter.kind === 'many' && { repeatable: true }),
  }
}

export function commandOfRecipe(name: string): Command {
  const recipe = recipeNamed(name)
  if (recipe === null) throw new Error(`there is no recipe ${name}`)
  return {
    name: `recipe ${name}`,
    summary: recipe.summary,
    description:
      `${recipe.description}\n\nPrints a script that puts the rules in force, and changes nothing when it is run ` +
      'again. Each rule has a comment that names the recipe, so that it can be found and taken out. With --into, ' +
      'prints a file of rules with the recipe at the right place: before the first rule that decides about its packets.',
    arguments: [],
    options: [...Object.entries(parametersOf(recipe)).map(rowOf), ...commonOptions],
    examples: [
      ...recipe.examples.map(({ does, words }) => ({
        does,
        command: `postern recipe ${name} ${words}`.trim(),
      })),
      {
        does: 'Is it true what it promises?',
        command: `postern recipe ${name} ${recipe.examples[0]?.words ?? ''} --scenario | postern test -`,
      },
    ],
    run: (_args, options, environment) => runRecipe(recipe, options, environment),
  }
}

async function runRecipe(
  recipe: AnyRecipe,
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const { into, remove, scenario, as: form, json, ipv4, ipv6, ...given } = options
  const family =
    typeof into === 'string' || ipv4 === true || ipv6 === true
      ? familyFor(String(into ?? ''), options)
      : 'ipv4'
  const prepared = prepareOrSay(recipe, camelToWords(given), family)
  if (typeof into === 'string') return mergeInto(into, prepared, options, environment)
  environment.stdout(textOf(prepared, { remove, scenario, as: form, json }))
  return exit.ok
}

function prepareOrSay(recipe: AnyRecipe, given: OptionValues, family: 'ipv4' | 'ipv6'): Prepared {
  try {
    return prepare(recipe, given, family)
  } catch (error) {
    if (!(error instanceof RecipeRefused)) throw error
    const help = error.problems.map((problem) => problem.help).find((text) => text !== null)
    throw new UsageError(
      error.problems.map(({ message }) => message).join('\nerror: '),
      help ?? `postern recipe ${recipe.name} --help`,
    )
  }
}

/** Commander makes `logPrefix` of `--log-prefix`. */
const camelToWords = (given: OptionValues): OptionValues =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
      value,
    ]),
  )

function textOf(prepared: Prepared, { remove, scenario, as: form, json }: OptionValues): string {
  const { plan } = prepared
  const proof = scenarioOf(prepared, commandText(prepared))
  if (json === true) return `${JSON.stringify({ ...plan, save: planText(plan), scenario: proof })}\n`
  if (scenario === true) return proof
  if (remove === true) return removeScript(plan)
  return form === 'save' ? planText(plan) : insertScript(plan)
}

const commandText = ({ plan }: Prepared): string =>
  `postern recipe ${plan.recipe}${plan.family === 'ipv6' ? ' -6' : ''} --name ${plan.name}`

async function mergeInto(
  path: string,
  { plan }: Prepared,
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const rules = await readRules(path, options, environment)
  if (reportErrors(path, rules, environment)) return exit.finding
  const { ruleset } = rules
  if (ruleset.family !== plan.family) throw new UsageError(`${path} has no rules of ${plan.family}`)
  if (options.remove === true) {
    const there = recipesIn(ruleset)
    if (!there.some(({ recipe, name }) => recipe === plan.recipe && name === plan.name)) {
      const names = there.filter(({ recipe }) => recipe === plan.recipe).map(({ name }) => name)
      const near = nearest(plan.name, names) ?? names[0]
      environment.stderr(
        `warning: ${path} has no recipe ${plan.recipe} ${plan.name}\n${near === undefined ? '' : `  try: --name ${near}\n`}`,
      )
    }
  }
  try {
    const result = options.remove === true ? removeRecipe(ruleset, plan) : addRecipe(ruleset, plan)
    environment.stdout(printRuleset(result, registry, { withCounters: false }))
    return exit.ok
  } catch (error) {
    if (!(error instanceof RecipeRefused)) throw error
    throw new UsageError(error.message, '--name with another name')
  }
}
