/** Values by id that give way to newer ones, oldest first. Each step takes the same time, however many there are. */

interface Entry<Value> {
  readonly id: string
  readonly value: Value
  isHeld: boolean
}

/** Entries that are no longer held, beyond as many as are, before the queue is tidied. */
const mostPassed = 1024

export class Aging<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  /** All entries in the order in which they came, from `#first` on; some are no longer held. */
  #queue: Entry<Value>[] = []
  #first = 0

  get size(): number {
    return this.#entries.size
  }

  get(id: string): Value | undefined {
    return this.#entries.get(id)?.value
  }

  /** Adds a value as the newest, in place of an earlier one of its id. */
  set(id: string, value: Value): void {
    const before = this.#entries.get(id)
    if (before !== undefined) before.isHeld = false
    const entry = { id, value, isHeld: true }
    this.#entries.set(id, entry)
    if (this.#queue.length > 2 * this.#entries.size + mostPassed) {
      this.#queue = this.#queue.slice(this.#first).filter(({ isHeld }) => isHeld)
      this.#first = 0
    }
    this.#queue.push(entry)
  }

  delete(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.isHeld = false
    this.#entries.delete(id)
  }

  /** Takes out the oldest. */
  takeOldest(): Value | undefined {
    for (;;) {
      const entry = this.#queue[this.#first]
      if (entry === undefined) return undefined
      this.#first++
      if (!entry.isHeld) continue
      entry.isHeld = false
      this.#entries.delete(entry.id)
      return entry.value
    }
  }
}
