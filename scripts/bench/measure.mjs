// Benchmarks: what each side does is checked first, then the sides run in turn, so that a busy machine slows all alike.
import { performance } from 'node:perf_hooks'

/**
 * @typedef {object} Measured What one run took, in the benchmark's unit: by the clock, and by the processor where known.
 * @property {number} wall
 * @property {number} [cpu]
 *
 * @typedef {object} Benchmark
 * @property {string} name
 * @property {string | null} lack Why it cannot run here.
 * @property {() => string | null | Promise<string | null>} check What is wrong with the result; null when it is right.
 * @property {Readonly<Record<string, () => unknown>>} sides The first is what the others are compared with. A side that
 *   returns what it measured itself (`Measured`) is not timed.
 * @property {number} runs Of each side.
 * @property {readonly string[]} [once] Sides that take long, and run once.
 * @property {string} [unit] `ms` unless said.
 * @property {string} [note] What a reader should know.
 */

/** Runs a benchmark: medians and spread, and the ratio to the first side. */
export async function run({ name, lack, check, sides, runs, once = [], unit = 'ms', note }) {
  if (lack !== null) return { name, skipped: lack }
  const wrong = await check()
  if (wrong !== null) throw new Error(`${name}: ${wrong}`)
  const measured = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
  for (let round = 0; round < runs; round++) {
    for (const [side, action] of Object.entries(sides)) {
      if (round > 0 && once.includes(side)) continue
      const start = performance.now()
      const said = await action()
      measured[side].push(said?.wall === undefined ? { wall: performance.now() - start } : said)
    }
  }
  return resultOf({ name, runs, unit, note }, measured)
}

/** A result of what sides measured: the name of each with its `Measured`s. The first is what the others are compared with. */
export function resultOf({ name, runs, unit, note }, measured) {
  const sides = Object.entries(measured).map(([side, list]) => sideOf(side, list))
  const [base] = sides
  return {
    name,
    runs,
    unit,
    ...(note !== undefined && { note }),
    sides: sides.map((side) => ({ ...side, ratio: round(side.median / base.median) })),
  }
}

function sideOf(side, list) {
  const walls = list.map(({ wall }) => wall)
  const cpus = list.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  return {
    side,
    median: round(median(walls)),
    least: round(Math.min(...walls)),
    most: round(Math.max(...walls)),
    ...(cpus.length > 0 && { cpu: round(median(cpus)), leastCpu: round(Math.min(...cpus)) }),
  }
}

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** Three digits that mean something. */
const round = (number) => Number(number.toPrecision(number >= 1000 ? 4 : 3))
