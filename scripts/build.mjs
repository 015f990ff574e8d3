// Compiles src to dist. `npm ci` runs it; where only the built package is installed there is nothing to do.
import { existsSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { root, runTool } from './ensure.mjs'

if (existsSync(join(root, 'node_modules', 'typescript', 'bin', 'tsc'))) {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json'])
  const now = new Date()
  utimesSync(join(root, 'dist', 'cli', 'main.js'), now, now)
}
