/**
 * Which bytes of a packet have come, as the kernel remembers it: runs of fragments that came in order.
 *
 * Only a fragment that continues the last one lengthens a run; one that fills a gap becomes a run of its own, even
 * where it touches its neighbours. That decides what is a repetition (inside one run) and what is an overlap.
 * Kernel: inet_frag_queue_insert(), net/ipv4/inet_fragment.c, Linux 6.18.
 */
interface Run {
  readonly start: number
  end: number
}

export class FragmentRuns {
  /** Disjoint, in ascending order. */
  readonly #runs: Run[] = []
  #last: Run | null = null
  /** End of the fragment that lies furthest back. */
  #tailEnd = 0

  clear(): void {
    this.#runs.length = 0
    this.#last = null
    this.#tailEnd = 0
  }

  /** Preconditions: start < end. */
  insert(start: number, end: number): 'new' | 'duplicate' | 'overlap' {
    if (this.#last === null || this.#tailEnd < end) {
      if (this.#last !== null && start < this.#tailEnd) return 'overlap'
      if (this.#last !== null && start === this.#tailEnd) {
        this.#last.end = end
      } else {
        this.#last = { start, end }
        this.#runs.push(this.#last)
      }
      this.#tailEnd = end
      return 'new'
    }
    const at = this.#firstEndingAfter(start)
    const run = this.#runs[at]
    if (run !== undefined && run.start < end) {
      return run.start <= start && end <= run.end ? 'duplicate' : 'overlap'
    }
    this.#runs.splice(at, 0, { start, end })
    return 'new'
  }

  #firstEndingAfter(start: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#runs[middle]!.end <= start) low = middle + 1
      else high = middle
    }
    return low
  }
}
