/** What rules share by name as long as one of them is loaded. */

interface Holding {
  readonly thing: unknown
  /** Rules that hold it. */
  references: number
}

export class SharedThings {
  readonly #kinds = new Map<string, Map<string, Holding>>()

  /** The thing of that name, made when nobody holds one yet. */
  acquire<T>(kind: string, name: string, make: () => T): T {
    let named = this.#kinds.get(kind)
    if (named === undefined) {
      named = new Map()
      this.#kinds.set(kind, named)
    }
    const held = named.get(name)
    if (held !== undefined) {
      held.references++
      return held.thing as T
    }
    const thing = make()
    named.set(name, { thing, references: 1 })
    return thing
  }

  release(kind: string, name: string): void {
    const named = this.#kinds.get(kind)
    const held = named?.get(name)
    if (held !== undefined && --held.references === 0) named!.delete(name)
  }

  get<T>(kind: string, name: string): T | null {
    return (this.#kinds.get(kind)?.get(name)?.thing ?? null) as T | null
  }
}
