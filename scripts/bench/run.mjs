// node scripts/bench/run.mjs [--json]: prints what was measured, a benchmark after the other.
import { loadavg } from 'node:os'
import { ensureBuilt } from '../ensure.mjs'
import { loading } from './loading.mjs'
import { run } from './measure.mjs'
import { startup } from './startup.mjs'

ensureBuilt()
const asJson = process.argv.includes('--json')
for (const benchmark of [loading(1_000), loading(10_000), loading(100_000, 3), startup()]) {
  const result = { ...run(benchmark), load: Number(loadavg()[0].toFixed(1)) }
  if (asJson) console.log(JSON.stringify(result))
  else if (result.skipped) console.log(`${result.name}: skipped, ${result.skipped}`)
  else {
    console.log(`${result.name} (${result.runs} runs of each, load ${result.load})`)
    for (const { side, medianMs, leastMs, mostMs, ratio } of result.sides) {
      console.log(
        `  ${side.padEnd(32)} ${`${medianMs}`.padStart(7)} ms  (${leastMs} to ${mostMs})  x ${ratio}`,
      )
    }
  }
}

const { guard } = await import('./guard.mjs')
const { lineOf, writeSection } = await import('./guard/report.mjs')
const why = guard.lack()
const results = []
for (const one of why === null ? guard.cases() : []) {
  const result = { ...(await guard.measure(one)), load: Number(loadavg()[0].toFixed(1)) }
  results.push(result)
  console.log(asJson ? JSON.stringify(result) : lineOf(result))
}
if (why !== null) console.log(`guard: skipped, ${why}`)
else writeSection(results)
