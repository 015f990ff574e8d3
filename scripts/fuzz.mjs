// Random differential tests of the engine against the real kernel, which need root: `npm run fuzz -- --minutes N` for
// whole rulesets, `npm run fuzz:state -- --minutes N` for conversations through tracking and translation.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
const [first, ...rest] = process.argv.slice(2)
const isState = first === '--state'
const entry = join(root, 'dist', 'linux', 'lab', 'fuzz', ...(isState ? ['state'] : []), 'main.js')
const { main } = await import(pathToFileURL(entry).href)
process.exitCode = await main(isState ? rest : process.argv.slice(2), stop.signal)
