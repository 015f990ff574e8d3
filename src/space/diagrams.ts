/**
 * Reduced ordered binary decision diagrams with complement edges, in typed arrays.
 *
 * A reference is a node number times two, plus one where the function is negated; so negation is free and two
 * functions are equal exactly when their references are. The form is canonical because a node's high edge is
 * never negated and no two nodes are alike.
 *
 * Read first: Brace, Rudell, Bryant, "Efficient implementation of a BDD package" (DAC 1990).
 */

/** A function of the variables: node * 2 + negated. */
export type Ref = number

export const TRUE: Ref = 0
export const FALSE: Ref = 1

/** The level of the terminal, below every variable. */
const BOTTOM = 0x7fffffff

const FIRST_CAPACITY = 1 << 12
/** Entries of the operation cache at most; it forgets, it never refuses. */
const CACHE_LIMIT = 1 << 20

/** Thrown when a question needs more nodes than its space may hold. */
export class SpaceLimitError extends Error {
  readonly limit: number

  constructor(limit: number) {
    super(`this set of packets needs more than ${limit} decision nodes`)
    this.limit = limit
  }
}

export class Diagrams {
  readonly #limit: number
  #count = 1
  #level = new Int32Array(FIRST_CAPACITY).fill(BOTTOM, 0, 1)
  #low = new Int32Array(FIRST_CAPACITY)
  #high = new Int32Array(FIRST_CAPACITY)
  /** Unique table: first node of each bucket and the next in its chain; node 0, the terminal, ends a chain. */
  #buckets = new Int32Array(FIRST_CAPACITY)
  #next = new Int32Array(FIRST_CAPACITY)

  /** Results of `and`, one per slot; slot keys are both operands, 0 (never an operand there) when free. */
  #cacheLeft = new Int32Array(FIRST_CAPACITY)
  #cacheRight = new Int32Array(FIRST_CAPACITY)
  #cacheResult = new Int32Array(FIRST_CAPACITY)

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#count
  }

  /** Level of the topmost variable the function depends on; meaningless for constants. */
  level(ref: Ref): number {
    return this.#level[ref >> 1]!
  }

  /** The function where its topmost variable is false. */
  low(ref: Ref): Ref {
    return this.#low[ref >> 1]! ^ (ref & 1)
  }

  /** The function where its topmost variable is true. */
  high(ref: Ref): Ref {
    return this.#high[ref >> 1]! ^ (ref & 1)
  }

  /**
   * "If the variable of this level then `high` else `low`".
   *
   * Preconditions: both depend on deeper levels only.
   */
  choose(level: number, low: Ref, high: Ref): Ref {
    if (low === high) return low
    return (high & 1) === 1 ? this.#node(level, low ^ 1, high ^ 1) ^ 1 : this.#node(level, low, high)
  }

  and(a: Ref, b: Ref): Ref {
    if (a === b) return a
    if ((a ^ b) === 1 || a === FALSE || b === FALSE) return FALSE
    if (a === TRUE) return b
    if (b === TRUE) return a
    const left = a < b ? a : b
    const right = a < b ? b : a

    const slot = this.#cacheSlot(left, right)
    if (this.#cacheLeft[slot] === left && this.#cacheRight[slot] === right) return this.#cacheResult[slot]!

    const leftLevel = this.level(left)
    const rightLevel = this.level(right)
    const level = Math.min(leftLevel, rightLevel)
    const low = this.and(
      leftLevel === level ? this.low(left) : left,
      rightLevel === level ? this.low(right) : right,
    )
    const high = this.and(
      leftLevel === level ? this.high(left) : left,
      rightLevel === level ? this.high(right) : right,
    )
    const result = this.choose(level, low, high)

    // Growth may have moved the cache meanwhile.
    const place = this.#cacheSlot(left, right)
    this.#cacheLeft[place] = left
    this.#cacheRight[place] = right
    this.#cacheResult[place] = result
    return result
  }

  or(a: Ref, b: Ref): Ref {
    return this.and(a ^ 1, b ^ 1) ^ 1
  }

  #node(level: number, low: Ref, high: Ref): Ref {
    const bucket = hash(level, low, high) & (this.#buckets.length - 1)
    for (let node = this.#buckets[bucket]!; node !== 0; node = this.#next[node]!) {
      if (this.#level[node] === level && this.#low[node] === low && this.#high[node] === high) return node * 2
    }
    if (this.#count === this.#level.length) {
      this.#grow()
      return this.#node(level, low, high)
    }
    if (this.#count >= this.#limit) throw new SpaceLimitError(this.#limit)
    const node = this.#count++
    this.#level[node] = level
    this.#low[node] = low
    this.#high[node] = high
    this.#next[node] = this.#buckets[bucket]!
    this.#buckets[bucket] = node
    return node * 2
  }

  #grow(): void {
    const capacity = this.#level.length * 2
    this.#level = enlarged(this.#level, capacity)
    this.#low = enlarged(this.#low, capacity)
    this.#high = enlarged(this.#high, capacity)
    this.#next = new Int32Array(capacity)
    this.#buckets = new Int32Array(capacity)
    for (let node = 1; node < this.#count; node++) {
      const bucket = hash(this.#level[node]!, this.#low[node]!, this.#high[node]!) & (capacity - 1)
      this.#next[node] = this.#buckets[bucket]!
      this.#buckets[bucket] = node
    }
    if (capacity <= CACHE_LIMIT) {
      this.#cacheLeft = new Int32Array(capacity)
      this.#cacheRight = new Int32Array(capacity)
      this.#cacheResult = new Int32Array(capacity)
    }
  }

  #cacheSlot(left: Ref, right: Ref): number {
    return hash(left, right, 0) & (this.#cacheLeft.length - 1)
  }
}

function enlarged(array: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(capacity)
  copy.set(array)
  return copy
}

/** Mixes three integers; the low bits are used. */
function hash(a: number, b: number, c: number): number {
  let mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
