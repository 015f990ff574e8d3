/** Postern's own filters and actions, where the configuration's folder has none of that name. */

import { memoryFiles } from './files.ts'
import type { OwnDefinitions } from './jail.ts'
import { ConfigLibrary, type MergedConfig } from './merged.ts'

/**
 * Actions that Postern carries out itself where the folder has no file of that name, the names of fail2ban's usual ones
 * among them, so that an old jail.conf works alone. `auto`: an ipset where there is ipset, else a chain of rules.
 */
export const ownActions: readonly string[] = [
  'auto',
  'iptables',
  'iptables-multiport',
  'iptables-allports',
  'iptables-ipset',
  'ipset',
  'nftables',
  'input-auto',
  'recent',
  'sendmail',
  'sendmail-whois',
]

/** How diagnostics name the place of Postern's own filters. */
const ownFolder = 'postern:'

/** `filters`: texts of INI files by name, which may include each other: `before = common.conf`. */
export function ownDefinitions(
  library: ConfigLibrary,
  filters: Readonly<Record<string, string>>,
  actions: readonly string[],
): OwnDefinitions {
  const table = Object.fromEntries(
    Object.entries(filters).map(([name, text]) => [`${ownFolder}/filter.d/${name}.conf`, text]),
  )
  const own = new ConfigLibrary(memoryFiles(table), ownFolder, false)
  return {
    filter(name): MergedConfig | null {
      if (!Object.hasOwn(filters, name)) return null
      const config = own.config(`filter.d/${name}`)
      for (const diagnostic of own.diagnostics.splice(0)) library.say(diagnostic)
      return config
    },
    hasAction: (name) => actions.includes(name),
  }
}
