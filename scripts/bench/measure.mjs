// Benchmarks: what each side does is checked first, then the sides run in turn, so that a busy machine slows all alike.
import { performance } from 'node:perf_hooks'

/**
 * @typedef {object} Benchmark
 * @property {string} name
 * @property {string | null} lack Why it cannot run here.
 * @property {() => string | null} check What is wrong with the result; null when it is right.
 * @property {Readonly<Record<string, () => void>>} sides The first is what the others are compared with.
 * @property {number} runs Of each side.
 */

/** Runs a benchmark; medians and spread in milliseconds, and the ratio to the first side. */
export function run({ name, lack, check, sides, runs }) {
  if (lack !== null) return { name, skipped: lack }
  const wrong = check()
  if (wrong !== null) throw new Error(`${name}: ${wrong}`)
  const times = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
  for (let round = 0; round < runs; round++) {
    for (const [side, action] of Object.entries(sides)) {
      const start = performance.now()
      action()
      times[side].push(performance.now() - start)
    }
  }
  const [base] = Object.keys(sides)
  const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
  return {
    name,
    runs,
    sides: Object.entries(times).map(([side, list]) => ({
      side,
      medianMs: Math.round(middle(list)),
      leastMs: Math.round(Math.min(...list)),
      mostMs: Math.round(Math.max(...list)),
      ratio: Number((middle(list) / middle(times[base])).toFixed(2)),
    })),
  }
}
