/** How failures are counted: what both ways of counting have in common. */

/** What is remembered of one id; plain data, so that it survives a restart. */
export interface FailureCount {
  readonly id: string
  /** fail2ban's first and last time, in seconds since 1970; of an exact window the oldest and newest failure. */
  firstSeconds: number
  lastSeconds: number
  /** What is compared with `maxRetry`; of the rate estimate not always whole. */
  count: number
  /** How many failures were seen, however they count. */
  failures: number
  /** The newest matched lines. */
  matches: readonly string[]
  /** Of an exact window: the times of the failures in it, in seconds, oldest first. */
  times?: number[]
  /** The clock when it last changed, in milliseconds since 1970. */
  touchedMs: number
}

/** One failure to be counted. */
export interface CountedFailure {
  readonly id: string
  readonly timeSeconds: number
  /** How many attempts it tells of, 1 or more. */
  readonly attempts: number
  readonly countsAs: number
  readonly matches: readonly string[]
  readonly nowMs: number
}

export interface CounterLimits {
  readonly maxRetry: number
  readonly findTimeSeconds: number
  readonly maxMatches: number
  /** How many ids are remembered at most: what a flood of addresses can cost. */
  readonly maxIds: number
  /** Whether somebody asks for what changed, to save it. */
  readonly isSaved?: boolean
}

/** Ids remembered by a jail unless it says otherwise: some 100 MB at worst with five matched lines each. */
export const defaultMaxIds = 100_000

/** Characters of a matched line that are kept. */
const longestMatch = 1000

/** The last matches, as strings of their own that keep no larger text alive. */
export function keptMatches(
  before: readonly string[],
  more: readonly string[],
  maxMatches: number,
): readonly string[] {
  if (maxMatches <= 0) return []
  const added = more.slice(-maxMatches).map((line) => ` ${line.slice(0, longestMatch)}`.slice(1))
  return [...before, ...added].slice(-maxMatches)
}

/** The part of the ids that gives way at once when there are too many: making room one by one would walk far each time. */
const roomShare = 1 / 16

/**
 * What is remembered of ids, least recently changed first, at most `maxIds`.
 *
 * Those whose last failure is older than the find time are forgotten as fail2ban does: by a cleanup that runs at most
 * every five seconds of the clock. It is not carried out at once; `get` answers as if it had been.
 */
export class FailureMemory {
  readonly #counts = new Map<string, FailureCount>()
  readonly #limits: CounterLimits
  /** Changed or forgotten since the last `takeChanges`. */
  readonly #changed = new Set<string>()
  #cleanedMs = 0
  #nextSweepMs = 0

  constructor(limits: CounterLimits) {
    this.#limits = limits
  }

  /** Ids that still count. Looks at each, so it is for those who ask, not for every line. */
  get size(): number {
    let size = 0
    for (const count of this.#counts.values()) if (!this.#isForgotten(count)) size++
    return size
  }

  /** Lets the clock advance: at most every five seconds, what is too old is forgotten. */
  tick(nowMs: number): void {
    if (nowMs < this.#cleanedMs + cleanupMs) return
    this.#cleanedMs = nowMs
    if (nowMs < this.#nextSweepMs) return
    this.#nextSweepMs = nowMs + sweepMs
    this.#sweep()
  }

  get(id: string): FailureCount | undefined {
    const count = this.#counts.get(id)
    if (count === undefined || !this.#isForgotten(count)) return count
    this.delete(id)
    return undefined
  }

  /** Remembers a count that is new or has changed. */
  put(count: FailureCount): void {
    this.#counts.delete(count.id)
    if (this.#counts.size >= this.#limits.maxIds) this.#makeRoom()
    this.#counts.set(count.id, count)
    if (this.#limits.isSaved) this.#changed.add(count.id)
  }

  delete(id: string): boolean {
    if (!this.#counts.delete(id)) return false
    if (this.#limits.isSaved) this.#changed.add(id)
    return true
  }

  [Symbol.iterator](): IterableIterator<FailureCount> {
    return this.#counts.values()
  }

  /** What changed since it was last asked; ids without a count were forgotten. */
  takeChanges(): { changed: FailureCount[]; forgotten: string[] } {
    const changed: FailureCount[] = []
    const forgotten: string[] = []
    for (const id of this.#changed) {
      const count = this.#counts.get(id)
      if (count === undefined) forgotten.push(id)
      else changed.push(count)
    }
    this.#changed.clear()
    return { changed, forgotten }
  }

  /** Takes up what was saved; nothing of it counts as changed. */
  restore(counts: Iterable<FailureCount>): void {
    for (const count of counts) this.#counts.set(count.id, count)
  }

  #isForgotten({ lastSeconds, touchedMs }: FailureCount): boolean {
    return touchedMs < this.#cleanedMs && lastSeconds <= this.#cleanedMs / 1000 - this.#limits.findTimeSeconds
  }

  #sweep(): void {
    for (const count of this.#counts.values()) if (this.#isForgotten(count)) this.delete(count.id)
  }

  /** Those who failed once and long ago go first: a flood of newcomers leaves the busy. */
  #makeRoom(): void {
    let room = Math.ceil(this.#limits.maxIds * roomShare)
    for (const limit of [1, Number.POSITIVE_INFINITY]) {
      for (const { id, count } of this.#counts.values()) {
        if (room === 0) return
        if (count > limit) continue
        this.delete(id)
        room--
      }
    }
  }
}

const cleanupMs = 5_000
const sweepMs = 60_000
