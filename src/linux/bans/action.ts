/** What an action of a jail is: it puts bans into force and lifts them, many at a time. */

import type { Ban } from '../../guard/ban.ts'
import { addressBits, type Family, lengthOfMask, parsePrefix } from '../../net/address.ts'

export interface BanAction {
  readonly name: string
  /** Makes what the bans need. Harmless when it is there. */
  start(): Promise<void>
  /** Harmless for those that are banned already. */
  ban(bans: readonly Ban[], how: BanHow): Promise<void>
  /** Harmless for those that are not banned. */
  unban(bans: readonly Ban[]): Promise<void>
  /** A ban lasts longer than it did. */
  prolong?(ban: Ban): Promise<void>
  /** Whether everything is as `start` and the bans left it; `bans` are those in force. */
  check(bans: readonly Ban[]): Promise<boolean>
  /** Lifts all bans and takes away what `start` made. */
  stop(bans: readonly Ban[]): Promise<void>
}

export interface BanHow {
  /** The bans were in force before a restart, or are put back after somebody took them away. */
  readonly restored: boolean
}

/** What an action may ask of its jail. */
export interface ActionContext {
  readonly jail: string
  nowMs(): number
  /** Says something in the log. */
  say(level: 'info' | 'warning' | 'error', message: string): void
}

export const families: readonly Family[] = ['ipv4', 'ipv6']

/** The address or network that a ban stops; null for an id that is none. */
export function networkOfBan({ id, address }: Ban): { family: Family; text: string } | null {
  for (const text of [id, address]) {
    const prefix = text === undefined ? null : parsePrefix(text)
    if (prefix === null) continue
    const { family } = prefix.address
    const isWhole = lengthOfMask(prefix.mask) === addressBits(family)
    return { family, text: isWhole ? text!.split('/')[0]! : text! }
  }
  return null
}

/** The networks of bans by family, each once. */
export function networksByFamily(bans: readonly Ban[]): Readonly<Record<Family, readonly string[]>> {
  const found: Record<Family, Set<string>> = { ipv4: new Set(), ipv6: new Set() }
  for (const ban of bans) {
    const network = networkOfBan(ban)
    if (network !== null) found[network.family].add(network.text)
  }
  return { ipv4: [...found.ipv4], ipv6: [...found.ipv6] }
}

/**
 * A name for the kernel made from a jail's: letters, digits, `-`, `_` and `.`, at most `longest` characters. Names that
 * had to be changed carry a few characters of a hash, so that two jails never share one.
 */
export function kernelName(prefix: string, jail: string, longest: number): string {
  const plain = jail.replace(/[^A-Za-z0-9_.-]/g, '_')
  const whole = `${prefix}${plain}`
  if (plain === jail && whole.length <= longest) return whole
  const mark = `~${shortHash(jail)}`
  return `${whole.slice(0, longest - mark.length)}${mark}`
}

/** FNV-1a, 32 bits. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193)
  return (hash >>> 0).toString(36)
}
