/**
 * From the kernel's jiffies to the scenario's time.
 *
 * A step never happens at exactly the moment that the scenario names, and the kernel's count starts somewhere else.
 * So every step remembers when it really happened; a stamp in a kernel file belongs to the step that was running
 * then, and is written as that step's nominal time.
 */
import { readFileSync } from 'node:fs'

interface Moment {
  readonly jiffies: number
  readonly nominalJiffies: number
}

/** A stamp this close to a step is that step's: the tick interrupt may be late, more so in a virtual machine. */
const toleranceJiffies = 3

let offset: number | null = null

export class KernelClock {
  readonly #tickNs: bigint
  readonly #moments: Moment[] = []

  constructor(hz: number) {
    this.#tickNs = 1_000_000_000n / BigInt(hz)
    offset ??= measureOffset(this.#tickNs)
  }

  /** Says that a step of the given nominal time happens now. */
  note(atNs: bigint): void {
    const jiffies = Number(process.hrtime.bigint() / this.#tickNs) + offset!
    this.#moments.push({ jiffies, nominalJiffies: Number(atNs / this.#tickNs) })
  }

  /** A line of /proc/net/xt_recent with its stamps in jiffies since the case began. */
  translate(line: string): string {
    const parts = /^(src=\S+ ttl: \d+ last_seen: )(\d+)( oldest_pkt: \d+)(.*)$/.exec(line)
    if (parts === null) return line
    const [, head, last, middle, stamps] = parts
    return `${head}${this.#nominal(last!)}${middle}${stamps!.replace(/\d+/g, (stamp) => String(this.#nominal(stamp)))}`
  }

  #nominal(text: string): number {
    const jiffies = Number(text)
    const best = this.#nearest(jiffies)
    if (best === null) return jiffies
    const distance = jiffies - best.jiffies
    return Math.abs(distance) <= toleranceJiffies ? best.nominalJiffies : best.nominalJiffies + distance
  }

  /** The later of two equally near; moments are in order of time. */
  #nearest(jiffies: number): Moment | null {
    const moments = this.#moments
    let low = 0
    let high = moments.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (moments[middle]!.jiffies <= jiffies) low = middle + 1
      else high = middle
    }
    const [before, after] = [moments[low - 1], moments[low]]
    if (before === undefined || after === undefined) return before ?? after ?? null
    return after.jiffies - jiffies <= jiffies - before.jiffies ? after : before
  }
}

/**
 * Jiffies minus ticks of the monotonic clock, which is a constant: ticks expire at its multiples.
 *
 * Source: "jiffies:" and "now at" of /proc/timer_list; tick_setup_sched_timer() in kernel/time/tick-sched.c.
 */
function measureOffset(tickNs: bigint): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let sample = 0; sample < 3; sample++) {
    const text = readFileSync('/proc/timer_list', 'latin1')
    const now = BigInt(/^now at (\d+) nsecs/m.exec(text)![1]!)
    const jiffies = Number(/^jiffies: (\d+)/m.exec(text)![1])
    largest = Math.max(largest, jiffies - Number(now / tickNs))
  }
  return largest
}
