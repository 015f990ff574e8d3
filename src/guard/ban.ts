import type { Failure } from './failure.ts'

/** A ban that a jail decided. */
export interface Ban {
  jail: string
  /** What is banned: an address, a prefix where a jail counts by prefix, or a filter's own id. */
  id: string
  /** The address, where the id is not one. */
  address?: string
  /** The log's time of the last failure, in milliseconds since 1970. */
  startMs: number
  /** How long it lasts in seconds; -1 means for ever. */
  seconds: number
  /** How many times this id has been banned, this one included. */
  count: number
  /** How many failures led to it. */
  failures: number
  /** The newest matched lines, at most the jail's `maxMatches`. */
  matches: readonly string[]
  /** The groups of the last failure, for the tags of actions. */
  groups: Failure['groups']
}
