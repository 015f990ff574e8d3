// Writes the files that are made from the program itself: manual pages and the schema of scenario files.
// A test checks that what is committed is fresh.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const { generatedFiles } = await import('../dist/cli/generated.js')
const folder = join(root, 'man')
mkdirSync(folder, { recursive: true })
for (const name of readdirSync(folder)) rmSync(join(folder, name))
for (const { path, text } of await generatedFiles()) {
  writeFileSync(join(root, path), text)
  console.log(path)
}
