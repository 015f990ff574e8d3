/**
 * Finds texts in bytes, looking at a few bytes of a hundred only, and says which expressions asked for them.
 *
 * Of each text a part is looked for, as long as the shortest text. Three bytes of the place where that length ends tell
 * by how much the place can move on without passing over any part; only where that is not at all, the texts are compared
 * (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994).
 */

/** Texts that are shorter than this make the steps too small to be worth it. */
export const leastLength = 4

interface Text {
  readonly bytes: Uint8Array
  /** Where the part that it is looked for by begins in it. */
  readonly part: number
  /** The expressions that asked for it, by index. */
  readonly owners: readonly number[]
}

/** Three bytes as one of so many numbers: few enough for the processor's nearest cache, and most of them for no text. */
const numbers = 1 << 15

export class LiteralSearch {
  /** Bytes by which to move on, by the number of the last three bytes at a place. */
  readonly #steps = new Uint8Array(numbers)
  /** Where in `#texts` those stand whose part ends in three bytes, by the number of these. */
  readonly #places = new Uint16Array(numbers)
  readonly #texts: Text[][] = []
  readonly #length: number
  /** The texts that were found last: the first so many. */
  readonly #found: Text[] = []
  #count = 0

  /** The texts that each expression asks for, of ASCII, and `leastLength` long or longer. */
  constructor(asked: readonly (readonly string[])[]) {
    const owners = new Map<string, number[]>()
    asked.forEach((texts, index) => {
      for (const text of new Set(texts)) owners.set(text, [...(owners.get(text) ?? []), index])
    })
    this.#length = Math.min(255, ...[...owners.keys()].map((text) => text.length))
    this.#steps.fill(this.#length - 2)
    const chosen = new Set<number>()
    for (const [text, of] of [...owners].sort(([a], [b]) => a.length - b.length)) this.#add(text, of, chosen)
  }

  #add(text: string, owners: readonly number[], chosen: Set<number>): void {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
    const part = rarestPart(bytes, this.#length, chosen)
    const last = this.#length - 1
    const ending = numberOf(bytes, part + last)
    // of those with a step some text goes on, but none ends
    if (this.#steps[ending]! > 0) this.#places[ending] = this.#texts.push([]) - 1
    this.#texts[this.#places[ending]!]!.push({ bytes, part, owners })
    for (let at = 2; at <= last; at++) {
      const number = numberOf(bytes, part + at)
      chosen.add(number)
      this.#steps[number] = Math.min(this.#steps[number]!, last - at)
    }
  }

  /**
   * A place within the first text whose part comes at or after a place; `end` where none lies before it. A text that
   * begins before `start`, which is at or before that place, is none.
   */
  next(bytes: Uint8Array, from: number, start: number, end: number): number {
    const steps = this.#steps
    const last = this.#length - 1
    for (let at = from + last; at < end; ) {
      const step = steps[numberOf(bytes, at)]!
      if (step > 0) {
        at += step
        continue
      }
      if (this.#isFound(bytes, at - last, start, end)) return at - last
      at++
    }
    return end
  }

  /** Marks the expressions that asked for what was found last. */
  mark(candidates: Uint8Array): void {
    for (let at = 0; at < this.#count; at++)
      for (const index of this.#found[at]!.owners) candidates[index] = 1
  }

  #isFound(bytes: Uint8Array, place: number, start: number, end: number): boolean {
    const texts = this.#texts[this.#places[numberOf(bytes, place + this.#length - 1)]!]!
    this.#count = 0
    for (let at = 0; at < texts.length; at++) {
      const text = texts[at]!
      const begin = place - text.part
      if (begin >= start && isAt(bytes, begin, end, text.bytes)) this.#found[this.#count++] = text
    }
    return this.#count > 0
  }
}

/** The number of the three bytes that end at a place. */
const numberOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at - 2]! << 10) ^ (bytes[at - 1]! << 5) ^ bytes[at]!) & (numbers - 1)

/** Letters of words and what stands between them are in every line; capitals and others are not. */
const commonness = (byte: number): number =>
  byte === 0x20 ? 4 : byte >= 0x61 && byte <= 0x7a ? (commonLetters.has(byte) ? 3 : 2) : 1
const commonLetters = new Set(Array.from('etaoinsrd', (char) => char.charCodeAt(0)))

/** Where the part of a text begins whose threes are rarest in logs; those that are looked for already cost nothing more. */
function rarestPart(bytes: Uint8Array, length: number, chosen: ReadonlySet<number>): number {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let part = 0; part + length <= bytes.length; part++) {
    let cost = 0
    for (let at = part + 2; at < part + length; at++) {
      if (chosen.has(numberOf(bytes, at))) continue
      cost += commonness(bytes[at - 2]!) * commonness(bytes[at - 1]!) * commonness(bytes[at]!)
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
