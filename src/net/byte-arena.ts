/**
 * Small byte arrays cut from large ones. JavaScript engines take an array of more than 64 bytes from the system, each on
 * its own, which costs ten times as much as a view.
 *
 * A large array lives as long as any view of it, so that what is kept for long should be copied.
 */
export class ByteArena {
  #block = new ArrayBuffer(0)
  #next = 0

  /** Makes sure that `peek` can give so many bytes; true where they are in another large array than before. */
  reserve(count: number): boolean {
    if (this.#next + count <= this.#block.byteLength) return false
    this.#block = new ArrayBuffer(blockBytes)
    this.#next = 0
    return true
  }

  /** All of the large array. */
  get whole(): Uint8Array {
    return new Uint8Array(this.#block)
  }

  /** Where the next bytes stand in the large array. */
  get next(): number {
    return this.#next
  }

  /** The next bytes, which stay the next ones. Preconditions: they are reserved. */
  peek(count: number): Uint8Array {
    return new Uint8Array(this.#block, this.#next, count)
  }

  /** The next bytes are taken. */
  skip(count: number): void {
    this.#next += (count + 7) & ~7
  }

  /** An array of zeros, where nobody peeks. */
  take(count: number): Uint8Array {
    if (count > mostTaken) return new Uint8Array(count)
    this.reserve(count)
    const taken = this.peek(count)
    this.skip(count)
    return taken
  }
}

const blockBytes = 65536
const mostTaken = 8192
