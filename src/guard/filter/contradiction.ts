/**
 * Holds the lines of one connection against each other, so that nobody can name a stranger's address in a user name
 * and have it banned.
 *
 * A line with one address only says whose connection it is. Of a line with several, the address that such a line has
 * confirmed counts, whatever the expression picked. Without one, the expression is believed only if it picked the last
 * address: a server writes the peer's address after what the peer said. Else the line is withheld.
 */
import { type Connection, type ConnectionMemory, keptMs } from './connection-memory.ts'
import { addressesIn, type Subject } from './id.ts'

export class Contradictions {
  readonly #memory: ConnectionMemory

  constructor(memory: ConnectionMemory) {
    this.#memory = memory
  }

  check(
    connection: Connection,
    subject: Subject,
    text: string,
    named: string | null,
    nowMs: number,
  ): { why?: 'contradicted'; subject?: Subject } | undefined {
    const address = subject.address!
    const held = connection.address
    const confirmed = held === null || held.untilMs <= nowMs ? null : held.value
    // the address comes from an earlier line
    if (named === null) {
      return confirmed === null || confirmed === address ? undefined : { subject: addressOf(confirmed) }
    }
    const found = mayHoldOthers(text, named) ? othersIn(text.replace(ownEnd, ''), named) : null
    if (found === null || found.every((other) => other === found[0])) {
      // process numbers are used again: the newest line is right
      if (confirmed !== address || held!.untilMs - keptMs / 2 <= nowMs)
        this.#memory.keepAddress(connection, address, nowMs)
      return undefined
    }
    if (confirmed !== null) return confirmed === address ? undefined : { subject: addressOf(confirmed) }
    return found.at(-1) === address ? undefined : { why: 'contradicted' }
  }
}

/** The addresses of a text that may hold more than the one that is named; null where it does not. */
const othersIn = (text: string, named: string): string[] | null =>
  mayHoldOthers(text, named) ? addressesIn(text) : null

/** Whether something like an address stands before or after one in a text. */
function mayHoldOthers(text: string, one: string): boolean {
  const at = text.indexOf(one)
  return at < 0 || looksHeld(text, 0, at) || looksHeld(text, at + one.length, text.length)
}

const dot = 46
const colon = 58
const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isHexDigit = (code: number): boolean =>
  isDigit(code) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)

/** Whether a part of a text holds what every address has: three numbers between dots (`1.2.3`), or two colons (`1::`, `:a:`). */
export function looksHeld(text: string, from: number, to: number): boolean {
  // most parts have no dot and no colon, and to look for one is quick
  for (let at = text.indexOf('.', from); at >= 0 && at < to; at = text.indexOf('.', at + 1)) {
    if (at === from || !isDigit(text.charCodeAt(at - 1))) continue
    let next = at + 1
    while (next < to && isDigit(text.charCodeAt(next))) next++
    if (next === at + 1 || next + 1 >= to) continue
    if (text.charCodeAt(next) === dot && isDigit(text.charCodeAt(next + 1))) return true
  }
  for (let at = text.indexOf(':', from); at >= 0 && at < to; at = text.indexOf(':', at + 1)) {
    let next = at + 1
    while (next < to && isHexDigit(text.charCodeAt(next))) next++
    if (next < to && text.charCodeAt(next) === colon) return true
  }
  return false
}

/** What a server writes at the end about itself: the address that was called. */
const ownEnd = /(?: via \S+| on \S+ port \d+)(?: \[preauth\])?\s*$/

const addressOf = (address: string): Subject => ({ id: address, address })
