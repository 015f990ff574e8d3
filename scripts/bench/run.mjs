// npm run bench [-- NAME...] [-- --json]: prints what was measured, a benchmark after the other, and writes the sections of
// docs/benchmarks.md that these fill.
import { loadavg } from 'node:os'
import { ensureBuilt } from '../ensure.mjs'
import { lineOf, writeSection } from './guard/report.mjs'
import { run } from './measure.mjs'
import { textOf, writeSections } from './report.mjs'

ensureBuilt()
const { filtering } = await import('./filtering.mjs')
const { compiled } = await import('./compiled.mjs')
const { recency, tracking } = await import('./state.mjs')
const { replaying } = await import('./replaying.mjs')
const { loading } = await import('./loading.mjs')
const { startup } = await import('./startup.mjs')
const { guard } = await import('./guard.mjs')

/** Those whose sides are told in a `Benchmark`. */
const told = (name, cases) => ({ name, lack: () => null, cases, measure: run })

const benches = [
  filtering,
  compiled,
  recency,
  tracking,
  replaying,
  told('loading', () => [
    loading(100),
    loading(1_000),
    loading(10_000),
    loading(100_000, 7),
    loading(100_000, 7, 'networks'),
  ]),
  told('startup', () => [startup()]),
  { ...guard, name: 'guard', text: lineOf, write: writeSection },
]

const words = process.argv.slice(2)
const asJson = words.includes('--json')
const names = words.filter((word) => !word.startsWith('--'))
const unknown = names.filter((name) => !benches.some((bench) => bench.name === name))
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are ${benches.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

for (const { name, lack, cases, measure, text = textOf, write } of benches) {
  if (names.length > 0 && !names.includes(name)) continue
  const why = lack()
  if (why !== null) console.log(asJson ? JSON.stringify({ name, skipped: why }) : `${name}: skipped, ${why}`)
  const results = []
  for (const one of why === null ? cases() : []) {
    const result = { ...(await measure(one)), load: Number(loadavg()[0].toFixed(1)) }
    results.push(result)
    console.log(
      asJson ? JSON.stringify(result) : result.skipped === undefined ? text(result) : textOf(result),
    )
  }
  const measured = results.filter(({ skipped }) => skipped === undefined)
  if (measured.length === 0) continue
  if (write === undefined) writeSections(name, measured)
  else write(measured)
}
