import type { FilterDefinition } from './filter-definition.ts'

/** An action of a jail with its options: fail2ban's `name[option=value]`, tags of options resolved. */
export interface ActionSettings {
  /** The name it goes by within the jail (`actname`, else the file's name). */
  name: string
  /** The file of `action.d` or the built-in action that it stands for. */
  action: string
  /** Every option of the resolved file (`actionban`, `actionban?family=inet6`, `timeout`, ...), by name in lower case. */
  options: Readonly<Record<string, string>>
}

/** How ban times grow for those who come back: the family `bantime.increment` of fail2ban. */
export interface BanTimeIncrement {
  enabled: boolean
  factor?: number
  /** The documented formula over ban.Time, ban.Count and banFactor; absent means base * 2^min(count, 20) * factor. */
  formula?: string
  /** Multipliers in order of the count; the last repeats. */
  multipliers?: readonly number[]
  maximumSeconds?: number
  /** Up to so many seconds are added by chance. */
  randomSeconds?: number
  overAllJails: boolean
}

/** One jail, resolved. Times are in seconds, as in fail2ban's files. */
export interface JailSettings {
  name: string
  enabled: boolean
  filter: FilterDefinition
  /** Files to follow, globs allowed; empty where the journal is read. */
  logPaths: readonly { glob: string; from: 'head' | 'tail' }[]
  backend: 'files' | 'journal'
  logEncoding: string
  maxRetry: number
  findTimeSeconds: number
  /** How long a ban lasts; -1 means for ever. */
  banTimeSeconds: number
  increment: BanTimeIncrement
  /** How failures are counted: fail2ban's rate estimate, or an exact sliding window. */
  window: 'rate' | 'exact'
  /** Matched lines kept for each address. */
  maxMatches: number
  ignoreSelf: boolean
  ignoreAddresses: readonly string[]
  ignoreCommand?: string
  ignoreCache?: string
  /** IPv6 addresses of one prefix of this length count as one; 128 keeps them apart. */
  ipv6PrefixLength: number
  /** The same for IPv4; 32 keeps them apart. */
  ipv4PrefixLength: number
  actions: readonly ActionSettings[]
}
