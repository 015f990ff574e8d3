/**
 * Finds the first of many texts in bytes, looking at a few bytes of a hundred only.
 *
 * Of each text a part is looked for, as long as the shortest text. Two bytes of the place where that length ends tell by
 * how much the place can move on without passing over any part; only where that is not at all, the texts are compared
 * (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994).
 */

/** Texts that are shorter than this make the steps too small to be worth it. */
export const leastLength = 4

interface Text {
  readonly bytes: Uint8Array
  /** Where the part that it is looked for by begins in it. */
  readonly part: number
}

export class LiteralSearch {
  /** Bytes by which to move on, by the last two bytes at a place. */
  readonly #steps = new Uint8Array(65_536)
  /** Texts by the last two bytes of their part. */
  readonly #texts = new Map<number, Text[]>()
  readonly #length: number

  /** The texts are of ASCII, and `leastLength` long or longer. */
  constructor(texts: readonly string[]) {
    this.#length = Math.min(255, ...texts.map((text) => text.length))
    const last = this.#length - 1
    this.#steps.fill(last)
    const chosen = new Set<number>()
    for (const text of [...new Set(texts)].sort((a, b) => a.length - b.length)) {
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
      const part = rarestPart(bytes, this.#length, chosen)
      for (let at = 1; at <= last; at++) {
        const two = (bytes[part + at - 1]! << 8) | bytes[part + at]!
        chosen.add(two)
        this.#steps[two] = Math.min(this.#steps[two]!, last - at)
      }
      const two = (bytes[part + last - 1]! << 8) | bytes[part + last]!
      this.#texts.set(two, [...(this.#texts.get(two) ?? []), { bytes, part }])
    }
  }

  /**
   * A place within the first text at or after a place (of those whose parts come first; a text that begins before `from`
   * is none); `end` where none lies before it.
   */
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
      for (const text of this.#texts.get(two)!) {
        const start = at - last - text.part
        if (start >= from && isAt(bytes, start, end, text.bytes)) return at - last
      }
      at++
    }
    return end
  }
}

/** Letters of words and what stands between them are in every line; capitals and others are not. */
const commonness = (byte: number): number =>
  byte === 0x20 ? 4 : byte >= 0x61 && byte <= 0x7a ? (commonLetters.has(byte) ? 3 : 2) : 1
const commonLetters = new Set(Array.from('etaoinsrd', (char) => char.charCodeAt(0)))

/** Where the part of a text begins whose pairs are rarest in logs; those that are looked for already cost nothing more. */
function rarestPart(bytes: Uint8Array, length: number, chosen: ReadonlySet<number>): number {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let part = 0; part + length <= bytes.length; part++) {
    let cost = 0
    for (let at = part + 1; at < part + length; at++) {
      if (chosen.has((bytes[at - 1]! << 8) | bytes[at]!)) continue
      cost += commonness(bytes[at - 1]!) * commonness(bytes[at]!)
    }
    if (cost < least) [least, best] = [cost, part]
  }
  return best
}

function isAt(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (start + text.length > end) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}
