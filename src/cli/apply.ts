/** `postern apply`: rules in force on this machine, undone unless confirmed. */
import type { Family, Ruleset } from '../lang/rule.ts'
import type { InForce, Wanted } from '../linux/apply/index.ts'
import { asksForRecipes, recipeOptions, withRecipes } from './add-recipe.ts'
import { change, changeOptions, inForceFor } from './apply-common.ts'
import { type Command, familyOptions, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'
import { renderDiagnostics } from './report/diagnostics.ts'
import { readRules, reportErrors } from './rules-input.ts'

export const apply: Command = {
  name: 'apply',
  summary: 'put rules in force on this machine; undone unless confirmed',
  description:
    'Reads rules and refuses them on errors, shows what would change, lets the kernel try them in a namespace of its own, ' +
    'and runs the packets of open SSH sessions through them: if they would be cut, it stops. Then the rules are loaded by ' +
    "the system's iptables-restore, and everything (rules, counters, sets, recency lists) is put back as it was unless " +
    'somebody confirms: with the key y here, or with postern confirm from another login. The undo is done by processes ' +
    'of its own, which neither the end of this one nor that of the terminal or the session reaches.\n\n' +
    'Tables that no file names stay as they are. Save files say what is to be in force; scripts of iptables commands ' +
    'change what is in force, as a shell would. What is confirmed becomes a generation, to which postern rollback returns.',
  arguments: [
    {
      name: '[file...]',
      doc: 'save files or scripts, of one family or both; - for standard input; with --add-recipe none for what is in force',
    },
  ],
  options: [
    ...familyOptions,
    ...changeOptions,
    { flags: '--sets <file>', doc: 'make these sets first: what ipset save prints' },
    ...recipeOptions,
    jsonOption,
  ],
  examples: [
    {
      does: 'What would change?',
      command: 'postern apply --dry-run /etc/iptables/rules.v4',
      needs: 'root and that file',
    },
    {
      does: 'Both families at once, with a minute and a half to confirm',
      command: 'postern apply --confirm 90s /etc/iptables/rules.v4 /etc/iptables/rules.v6',
      needs: 'root and those files',
    },
    {
      does: 'A recipe at its place among the rules in force',
      command:
        'postern apply --add-recipe "knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000"',
      needs: 'root',
    },
  ],
  run: runApply,
}

async function runApply(
  files: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  if (files.length === 0 && !asksForRecipes(options))
    throw new UsageError('no file of rules', 'postern apply FILE')
  const inForce = inForceFor(`apply ${files.join(' ')}`, options)
  const read =
    files.length === 0
      ? rulesInForce(inForce, options)
      : await readWanted(files, inForce, options, environment)
  if (read === null) return exit.finding
  const { rulesets, sets: setsOfRecipes } = withRecipes(read, options)
  const given = typeof options.sets === 'string' ? await environment.readFile(options.sets) : null
  const sets = `${given === null ? '' : new TextDecoder().decode(given)}${setsOfRecipes}`
  if (sets !== '' && inForce.tools.ipset === null)
    throw new UnavailableError('ipset is not installed', 'apt-get install ipset')
  const wanted: Wanted = { rulesets, ...(sets !== '' && { sets }) }
  const why = files.length > 0 ? files.join(' ') : [options.addRecipe, options.removeRecipe].flat().join('; ')
  return change(wanted, inForce, why, options, environment)
}

/** What is in force, of the family that is asked for; IPv4 unless said. */
function rulesInForce(inForce: InForce, { ipv4, ipv6 }: OptionValues): Map<Family, Ruleset> {
  if (ipv4 === true && ipv6 === true) throw new UsageError('-4 and -6 exclude each other')
  const family = ipv6 === true ? 'ipv6' : 'ipv4'
  return new Map([[family, inForce.rulesets.get(family)!]])
}

/** Null where there are errors, which have been said. */
async function readWanted(
  files: readonly string[],
  inForce: InForce,
  options: OptionValues,
  environment: Environment,
): Promise<Map<Family, Ruleset> | null> {
  const wanted = new Map<Family, Ruleset>()
  for (const file of files) {
    const rules = await readRules(file, options, environment, true, inForce.rulesets)
    if (reportErrors(file, rules, environment)) return null
    const warnings = rules.diagnostics.filter(({ severity }) => severity === 'warning')
    if (warnings.length > 0) environment.stderr(renderDiagnostics(warnings, environment, 'stderr'))
    for (const [family, ruleset] of rules.rulesets) addTo(wanted, family, ruleset, file)
  }
  if ([...wanted.values()].every(({ tables }) => tables.size === 0))
    throw new UsageError(`${files.join(' ')}: there are no rules`)
  return wanted
}

function addTo(wanted: Map<Family, Ruleset>, family: Family, ruleset: Ruleset, file: string): void {
  const known = wanted.get(family)
  const twice = [...ruleset.tables.keys()].find((name) => known?.tables.has(name))
  if (twice !== undefined)
    throw new UsageError(
      `${file}: another file has the ${family} table ${twice}, too`,
      'postern apply -6 FILE for IPv6',
    )
  wanted.set(family, { family, tables: new Map([...(known?.tables ?? []), ...ruleset.tables]) })
}
