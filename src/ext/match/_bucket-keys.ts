/**
 * Keys of nine words, each with a number, in arrays of integers: found by their hash, and in the order in which they were
 * last used, so that the oldest are found without looking at the others.
 */

/** Addresses of four words each, and two ports in one. */
export const keyWords = 9
const none = -1
const firstCapacity = 64

export class BucketKeys {
  /** The key that is asked about. */
  readonly key = new Int32Array(keyWords)
  #size = 0
  /** Numbers given out at least once; free ones among them are chained by `#next`. */
  #used = 0
  #free = none
  #keys = new Int32Array(0)
  /** Chains of one hash. */
  #heads = new Int32Array(0)
  #next = new Int32Array(0)
  /** The order of use. */
  #older = new Int32Array(0)
  #newer = new Int32Array(0)
  #oldest = none
  #newest = none

  get size(): number {
    return this.#size
  }

  /** Numbers are below this. */
  get capacity(): number {
    return this.#next.length
  }

  /** The key that was not used for longest, or -1. */
  get oldest(): number {
    return this.#oldest
  }

  /** The number of the key at hand, or -1. */
  find(): number {
    if (this.#size === 0) return none
    let at = this.#heads[this.#chainOf(this.key, 0)]!
    while (at !== none && !this.#isKey(at)) at = this.#next[at]!
    return at
  }

  /** Enters the key at hand. Preconditions: it is not there. */
  add(): number {
    if (this.#free === none && this.#used === this.capacity) this.#grow()
    let at = this.#free
    if (at === none) at = this.#used++
    else this.#free = this.#next[at]!
    this.#keys.set(this.key, at * keyWords)
    const chain = this.#chainOf(this.key, 0)
    this.#next[at] = this.#heads[chain]!
    this.#heads[chain] = at
    this.#append(at)
    this.#size++
    return at
  }

  /** It is the one used last. */
  use(at: number): void {
    if (at === this.#newest) return
    this.#unlink(at)
    this.#append(at)
  }

  remove(at: number): void {
    const chain = this.#chainOf(this.#keys, at * keyWords)
    let before = this.#heads[chain]!
    if (before === at) this.#heads[chain] = this.#next[at]!
    else {
      while (this.#next[before] !== at) before = this.#next[before]!
      this.#next[before] = this.#next[at]!
    }
    this.#unlink(at)
    this.#next[at] = this.#free
    this.#free = at
    this.#size--
  }

  /** The words of a key. */
  wordsOf(at: number): Int32Array {
    return this.#keys.subarray(at * keyWords, (at + 1) * keyWords)
  }

  /** From the one that was not used for longest on. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = this.#oldest; at !== none; at = this.#newer[at]!) yield at
  }

  #isKey(at: number): boolean {
    for (let word = 0; word < keyWords; word++) {
      if (this.#keys[at * keyWords + word] !== this.key[word]) return false
    }
    return true
  }

  #chainOf(words: Int32Array, from: number): number {
    let hash = 0
    for (let word = 0; word < keyWords; word++) {
      hash = Math.imul(hash ^ words[from + word]!, 0x85ebca6b)
      hash ^= hash >>> 15
    }
    return hash & (this.#heads.length - 1)
  }

  #append(at: number): void {
    this.#older[at] = this.#newest
    this.#newer[at] = none
    if (this.#newest === none) this.#oldest = at
    else this.#newer[this.#newest] = at
    this.#newest = at
  }

  #unlink(at: number): void {
    const [older, newer] = [this.#older[at]!, this.#newer[at]!]
    if (older === none) this.#oldest = newer
    else this.#newer[older] = newer
    if (newer === none) this.#newest = older
    else this.#older[newer] = older
  }

  /** Twice the room; all numbers stay. Preconditions: none is free. */
  #grow(): void {
    const capacity = Math.max(firstCapacity, 2 * this.capacity)
    this.#keys = enlarged(this.#keys, capacity * keyWords)
    this.#older = enlarged(this.#older, capacity)
    this.#newer = enlarged(this.#newer, capacity)
    this.#next = new Int32Array(capacity)
    this.#heads = new Int32Array(capacity).fill(none)
    for (let at = 0; at < this.#used; at++) {
      const chain = this.#chainOf(this.#keys, at * keyWords)
      this.#next[at] = this.#heads[chain]!
      this.#heads[chain] = at
    }
  }
}

function enlarged(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}
