/** `postern fmt`: rules as the kernel would print them back. */
import { registry } from '../ext/registry.ts'
import { rulesToCommands, rulesToJson } from '../lang/json.ts'
import { rulesetParts } from '../lang/print.ts'
import { noCounters, type Ruleset } from '../lang/rule.ts'
import { type Command, familyOptions, type OptionValues } from './command.ts'
import { type Environment, exit } from './environment.ts'
import { readRules, reportErrors } from './rules-input.ts'

export const fmt: Command = {
  name: 'fmt',
  summary: 'print rules as iptables-save would after loading them',
  description:
    'Prints the canonical text of rules, byte for byte what iptables-save prints once iptables-restore has loaded ' +
    'them, without the dated comments. Prints nothing when the rules have errors.',
  arguments: [{ name: '<file>', doc: 'a file of rules; - is standard input' }],
  options: [
    ...familyOptions,
    {
      flags: '--to <form>',
      doc: 'commands of a script, save text (default), or JSON as docs/rules.schema.json describes it',
      choices: ['commands', 'save', 'json'],
    },
    { flags: '-c, --counters', doc: 'keep the counters that the text gives, as iptables-save -c does' },
  ],
  examples: [
    {
      does: 'Rules of a script as a file for iptables-restore',
      command: 'postern fmt examples/port-knock/article.sh',
    },
    {
      does: 'Rules as data for another program',
      command: 'postern fmt --to json examples/port-knock/rules.v4',
    },
    { does: 'Rules as a script', command: 'postern fmt --to commands examples/port-knock/rules.v4' },
  ],
  run: runFmt,
}

async function runFmt(
  [file]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const rules = await readRules(file!, options, environment)
  if (reportErrors(file!, rules, environment)) return exit.finding
  for (const part of textOf(rules.ruleset, options)) environment.stdout(part)
  return exit.ok
}

/** Part by part. */
function textOf(ruleset: Ruleset, options: OptionValues): Iterable<string> {
  const withCounters = options.counters === true
  const context = { family: ruleset.family, syntax: registry }
  switch (options.to) {
    case 'commands':
      return [rulesToCommands(ruleset, context)]
    case 'json':
      return [`${JSON.stringify(rulesToJson(ruleset, context, { counters: withCounters }), null, 2)}\n`]
    default:
      return rulesetParts(ruleset, registry, {
        withCounters,
        ...(withCounters ? {} : { counters: () => noCounters }),
      })
  }
}
