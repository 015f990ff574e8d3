/** Tags of fail2ban's actions that tell of the jail rather than of the ban alone. */
import type { Ban } from '../../guard/ban.ts'
import type { JailDecider } from '../../guard/decide/index.ts'

export function jailTag(tag: string, ban: Ban, decider: JailDecider): string | undefined {
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
    case 'ipjailmatches':
      return ban.matches.join('\n')
    case 'ipfailures':
    case 'ipjailfailures':
      return `${ban.failures}`
    case 'ip-rev':
      return (ban.address ?? ban.id).split('.').reverse().join('.')
    default:
      return undefined
  }
}
