/** Tags of fail2ban's actions that tell of the jail, of other jails or of names, rather than of the ban alone. */
import { lookupService } from 'node:dns/promises'
import type { Ban } from '../../guard/ban.ts'
import type { JailDecider } from '../../guard/decide/index.ts'
import type { TagValue } from '../../linux/bans/index.ts'
import type { GuardStore } from '../../linux/store/index.ts'
import { parseAddress } from '../../net/address.ts'

export interface JailTagContext {
  readonly decider: JailDecider
  readonly store: GuardStore
  /** The name of an address, by the machine's resolver; null where it has none. */
  nameOf(address: string): Promise<string | null>
}

export function jailTag(tag: string, ban: Ban, { decider, store, nameOf }: JailTagContext): TagValue {
  switch (tag) {
    case 'jail.banned':
      return `${decider.bans.size}`
    case 'jail.banned_total':
      return `${decider.totalBanned}`
    case 'jail.found':
      return `${decider.currentlyFailed}`
    case 'jail.found_total':
      return `${decider.totalFailed}`
    case 'ipmatches':
      return (store.told(ban.id, null) ?? ban).matches.join('\n')
    case 'ipjailmatches':
      return (store.told(ban.id, ban.jail) ?? ban).matches.join('\n')
    case 'ipfailures':
      return `${(store.told(ban.id, null) ?? ban).failures}`
    case 'ipjailfailures':
      return `${(store.told(ban.id, ban.jail) ?? ban).failures}`
    case 'ip-rev':
      return reversed(ban.address ?? ban.id)
    case 'ip-host':
      // "None" is what fail2ban's commands see of an address without a name
      return nameOf(ban.address ?? ban.id).then((name) => name ?? 'None')
    default:
      return undefined
  }
}

/** As zones of the DNS have it, with a dot at the end: `1.2.0.192.`, or the 32 digits of an IPv6 address. */
function reversed(text: string): string {
  const address = parseAddress(text)
  if (address?.family !== 'ipv6') return `${text.split('.').reverse().join('.')}.`
  const digits = address.words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  return `${[...digits].reverse().join('.')}.`
}

/** A resolver that does not answer holds nobody up for longer, in milliseconds. */
const longestLookupMs = 5_000

export async function nameByResolver(address: string): Promise<string | null> {
  if (parseAddress(address) === null) return null
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), longestLookupMs)
  })
  const found = lookupService(address, 0).then(
    // without a name, the address itself comes back
    ({ hostname }) => (parseAddress(hostname) === null ? hostname : null),
    () => null,
  )
  const name = await Promise.race([found, late])
  clearTimeout(timer)
  return name
}
