/**
 * Which of many expressions could match a text at all, told by one walk over it.
 *
 * Every expression names texts of which a match contains at least one (`requiredTexts`). One automaton looks for all
 * of them at once (Aho and Corasick, 1975). Characters beyond ASCII are in none of the texts.
 *
 * Where lines come as bytes, `literal-search.ts` has told the same before.
 */

/** Columns of the automaton: one for each ASCII character. */
const columns = 128

/** So many texts are looked through one by one. */
const fewTexts = 256

export class Gate {
  readonly #usable: readonly (readonly string[] | null)[]
  /** Made when many texts were asked about: to make it takes as long as to look through hundreds. */
  #automaton: Automaton | null = null
  #asked = 0
  readonly #always: readonly number[]
  readonly #count: number
  /** Which expressions the last text could match: 1 or 0 by index. */
  readonly candidates: Uint8Array
  /** Whether there is any. */
  any = false

  /** `required[i]` are the texts of expression i, null where nothing is known of it. */
  constructor(required: readonly (readonly string[] | null)[]) {
    this.#count = required.length
    this.candidates = new Uint8Array(required.length)
    this.#usable = required.map((texts) =>
      // the text to be searched has its newline added later
      texts?.every((text) => /^[\0-\x7f]+$/.test(text) && !text.includes('\n')) ? texts : null,
    )
    this.#always = this.#usable.flatMap((texts, index) => (texts === null ? [index] : []))
  }

  /** Whether some expression that is not always a candidate was left out of the walk. */
  get isOpen(): boolean {
    return this.#always.length === this.#count
  }

  /** Sets `candidates`; false where there is none. */
  test(text: string): boolean {
    this.begin()
    if (this.#automaton === null && ++this.#asked < fewTexts) this.#ask(text)
    else this.#walk(text)
    return this.any
  }

  #ask(text: string): void {
    for (const [index, texts] of this.#usable.entries())
      if (texts?.some((each) => text.includes(each))) this.#take([index])
  }

  #walk(text: string): void {
    this.#automaton ??= automatonOf(this.#usable)
    const { next, found } = this.#automaton
    let state = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      state = code < columns ? next[state + code]! : 0
      if (state < 0) {
        state = -state
        this.#take(found[state / columns]!)
      }
    }
  }

  /** Sets `candidates` to those of whose texts nothing is known: somebody else looks for the texts of the others. */
  begin(): void {
    this.any = this.#always.length > 0
    this.candidates.fill(0)
    for (const index of this.#always) this.candidates[index] = 1
  }

  #take(found: readonly number[]): void {
    this.any = true
    for (const index of found) this.candidates[index] = 1
  }
}

/** States are counted in rows; a transition to a state that completes a text is negative. */
interface Automaton {
  /** The next state by state * 128 + character. */
  readonly next: Int32Array
  /** The expressions whose texts are complete, by row. */
  readonly found: readonly (readonly number[])[]
}

function automatonOf(required: readonly (readonly string[] | null)[]): Automaton {
  const children: Map<number, number>[] = [new Map()]
  const found: number[][] = [[]]
  required.forEach((texts, index) => {
    for (const text of texts ?? []) {
      let state = 0
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        let to = children[state]!.get(code)
        if (to === undefined) {
          to = children.push(new Map()) - 1
          found.push([])
          children[state]!.set(code, to)
        }
        state = to
      }
      found[state]!.push(index)
    }
  })
  const next = new Int32Array(children.length * columns)
  const fallback = new Int32Array(children.length)
  const queue = [0]
  for (const state of queue) {
    for (let code = 0; code < columns; code++) {
      const child = children[state]!.get(code)
      const other = state === 0 ? 0 : next[fallback[state]! * columns + code]!
      if (child === undefined) {
        next[state * columns + code] = other
        continue
      }
      fallback[child] = Math.abs(other) / columns
      found[child] = [...new Set([...found[child]!, ...found[fallback[child]!]!])]
      next[state * columns + code] = (found[child]!.length > 0 ? -1 : 1) * child * columns
      queue.push(child)
    }
  }
  return { next, found }
}
