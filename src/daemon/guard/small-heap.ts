/**
 * Keeps the memory of a process small that runs for months: V8 clears away what is no longer used when the heap has grown
 * by a third, rather than by several times, and young objects get 8 MB rather than 16 in each half. A million lines at
 * once cost about a sixth more time for it.
 */
import { setFlagsFromString } from 'node:v8'

export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30')
  setFlagsFromString('--max-semi-space-size=8')
}
