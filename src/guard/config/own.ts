/** Postern's own filters and actions, where the configuration's folder has none of that name. */

import { memoryFiles } from './files.ts'
import type { OwnDefinitions } from './jail.ts'
import { ConfigLibrary, type MergedConfig } from './merged.ts'

/** The names of Postern's own actions; `linux/bans` makes each of them. */
export const ownActionNames = [
  'postern',
  'postern-ipset',
  'postern-chain',
  'postern-auto',
  'postern-nft',
  'postern-recent',
  'postern-cut',
  'postern-mail',
] as const
export type OwnActionName = (typeof ownActionNames)[number]

/**
 * Actions that Postern carries out itself (`linux/bans`): its own by their names, and fail2ban's usual ones where the
 * folder has no file of that name, so that an old jail.conf works alone. What stands in brackets holds whatever the jail
 * says.
 */
export const ownActions: Readonly<Record<string, string>> = {
  ...Object.fromEntries(ownActionNames.map((name) => [name, name])),
  iptables: 'postern-chain',
  'iptables-new': 'postern-chain',
  'iptables-multiport': 'postern-chain',
  'iptables-allports': 'postern-chain[port=0:65535]',
  'iptables-ipset': 'postern-ipset',
  'iptables-ipset-proto4': 'postern-ipset',
  'iptables-ipset-proto6': 'postern-ipset',
  'iptables-ipset-proto6-allports': 'postern-ipset[port=0:65535]',
  nftables: 'postern-nft',
  'nftables-multiport': 'postern-nft',
  'nftables-allports': 'postern-nft[port=0:65535]',
  mail: 'postern-mail[whois=no]',
  'mail-whois': 'postern-mail',
  sendmail: 'postern-mail[whois=no]',
  'sendmail-whois': 'postern-mail',
  'sendmail-whois-lines': 'postern-mail',
}

/** How diagnostics name the place of Postern's own filters. */
const ownFolder = 'postern:'

/** `filters`: texts of INI files by name, which may include each other: `before = common.conf`. */
export function ownDefinitions(
  library: ConfigLibrary,
  filters: Readonly<Record<string, string>>,
  actions: Readonly<Record<string, string>>,
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
    action: (name) => (Object.hasOwn(actions, name) ? actions[name]! : null),
  }
}
