/** Where commands of the guard get their configuration from. */
import { type GuardConfig, type GuardConfigOptions, readGuardConfig } from '../guard/config/read.ts'
import { readPosternGuard } from '../guard/config/yaml/read.ts'
import { ownFilters } from '../guard/filters/index.ts'
import { decodeText } from '../lang/bytes.ts'
import { SourceText } from '../lang/source.ts'
import { machineFiles } from '../linux/config-files.ts'
import { UnavailableError } from '../linux/unavailable.ts'
import type { OptionValues } from './command.ts'
import type { Environment } from './environment.ts'

const usualFolder = '/etc/fail2ban'

/** `file`: a postern.yaml, or undefined for fail2ban's files in `--etc`. */
export async function readGuardFiles(
  file: string | undefined,
  { etc, jail, fail2ban }: OptionValues,
  environment: Environment,
  checkExpressions = false,
): Promise<GuardConfig> {
  const options: GuardConfigOptions = {
    ...(typeof etc === 'string' && { folder: etc }),
    ...(Array.isArray(jail) && { jails: jail }),
    asFail2ban: fail2ban === true,
    checkExpressions,
    // what fail2ban would not find is not found when its own commands are asked for
    ...(fail2ban === true ? {} : { filters: ownFilters }),
  }
  if (file !== undefined) {
    const source = new SourceText(file, decodeText(await environment.readFile(file)))
    return readPosternGuard(source, machineFiles, options)
  }
  if (etc === undefined && !environment.exists(usualFolder)) {
    throw new UnavailableError(
      `there is no ${usualFolder} on this machine`,
      'name a folder with --etc, or a postern.yaml',
    )
  }
  return readGuardConfig(machineFiles, options)
}
