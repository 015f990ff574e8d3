/** Bytes that arrive in chunks of any size and are wanted in pieces of known length. */

export class ByteQueue {
  #chunks: Uint8Array[] = []
  /** Bytes of the first chunk that were taken already; less than its length. */
  #taken = 0
  #length = 0
  #offset = 0
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0

  /** Where what `has` found stands. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  get at(): number {
    return this.#at
  }

  /** Whether `count` bytes wait; then they stand in one piece at `at` of `bytes`, until others are asked for or taken off. */
  has(count: number): boolean {
    if (this.#length < count) return false
    const first = this.#chunks[0]
    if (first === undefined || count <= first.length - this.#taken) {
      this.#bytes = first ?? this.#bytes
      this.#at = this.#taken
    } else {
      this.#bytes = this.#gather(count)
      this.#at = 0
    }
    return true
  }

  /** Takes bytes off that wait. */
  skip(count: number): void {
    this.#drop(count)
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#length
  }

  /** Bytes taken since the beginning: the place of the first waiting byte in the whole stream. */
  get offset(): number {
    return this.#offset
  }

  /** Adds a chunk, which must not change afterwards: pieces are views of it where they can be. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    // Views of a plain array are several times cheaper than those of Node's Buffer.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#length += chunk.length
  }

  /** The next `count` bytes in one piece without taking them, or null while fewer wait. Nothing is allocated then. */
  peek(count: number): Uint8Array | null {
    if (this.#length < count) return null
    const first = this.#chunks[0]
    if (first === undefined || count <= first.length - this.#taken) {
      return first === undefined ? new Uint8Array(0) : first.subarray(this.#taken, this.#taken + count)
    }
    return this.#gather(count)
  }

  /** The next `count` bytes, taken off, or null while fewer wait. */
  take(count: number): Uint8Array | null {
    const piece = this.peek(count)
    if (piece !== null) this.#drop(count)
    return piece
  }

  #gather(count: number): Uint8Array {
    const whole = new Uint8Array(count)
    let filled = 0
    let from = this.#taken
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(from, from + count - filled)
      whole.set(part, filled)
      filled += part.length
      from = 0
      if (filled === count) break
    }
    return whole
  }

  #drop(count: number): void {
    this.#length -= count
    this.#offset += count
    this.#taken += count
    if (this.#taken < (this.#chunks[0]?.length ?? 0)) return
    let finished = 0
    for (const chunk of this.#chunks) {
      if (this.#taken < chunk.length) break
      this.#taken -= chunk.length
      finished++
    }
    if (finished > 0) this.#chunks.splice(0, finished)
  }
}
