/**
 * Finds the first of many texts in bytes, looking at a few bytes of a hundred only.
 *
 * All texts are looked at up to the length of the shortest. Two bytes of the place where that length ends tell by how
 * much the place can move on without passing over any text; only where that is not at all, the texts are compared (Wu
 * and Manber, "A fast algorithm for multi-pattern searching", 1994).
 */

/** Texts that are shorter than this make the steps too small to be worth it. */
export const leastLength = 4

export class LiteralSearch {
  /** Bytes by which to move on, by the last two bytes at a place. */
  readonly #steps = new Uint8Array(65_536)
  /** Texts by the last two bytes of what all are looked at for. */
  readonly #texts = new Map<number, Uint8Array[]>()
  readonly #length: number

  /** The texts are of ASCII, and `leastLength` long or longer. */
  constructor(texts: readonly string[]) {
    this.#length = Math.min(255, ...texts.map((text) => text.length))
    const last = this.#length - 1
    this.#steps.fill(last)
    for (const text of new Set(texts)) {
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
      for (let at = 1; at <= last; at++) {
        const two = (bytes[at - 1]! << 8) | bytes[at]!
        this.#steps[two] = Math.min(this.#steps[two]!, last - at)
      }
      const two = (bytes[last - 1]! << 8) | bytes[last]!
      this.#texts.set(two, [...(this.#texts.get(two) ?? []), bytes])
    }
  }

  /** Where the first text at or after a place begins; `end` where none lies before it. */
  next(bytes: Uint8Array, from: number, end: number): number {
    const steps = this.#steps
    const last = this.#length - 1
    for (let at = from + last; at < end; ) {
      const two = (bytes[at - 1]! << 8) | bytes[at]!
      const step = steps[two]!
      if (step > 0) {
        at += step
        continue
      }
      const start = at - last
      for (const text of this.#texts.get(two)!) if (isAt(bytes, start, end, text)) return start
      at++
    }
    return end
  }
}

function isAt(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (start + text.length > end) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}
