/**
 * What lines of one connection (`<F-MLFID>`) add up to: who it is, whether something failed, which lines say so.
 *
 * The rules are fail2ban's: a line marked `<F-NOFAIL>` lends its groups to later lines; one without an address waits
 * for one; a login that went well clears what waits, unless several users were tried; `<F-MLFFORGET>` ends it.
 */
import type { Connection, ConnectionMemory } from './connection-memory.ts'
import { type Groups, slot } from './groups.ts'

/** Groups of a line or of a whole connection, and what was made of them. */
export interface Facts {
  groups: Groups
  /** Each once. */
  users: string[] | null
  matches: readonly string[]
  /** Lines that were no failure by themselves. */
  harmlessMatches: readonly string[]
  /** A failure waits for an address. */
  pending: boolean
}

/** Groups that say whose connection it is; one of a line is as good as another. */
const addressGroups = [slot.ip4, slot.ip6, slot.dns, slot.cidr]

export class Connections {
  readonly #memory: ConnectionMemory
  readonly #newestAddress: boolean

  /**
   * `newestAddress`: an address in a line takes the place of one of the other family from an earlier line (process numbers
   * are used again). fail2ban keeps both and takes the one of IPv4, so that a stranger is blamed.
   */
  constructor(memory: ConnectionMemory, newestAddress: boolean) {
    this.#memory = memory
    this.#newestAddress = newestAddress
  }

  /** Adds a line's facts to those of its connection, and gives what is known now. */
  merge(connection: Connection, line: Facts, matched: readonly string[], nowMs: number): Facts {
    const known = this.#memory.factsOf(connection, nowMs)
    let gained = Boolean(line.groups[slot.mlfgained])
    if (gained && !line.groups[slot.nofail]) line.groups[slot.nofail] = line.groups[slot.mlfgained]
    let harmless = gained || Boolean(line.groups[slot.nofail])
    const forget = Boolean(line.groups[slot.mlfforget])
    line.groups[slot.mlfforget] = undefined
    let facts = line
    if (known !== null) {
      this.#join(known, line, gained)
      facts = known
      if (forget) this.#memory.forgetFacts(connection)
    } else if (!forget) {
      addUser(facts, line.groups)
      this.#memory.keepFacts(connection, facts, nowMs)
    }
    const { pending } = facts
    facts.pending = false
    if (pending || (facts.users !== null && facts.users.length > 1)) {
      facts.groups[slot.nofail] = undefined
      facts.groups[slot.mlfgained] = undefined
      harmless = gained = false
    }
    if (!harmless) {
      facts.matches = joined(joined(facts.harmlessMatches, facts.matches), matched)
      facts.harmlessMatches = []
    } else if (!forget) facts.harmlessMatches = joined(facts.harmlessMatches, matched)
    return facts
  }

  #join(known: Facts, line: Facts, gained: boolean): void {
    addUser(known, line.groups)
    const wasHarmless = Boolean(known.groups[slot.nofail] || known.groups[slot.mlfgained])
    known.groups[slot.nofail] = undefined
    known.groups[slot.mlfgained] = undefined
    if (gained) known.pending = false
    // what a failure told already is not told again
    if (!wasHarmless && !known.pending) known.matches = []
    if (this.#newestAddress && addressGroups.some((name) => line.groups[name] !== undefined))
      for (const name of addressGroups) known.groups[name] = undefined
    for (let at = 0; at < line.groups.length; at++) {
      const text = line.groups[at]
      if (text !== undefined) known.groups[at] = text
    }
  }
}

type Lines = readonly string[]

const joined = (first: Lines, then: Lines): Lines =>
  first.length === 0 ? then : then.length === 0 ? first : [...first, ...then]

function addUser(facts: Facts, groups: Groups): void {
  const user = groups[slot.user]
  if (!user) return
  if (facts.users === null) facts.users = [user]
  else if (!facts.users.includes(user)) facts.users.push(user)
}
