// `npm test`: builds what is missing, then types, lint and all tests. Exits non-zero when anything fails.
// Arguments go to the test runner: `npm test -- src/net`.
import { ensureBuilt, runTool } from './ensure.mjs'

const started = Date.now()
ensureBuilt()
const step = (name, go) => {
  console.error(`postern: ${name}`)
  go()
}
step('types', () => runTool('typescript/bin/tsc', ['-p', 'tsconfig.json']))
step('lint', () => runTool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']))
step('tests', () => runTool('vitest/vitest.mjs', ['run', ...process.argv.slice(2)]))
console.error(`postern: done in ${Math.round((Date.now() - started) / 1000)} s`)
