/** `postern guard config`: the guard's configuration as it takes effect, and where each value was set. */

import { repr } from '../guard/config/python.ts'
import type { ConfiguredJail, GuardConfig } from '../guard/config/read.ts'
import { diagnosticJson } from '../lang/render.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { readGuardFiles } from './guard-files.ts'
import { renderDiagnostics } from './report/diagnostics.ts'
import { renderGuardConfig } from './report/guard-config.ts'

export const guardConfig: Command = {
  name: 'guard config',
  summary: "print the guard's configuration as it takes effect",
  description:
    'Reads jails as fail2ban does (jail.conf, jail.d, .local files, filters and actions with their options), or a ' +
    'postern.yaml, and prints what takes effect and the file and line that said so. Mistakes are shown with ' +
    'their place; the exit status is 1 when there are errors.\n\n' +
    'What fail2ban would not start for is an error, too. A jail that fail2ban skips leaves the others.',
  arguments: [{ name: '[file]', doc: "a postern.yaml with jails, in the place of fail2ban's files" }],
  options: [
    { flags: '--etc <folder>', doc: "the folder of fail2ban's files (default: /etc/fail2ban)" },
    {
      flags: '--jail <name>',
      doc: 'only this jail, enabled or not, with every expression and command',
      repeatable: true,
    },
    jsonOption,
    { flags: '--fail2ban', doc: 'print the commands that fail2ban-client -d prints' },
  ],
  examples: [
    { does: 'Which jails are there?', command: 'postern guard config --etc examples/brute-force/fail2ban' },
    {
      does: 'All of one jail, and where it is set',
      command: 'postern guard config --etc examples/brute-force/fail2ban --jail ssh-iptables',
    },
    { does: 'Jails without INI', command: 'postern guard config examples/brute-force/postern.yaml' },
  ],
  run: runGuardConfig,
}

async function runGuardConfig(
  [file]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  if (options.json && options.fail2ban) throw new UsageError('--json and --fail2ban exclude each other')
  const config = await readGuardFiles(file, options, environment, options.fail2ban !== true)
  const failed = config.diagnostics.some(({ severity }) => severity === 'error')
  if (options.json) printJson(config, environment)
  else {
    if (options.fail2ban) {
      for (const { words } of config.commands) environment.stdout(`${repr(words)}\n`)
    } else environment.stdout(renderGuardConfig(config, options.jail !== undefined, environment))
    if (config.diagnostics.length > 0) {
      environment.stderr(renderDiagnostics(config.diagnostics, environment, 'stderr'))
    }
    if (config.fatal) environment.stderr('\nfail2ban would not start with this configuration\n')
  }
  return failed ? exit.finding : exit.ok
}

/** A line for the global settings, one a jail, one for the names that are not enabled, one a diagnostic. */
function printJson(
  { settings, origins, jails, disabled, diagnostics, fatal }: GuardConfig,
  { stdout }: Environment,
) {
  const line = (value: unknown): void => stdout(`${JSON.stringify(value)}\n`)
  line({ settings, origins: Object.fromEntries(origins) })
  for (const jail of jails) line(jailJson(jail))
  if (disabled.length > 0) line({ disabled })
  for (const diagnostic of diagnostics) line({ diagnostic: diagnosticJson(diagnostic) })
  line({ end: true, jails: jails.length, fatal })
}

const jailJson = ({ settings, origins }: ConfiguredJail) => ({
  jail: settings,
  origins: Object.fromEntries(origins),
})
