/** What a jail would have done with old logs: the log's own times are the clock. */

import type { Ban } from '../../guard/ban.ts'
import type { Zone } from '../../guard/dates/zone.ts'
import { AllowList, JailDecider, MemoryHistory } from '../../guard/decide/index.ts'
import type { Failure } from '../../guard/failure.ts'
import { createFilter, type LineBlock } from '../../guard/filter/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'

export interface DryRunResult {
  readonly lines: number
  readonly failures: number
  /** Bans in the order in which they would have been made. */
  readonly bans: readonly Ban[]
}

/** A jail that bans nobody and reads what it is given. */
export class DryRun {
  readonly #filter
  readonly #decider: JailDecider
  readonly #bans: Ban[] = []
  #lines = 0
  #failures = 0
  /** The latest time that was seen: the clock does not go back for lines out of order. */
  #clockMs = 0
  readonly #nowMs: number

  constructor(settings: JailSettings, { zone, nowMs }: { zone: Zone; nowMs: number }) {
    this.#nowMs = nowMs
    this.#filter = createFilter(settings.filter, { zone })
    this.#decider = new JailDecider(settings, {
      allowed: new AllowList(settings.ignoreAddresses),
      history: new MemoryHistory(),
      isSaved: false,
    })
  }

  /** Lines that follow those read before. */
  read(block: LineBlock): void {
    const source = this.#filter.sift(block, this.#nowMs, () => this.#lines++)
    for (let line = source.next(); line !== null; line = source.next()) {
      this.#lines++
      for (const failure of this.#filter.process(line, { nowMs: this.#nowMs })) this.#count(failure)
    }
  }

  #count(failure: Failure): void {
    this.#failures++
    this.#clockMs = Math.max(this.#clockMs, failure.timeMs)
    this.#decider.tick(this.#clockMs)
    const decision = this.#decider.failure(failure, this.#clockMs)
    if (decision.kind === 'banned') this.#bans.push(decision.ban)
  }

  result(): DryRunResult {
    return { lines: this.#lines, failures: this.#failures, bans: this.#bans }
  }
}
