/** Families of files by their names. */
import type { Family } from '../net/address.ts'

/** `*.v6` and names with a 6 hold IPv6 rules, as the command line has it. */
export function familyOfName(path: string, otherwise: Family = 'ipv4'): Family {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return /6/.test(name) ? 'ipv6' : otherwise
}
