/** Values by id that give way to newer ones, oldest first. Each step takes the same time, however many there are. */

/** Places of a queue that is new. */
const fewPlaces = 64

export class Aging<Value> {
  /** The place of each id: places count on for ever, and lie at `place & mask` of the lists. */
  readonly #places = new Map<string, number>()
  #mask = fewPlaces - 1
  /** In the order in which they came; undefined where one was taken out, so that nothing of it is kept. */
  #ids: (string | undefined)[] = new Array<undefined>(fewPlaces).fill(undefined)
  #values: (Value | undefined)[] = new Array<undefined>(fewPlaces).fill(undefined)
  /** No id stands before the first place, nor at or after the next. */
  #first = 0
  #next = 0

  get size(): number {
    return this.#places.size
  }

  get(id: string): Value | undefined {
    const place = this.#places.get(id)
    return place === undefined ? undefined : this.#values[place & this.#mask]
  }

  /** Adds a value as the newest, in place of an earlier one of its id. */
  set(id: string, value: Value): void {
    this.delete(id)
    if (this.#next - this.#first > this.#mask) this.#tidy()
    const at = this.#next & this.#mask
    this.#ids[at] = id
    this.#values[at] = value
    this.#places.set(id, this.#next++)
  }

  delete(id: string): void {
    const place = this.#places.get(id)
    if (place === undefined) return
    this.#empty(place)
    this.#places.delete(id)
  }

  /** Takes out the oldest. */
  takeOldest(): Value | undefined {
    while (this.#first < this.#next) {
      const place = this.#first++
      const id = this.#ids[place & this.#mask]
      if (id === undefined) continue
      const value = this.#values[place & this.#mask]
      this.#empty(place)
      this.#places.delete(id)
      return value
    }
    return undefined
  }

  #empty(place: number): void {
    this.#ids[place & this.#mask] = undefined
    this.#values[place & this.#mask] = undefined
  }

  /** Closes the gaps; where there are few, makes room as well. */
  #tidy(): void {
    const ids = this.#ids
    const values = this.#values
    const mask = this.#mask
    const places = 2 * this.#places.size > mask ? 2 * (mask + 1) : mask + 1
    const [first, next] = [this.#first, this.#next]
    this.#ids = new Array<undefined>(places).fill(undefined)
    this.#values = new Array<undefined>(places).fill(undefined)
    this.#mask = places - 1
    this.#first = this.#next = 0
    for (let place = first; place < next; place++) {
      const id = ids[place & mask]
      if (id === undefined) continue
      this.#ids[this.#next] = id
      this.#values[this.#next] = values[place & mask]
      this.#places.set(id, this.#next++)
    }
  }
}
