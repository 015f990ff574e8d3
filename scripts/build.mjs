// Compiles src to dist, and ties the program into few files, which start several times faster than hundreds.
// `npm ci` runs it; where only the built package is installed there is nothing to do.
import { existsSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { root, runTool } from './ensure.mjs'

if (existsSync(join(root, 'node_modules', 'typescript', 'bin', 'tsc'))) {
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json'])
  const { build } = await import('rolldown')
  await build({
    input: { main: join(dist, 'cli', 'main.js') },
    platform: 'node',
    // The packages that it depends on stay where npm puts them.
    external: [/^node:/, 'commander', 'yaml', 'zod', 'koffi'],
    output: {
      dir: join(dist, 'program'),
      format: 'esm',
      // Without comments and blanks, but with all names: what is shorter is read sooner.
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    },
    logLevel: 'warn',
  })
  const now = new Date()
  utimesSync(join(dist, 'program', 'main.js'), now, now)
}
