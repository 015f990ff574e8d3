/** Seeded choices. The same seed gives the same case on every machine. */

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Unsigned 32 bits: splitmix32 (a Weyl sequence and a finalizer of MurmurHash3's kind). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let value = this.#state
    value = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
    return (value ^ (value >>> 15)) >>> 0
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + (this.next() % (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32
  }

  pick<T>(items: readonly T[]): T {
    return items[this.next() % items.length]!
  }

  /** One of the values, each as likely as its weight. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0)
    let left = (this.next() / 2 ** 32) * total
    for (const [weight, value] of choices) {
      left -= weight
      if (left < 0) return value
    }
    return choices.at(-1)![1]
  }

  /** Some of the items, in their order. */
  some<T>(items: readonly T[], low: number, high: number): T[] {
    const chosen = new Set<number>()
    const wanted = Math.min(items.length, this.between(low, high))
    while (chosen.size < wanted) chosen.add(this.next() % items.length)
    return [...chosen].sort((a, b) => a - b).map((at) => items[at]!)
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 255)
  }
}

/** The seed of one case of a run. */
export const caseSeed = (seed: number, index: number): number =>
  new Random((seed ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0).next()
