/** One filter by reference, without a jail: `sshd`, `sshd[mode=aggressive]`, an absolute path of a filter file. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { FilterDefinition } from '../filter-definition.ts'
import type { ConfigFiles } from './files.ts'
import { type GuardConfigOptions, readGuardConfig } from './read.ts'

export interface ReadFilter {
  /** Null where there is no such filter, or it cannot be resolved. */
  readonly definition: FilterDefinition | null
  readonly diagnostics: readonly Diagnostic[]
}

const jail = 'filter'

/**
 * Resolves a filter as a jail with nothing but this filter would. `options` of a configuration are those of
 * `readGuardConfig`; its folder needs no `jail.conf`.
 */
export function readFilter(
  files: ConfigFiles,
  reference: string,
  options: Omit<GuardConfigOptions, 'jails'> = {},
): ReadFilter {
  const folder = (options.folder ?? '/etc/fail2ban').replace(/(?<=.)\/+$/, '')
  const text = `[${jail}]\nenabled = true\nfilter = ${reference.trim().replaceAll('%', '%%')}\n`
  const { jails, diagnostics } = readGuardConfig(withJail(files, folder, new TextEncoder().encode(text)), {
    ...options,
    folder,
    jails: [jail],
  })
  const definition = jails[0]?.settings.filter ?? null
  return {
    definition,
    // a jail of one filter has neither action nor log, and needs none
    diagnostics: diagnostics.filter(({ code }) => !/\/no-(action|log)$/.test(code)),
  }
}

/** The same files with one jail in the place of all others. */
function withJail(files: ConfigFiles, folder: string, jailConf: Uint8Array): ConfigFiles {
  const isJail = (path: string) => path.startsWith(`${folder}/jail.`)
  return {
    read: (path) => (path === `${folder}/jail.conf` ? jailConf : isJail(path) ? null : files.read(path)),
    list: (path) => (isJail(path) ? null : (files.list(path) ?? (path === folder ? ['jail.conf'] : null))),
    glob: (pattern) => files.glob(pattern),
  }
}
