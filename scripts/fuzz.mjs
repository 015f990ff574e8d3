// Random differential tests of the engine against the real kernel: `npm run fuzz -- --minutes N`. Needs root.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
const entry = join(root, 'dist', 'linux', 'lab', 'fuzz', 'main.js')
const { main } = await import(pathToFileURL(entry).href)
process.exitCode = await main(process.argv.slice(2), stop.signal)
