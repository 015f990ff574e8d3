/**
 * What is remembered of connections, found by their ids (`<F-MLFID>`) once a line: what lines of each added up to, and
 * the address that one has told without doubt. Of both, what is oldest gives way to what is newer.
 */
import type { Facts } from './connection.ts'

/** One thing that is remembered of a connection, among others of its kind by age. */
interface Held<Value> {
  readonly value: Value
  readonly untilMs: number
  readonly of: Connection
  older: Held<Value> | null
  newer: Held<Value> | null
}

/** Things of one kind, oldest first. Each step takes the same time, however many there are. */
class ByAge<Value> {
  size = 0
  oldest: Held<Value> | null = null
  #newest: Held<Value> | null = null

  add(of: Connection, value: Value, untilMs: number): Held<Value> {
    const held: Held<Value> = { value, untilMs, of, older: this.#newest, newer: null }
    if (this.#newest === null) this.oldest = held
    else this.#newest.newer = held
    this.#newest = held
    this.size++
    return held
  }

  remove(held: Held<Value>): void {
    const { older, newer } = held
    if (older === null) this.oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    // what was let go must not keep its neighbours
    held.older = held.newer = null
    this.size--
  }
}

/** A connection, remembered as long as one of these is. */
export class Connection {
  readonly id: string
  facts: Held<Facts> | null = null
  address: Held<string> | null = null

  constructor(id: string) {
    this.id = id
  }
}

/** For how long things are remembered, in milliseconds. */
export const keptMs = 300_000
const mostFacts = 100
const mostAddresses = 1000

export class ConnectionMemory {
  readonly #connections = new Map<string, Connection>()
  readonly #facts = new ByAge<Facts>()
  readonly #addresses = new ByAge<string>()

  /** The connection of this id; of one that is not known, nothing is remembered yet. */
  of(id: string): Connection {
    return this.#connections.get(id) ?? new Connection(id)
  }

  factsOf(connection: Connection, nowMs: number): Facts | null {
    const held = connection.facts
    if (held === null) return null
    if (held.untilMs > nowMs) return held.value
    this.forgetFacts(connection)
    return null
  }

  keepFacts(connection: Connection, facts: Facts, nowMs: number): void {
    if (this.#facts.size >= mostFacts) {
      // all that are too old go, and one that is not
      for (let { oldest } = this.#facts; oldest !== null; oldest = this.#facts.oldest) {
        this.forgetFacts(oldest.of)
        if (oldest.untilMs > nowMs) break
      }
    }
    this.#keep(connection)
    if (connection.facts !== null) this.#facts.remove(connection.facts)
    connection.facts = this.#facts.add(connection, facts, nowMs + keptMs)
  }

  forgetFacts(connection: Connection): void {
    if (connection.facts === null) return
    this.#facts.remove(connection.facts)
    connection.facts = null
    this.#forget(connection)
  }

  keepAddress(connection: Connection, address: string, nowMs: number): void {
    const before = connection.address
    if (before === null && this.#addresses.size >= mostAddresses) this.#forgetAddress(this.#addresses.oldest!)
    this.#keep(connection)
    if (before !== null) this.#addresses.remove(before)
    connection.address = this.#addresses.add(connection, address, nowMs + keptMs)
  }

  #forgetAddress(held: Held<string>): void {
    this.#addresses.remove(held)
    held.of.address = null
    this.#forget(held.of)
  }

  #keep(connection: Connection): void {
    if (connection.facts === null && connection.address === null)
      this.#connections.set(connection.id, connection)
  }

  #forget(connection: Connection): void {
    if (connection.facts === null && connection.address === null) this.#connections.delete(connection.id)
  }
}
