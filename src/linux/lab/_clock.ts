/**
 * From the kernel's jiffies to the scenario's time.
 *
 * A step never happens at exactly the moment that the scenario names, and the kernel's count starts somewhere else.
 * So every step remembers when it really happened; a stamp in a kernel file belongs to the step that was running
 * then, and is written as that step's nominal time.
 */
import { readFileSync } from 'node:fs'
import type { Libc } from '../_libc.ts'

/**
 * When a step happened: nanoseconds from the tick in which the case began to the tick before it,
 * and how many ticks came meanwhile.
 */
export interface Span {
  readonly tickNs: bigint
  readonly ticks: number
}

/** A step in jiffies. */
interface Moment {
  readonly first: number
  readonly last: number
  readonly nominal: number
}

/**
 * `nominal`: stamps are what the scenario's times would give. `actual`: they are what the kernel saw, counted from
 * the tick in which the first step's nominal zero fell; `loaded`: from the tick in which the rules were in force.
 */
export type TimeBase = 'nominal' | 'actual' | 'loaded'

/** A stamp this close to a step is that step's. */
const toleranceJiffies = 1

let offset: number | null = null

export class KernelClock {
  readonly #libc: Libc
  readonly #tickNs: bigint
  readonly #base: TimeBase
  /** In order of time. */
  readonly #moments: Moment[] = []
  /** The tick at which the case began; null before the first step. */
  #origin: bigint | null = null

  constructor(libc: Libc, hz: number, base: TimeBase) {
    this.#libc = libc
    this.#tickNs = 1_000_000_000n / BigInt(hz)
    this.#base = base
    offset ??= measureOffset(libc, this.#tickNs)
  }

  /** Loads the rules; returns how many ticks came meanwhile. */
  loading(load: () => void): number {
    const first = this.#tick()
    load()
    const last = this.#tick()
    if (this.#base === 'loaded') this.#origin = last
    return Number(last - first)
  }

  /** Runs a step's action, so that stamps can be told to be its. */
  during(atNs: bigint, action: () => void): Span {
    const first = this.#tick()
    this.#origin ??= first - atNs / this.#tickNs
    action()
    const last = this.#tick()
    const jiffiesOf = (tick: bigint): number => Number(tick) + offset!
    this.#moments.push({
      first: jiffiesOf(first),
      last: jiffiesOf(last),
      nominal: Number(atNs / this.#tickNs),
    })
    return { tickNs: (first - this.#origin) * this.#tickNs, ticks: Number(last - first) }
  }

  /** Ticks of the monotonic clock, as the kernel has counted them: in a busy virtual machine it may lag behind. */
  #tick(): bigint {
    return this.#libc.coarseMonotonicNs() / this.#tickNs
  }

  /** A line of /proc/net/xt_recent with its stamps in jiffies since the case began. */
  translate(line: string): string {
    const parts = /^(src=\S+ ttl: \d+ last_seen: )(\d+)( oldest_pkt: \d+)(.*)$/.exec(line)
    if (parts === null) return line
    const [, head, last, middle, stamps] = parts
    return `${head}${this.#relative(last!)}${middle}${stamps!.replace(/\d+/g, (stamp) => String(this.#relative(stamp)))}`
  }

  #relative(text: string): number {
    const jiffies = Number(text)
    const step = this.#base === 'nominal' ? this.#nearest(jiffies) : null
    if (step !== null && distanceTo(step, jiffies) <= toleranceJiffies) return step.nominal
    return jiffies - offset! - Number(this.#origin ?? 0n)
  }

  /** The later of two equally near. */
  #nearest(jiffies: number): Moment | null {
    const moments = this.#moments
    let low = 0
    let high = moments.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (moments[middle]!.first <= jiffies) low = middle + 1
      else high = middle
    }
    const [before, after] = [moments[low - 1], moments[low]]
    if (before === undefined || after === undefined) return before ?? after ?? null
    return distanceTo(after, jiffies) <= distanceTo(before, jiffies) ? after : before
  }
}

const distanceTo = ({ first, last }: Moment, jiffies: number): number =>
  Math.max(0, first - jiffies, jiffies - last)

/**
 * Jiffies minus ticks of the monotonic clock, which is a constant: ticks expire at its multiples.
 *
 * Source: "jiffies:" of /proc/timer_list; tick_setup_sched_timer() in kernel/time/tick-sched.c.
 */
function measureOffset(libc: Libc, tickNs: bigint): number {
  const measured = Array.from({ length: measurements }, () => measureOnce(libc, tickNs)).sort((a, b) => a - b)
  return measured[measurements >> 1]!
}

/** A processor that is late with its ticks may show one of the two ahead of the other. */
const measurements = 9

function measureOnce(libc: Libc, tickNs: bigint): number {
  for (;;) {
    const before = libc.coarseMonotonicNs() / tickNs
    const jiffies = Number(/^jiffies: (\d+)/m.exec(readFileSync('/proc/timer_list', 'latin1'))![1])
    if (libc.coarseMonotonicNs() / tickNs === before) return jiffies - Number(before)
  }
}
