/** The bans of one jail that are in force, and which of them end when. */
import type { Ban } from '../ban.ts'

/** The moment a ban ends, in milliseconds since 1970; Infinity for one without end. */
export const banEndMs = ({ startMs, seconds }: Pick<Ban, 'startMs' | 'seconds'>): number =>
  seconds < 0 ? Number.POSITIVE_INFINITY : startMs + seconds * 1000

/** Whether a ban is over: strictly after its end, as fail2ban has it. */
export const isOver = (ban: Ban, nowMs: number): boolean => banEndMs(ban) < nowMs

interface Due {
  readonly endMs: number
  readonly id: string
}

/** Bans by id, and a heap of their ends. */
export class BanList {
  readonly #bans = new Map<string, Ban>()
  /** A binary heap; entries whose ban has another end by now are passed over. */
  readonly #due: Due[] = []

  get size(): number {
    return this.#bans.size
  }

  get(id: string): Ban | undefined {
    return this.#bans.get(id)
  }

  /** Adds a ban, or puts a longer one in its place. */
  set(ban: Ban): void {
    this.#bans.set(ban.id, ban)
    const endMs = banEndMs(ban)
    if (endMs !== Number.POSITIVE_INFINITY) this.#push({ endMs, id: ban.id })
  }

  delete(id: string): Ban | undefined {
    const ban = this.#bans.get(id)
    this.#bans.delete(id)
    return ban
  }

  [Symbol.iterator](): IterableIterator<Ban> {
    return this.#bans.values()
  }

  /** When the next ban ends, in milliseconds since 1970; null when none does. */
  nextEndMs(): number | null {
    this.#dropStale()
    return this.#due[0]?.endMs ?? null
  }

  /** Takes out the bans that are over, in the order of their ends. */
  takeOver(nowMs: number): Ban[] {
    const over: Ban[] = []
    for (;;) {
      this.#dropStale()
      const first = this.#due[0]
      if (first === undefined || nowMs <= first.endMs) return over
      this.#pop()
      over.push(this.delete(first.id)!)
    }
  }

  /** Takes out the bans that are too many: those that end first, and of those without end the oldest. */
  takeSurplus(most: number): Ban[] {
    const surplus: Ban[] = []
    while (this.#bans.size > most) {
      this.#dropStale()
      const id = this.#due.length > 0 ? this.#due[0]!.id : this.#bans.keys().next().value!
      surplus.push(this.delete(id)!)
    }
    return surplus
  }

  #dropStale(): void {
    for (let first = this.#due[0]; first !== undefined; first = this.#due[0]) {
      const ban = this.#bans.get(first.id)
      if (ban !== undefined && banEndMs(ban) === first.endMs) return
      this.#pop()
    }
  }

  #push(due: Due): void {
    const heap = this.#due
    let at = heap.push(due) - 1
    while (0 < at) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.endMs <= due.endMs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#due
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.endMs < heap[child]!.endMs) child++
      if (last.endMs <= heap[child]!.endMs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}
