/** Clocks that processes share: time since the start of the machine, and the kernel's ticks. */
import { readFileSync } from 'node:fs'

/** Seconds since the machine started, time asleep included. */
export const uptimeSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])

/** Differs from one start of the machine to the next. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

export interface Ticks {
  /** The kernel's jiffies now. */
  readonly now: number
  /** Ticks in a second. */
  readonly hz: number
}

/**
 * Jiffies and HZ, for the stamps of recency lists; null where the kernel does not show them (/proc/timer_list is for
 * root). Jiffies begin at 2^32 - 300 HZ when the machine starts: INITIAL_JIFFIES, include/linux/jiffies.h.
 */
export function kernelTicks(): Ticks | null {
  let text: string
  try {
    text = readFileSync('/proc/timer_list', 'latin1')
  } catch {
    return null
  }
  const now = Number(/^jiffies: (\d+)$/m.exec(text)?.[1])
  const seconds = Number(/^now at (\d+) nsecs$/m.exec(text)?.[1]) / 1e9
  if (!Number.isFinite(now) || !Number.isFinite(seconds)) return null
  return { now, hz: hzOf(now, seconds) }
}

/** The choices that a kernel can be built with. */
const knownHz = [100, 250, 300, 1000, 24, 32, 48, 64, 128, 256, 512, 1024, 1200]

/** HZ of a kernel whose jiffies stand at `jiffies` so many seconds after its start. */
export function hzOf(jiffies: number, seconds: number): number {
  const startOf = (hz: number): number => 2 ** 32 - 300 * hz
  const missedBy = (hz: number): number => Math.abs(startOf(hz) + seconds * hz - jiffies)
  return knownHz.toSorted((a, b) => missedBy(a) - missedBy(b))[0]!
}
