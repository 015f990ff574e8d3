/** An order among numbered things, each in it once at most: a list linked both ways, in arrays of integers. */
export class Links implements Iterable<number> {
  #next = new Int32Array(0)
  #previous = new Int32Array(0)
  #first = none
  #last = none

  /** The one that stands first, or -1. */
  get first(): number {
    return this.#first
  }

  /** Room for the numbers below `capacity`, which may not shrink. */
  resize(capacity: number): void {
    const [next, previous] = [new Int32Array(capacity), new Int32Array(capacity)]
    next.set(this.#next)
    previous.set(this.#previous)
    this.#next = next
    this.#previous = previous
  }

  clear(): void {
    this.#next = new Int32Array(0)
    this.#previous = new Int32Array(0)
    this.#first = this.#last = none
  }

  append(one: number): void {
    this.#previous[one] = this.#last
    this.#next[one] = none
    if (this.#last === none) this.#first = one
    else this.#next[this.#last] = one
    this.#last = one
  }

  remove(one: number): void {
    const next = this.#next[one]!
    const previous = this.#previous[one]!
    if (previous === none) this.#first = next
    else this.#next[previous] = next
    if (next === none) this.#last = previous
    else this.#previous[next] = previous
  }

  moveToEnd(one: number): void {
    if (this.#last === one) return
    this.remove(one)
    this.append(one)
  }

  *[Symbol.iterator](): Generator<number> {
    for (let one = this.#first; one !== none; one = this.#next[one]!) yield one
  }
}

const none = -1
