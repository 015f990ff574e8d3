/** `postern fmt`: rules as the kernel would print them back. */
import { registry } from '../ext/registry.ts'
import { printRuleset } from '../lang/print.ts'
import { noCounters } from '../lang/rule.ts'
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
    { flags: '-c, --counters', doc: 'keep the counters that the text gives, as iptables-save -c does' },
  ],
  examples: [
    {
      does: 'Rules of a script as a file for iptables-restore',
      command: 'postern fmt examples/port-knock/article.sh',
    },
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
  const { ruleset } = rules
  const withCounters = options.counters === true
  environment.stdout(
    printRuleset(ruleset, registry, {
      withCounters,
      ...(withCounters ? {} : { counters: () => noCounters }),
    }),
  )
  return exit.ok
}
