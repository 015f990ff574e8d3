/**
 * When the steps of a case happen. The engine is told the very tick of each, so being late does no harm; only where ticks
 * came while a step was done it is unclear in which one the packet passed, and then a credit or a `--seconds` may have
 * been decided by that. Bursts wait for a moment at which nothing is; what differs behind a doubtful step says nothing.
 */
import type { KernelStepResult } from '../lab.ts'

/** Credits of limits and `--seconds` are decided at multiples of this, counted from an earlier packet. */
const edgeEveryMs = 500
/** What a burst takes, more or less. */
const burstMs = 60
/** How long a burst looks for a good moment. */
const patienceMs = 700

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Bursts of all cases come one after the other: woven into each other they would take longer, each. */
let turn: Promise<unknown> = Promise.resolve()

function inTurn<T>(action: () => Promise<T>): Promise<T> {
  const result = turn.then(action)
  turn = result.catch(() => {})
  return result
}

const notYet = Symbol('not yet')

/** A step passed somewhere in here, in milliseconds of the case's time. */
interface Span {
  readonly from: number
  readonly to: number
}

/** When a kernel makes its estimates of rates, counted from the case's zero. */
interface EstimateTimes {
  readonly everyMs: number
  /** The first may have begun so many ticks before that. */
  readonly uncertainTicks: number
}

export interface PaceOptions {
  /** Whether anything in the rules is decided by time. */
  readonly isTimed: boolean
  /** Ticks in a second. */
  readonly hz: number
  /** Null where nothing is decided by estimates. */
  readonly estimates: EstimateTimes | null
}

/** A timer comes a tick behind its time, and later on a busy machine. */
const lateTicks = 4

export class Pace {
  readonly #isTimed: boolean
  readonly #estimates: EstimateTimes | null
  readonly #tickMs: number
  /** Of the steps so far. */
  readonly #spans: Span[] = []
  /** Monotonic time of the case's zero, once a step has told it. */
  #zeroMs: number | null = null
  /** The case's time at its first step, from which the times of steps count. */
  #firstMs = 0

  constructor({ isTimed, hz, estimates }: PaceOptions) {
    this.#isTimed = isTimed
    this.#estimates = estimates
    this.#tickMs = 1000 / hz
  }

  /** Runs a burst that is due at `atNs`, at a moment at which no edge is near. */
  async take<T>(atNs: bigint, burst: () => Promise<T>): Promise<T> {
    const until = performance.now() + patienceMs
    if (this.#zeroMs !== null) {
      await sleep(this.#zeroMs + this.#firstMs + Number(atNs) / 1e6 - performance.now())
    }
    for (;;) {
      const result = await inTurn<T | typeof notYet>(async () =>
        this.#isGood() || performance.now() > until ? burst() : notYet,
      )
      if (result !== notYet) return result
      await sleep(7)
    }
  }

  #isGood(): boolean {
    if (this.#zeroMs === null) return true
    const from = performance.now() - this.#zeroMs
    return this.#isClear({ from, to: from + burstMs })
  }

  #isClear(span: Span): boolean {
    return (!this.#isTimed || this.#isFarFromEdges(span)) && this.#isFarFromEstimates(span)
  }

  #isFarFromEstimates({ from, to }: Span): boolean {
    if (this.#estimates === null) return true
    const { everyMs, uncertainTicks } = this.#estimates
    // Those that are certainly over when the step begins, and those that may be when it has ended.
    const over = Math.floor((from - lateTicks * this.#tickMs) / everyMs)
    const begun = Math.floor((to + (uncertainTicks + 1) * this.#tickMs) / everyMs)
    return over === begun
  }

  /** No earlier step is a multiple of the edges' distance away. */
  #isFarFromEdges({ from, to }: Span): boolean {
    return this.#spans.every((earlier) => {
      const nearest = from - earlier.to - this.#tickMs
      const farthest = to - earlier.from + this.#tickMs
      return (
        farthest < edgeEveryMs || Math.floor(nearest / edgeEveryMs) === Math.floor(farthest / edgeEveryMs)
      )
    })
  }

  /** Notes a step that was taken. False where it is doubtful what the kernel's clock said when it decided. */
  note({ actualNs, ticks }: Pick<KernelStepResult, 'actualNs' | 'ticks'>): boolean {
    const from = Number(actualNs) / 1e6
    if (this.#zeroMs === null) {
      this.#zeroMs = performance.now() - from
      this.#firstMs = from
    }
    const span = { from, to: from + ticks * this.#tickMs }
    const isClear = this.#isClear(span)
    this.#spans.push(span)
    return isClear
  }
}
