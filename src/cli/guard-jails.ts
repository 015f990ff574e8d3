/** The jails that commands of the guard run. */
import type { GuardConfig } from '../guard/config/read.ts'
import type { JailSettings } from '../guard/jail-settings.ts'
import type { ArgumentRow, OptionRow } from './command.ts'
import { type Environment, UsageError } from './environment.ts'
import { renderDiagnostics } from './report/diagnostics.ts'

export const fileArgument: ArgumentRow = {
  name: '[file]',
  doc: "a postern.yaml with jails, in the place of fail2ban's files",
}

export const etcOption: OptionRow = {
  flags: '--etc <folder>',
  doc: "the folder of fail2ban's files (default: /etc/fail2ban)",
}

/** The jails to run; complaints of the configuration go to stderr. Throws `UsageError` when none is left. */
export function jailsToRun(config: GuardConfig, environment: Environment): JailSettings[] {
  if (config.diagnostics.length > 0)
    environment.stderr(renderDiagnostics(config.diagnostics, environment, 'stderr'))
  const jails = config.jails.map(({ settings }) => settings)
  if (jails.length > 0) return jails
  if (config.diagnostics.some(({ severity }) => severity === 'error'))
    throw new UsageError('no jail is left to run', 'postern guard config   (says more of what is wrong)')
  throw new UsageError('no jail is enabled', 'enabled = true   (in a section of jail.local)')
}
