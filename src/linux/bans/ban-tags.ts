/** Tags of fail2ban's commands that a ban alone can answer. */
import type { Ban } from '../../guard/ban.ts'
import { networkOfBan } from './action.ts'

export function banTag(tag: string, ban: Ban, restored: boolean): string | undefined {
  const network = networkOfBan(ban)
  switch (tag) {
    case 'ip':
      return network?.text ?? ban.address ?? ban.id
    case 'fid':
      return ban.id
    case 'family':
      return network === null ? '' : network.family === 'ipv6' ? 'inet6' : 'inet4'
    case 'failures':
      return `${ban.failures}`
    case 'time':
      return `${ban.startMs / 1000}`
    case 'bantime':
      return `${Math.trunc(ban.seconds)}`
    case 'bancount':
      return `${ban.count}`
    case 'matches':
      return ban.matches.join('\n')
    case 'restored':
      return restored ? '1' : '0'
    default:
      return undefined
  }
}
