// Compiles src to dist, and ties the program into few files, which start several times faster than hundreds.
// `npm ci` runs it; where only the built package is installed there is nothing to do.
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, runTool } from './ensure.mjs'

if (existsSync(join(root, 'node_modules', 'typescript', 'bin', 'tsc'))) {
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json'])
  const program = join(dist, 'program')
  const { build } = await import('rolldown')
  const { output } = await build({
    input: { postern: join(dist, 'cli', 'main.js') },
    platform: 'node',
    // With the packages it depends on, but for those with native parts: a hundred small files take long to load.
    external: (id, importer) =>
      (id.startsWith('node:') && !isNeedless(id, importer)) || ['koffi', 'libsql'].includes(id),
    plugins: [childProcessWhenAsked()],
    output: {
      dir: program,
      format: 'cjs',
      dynamicImportInCjs: false,
      entryFileNames: '[name]-[hash].cjs',
      chunkFileNames: '[name]-[hash].cjs',
      // Without comments and blanks, but with all names: what is shorter is read sooner.
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    },
    logLevel: 'warn',
  })
  // What stands behind `postern apply` is a program of its own: it is short, and loads nothing later.
  await build({
    input: join(dist, 'linux', 'apply', 'watch.js'),
    platform: 'node',
    external: [/^node:/],
    output: { file: join(program, 'watch.js'), format: 'esm', codeSplitting: false },
    logLevel: 'warn',
  })
  keepLicences(output, program)
  const entry = output.find(({ isEntry }) => isEntry).fileName
  const loader = readFileSync(join(root, 'scripts/program/loader.cjs'), 'utf8').replace('%entry%', entry)
  const main = join(program, 'main.cjs')
  writeFileSync(main, loader)
  // Through pipes, as most programs call it: a terminal has code of its own.
  run(process.execPath, [join(root, 'scripts/program/warm.cjs'), main], { stdio: ['ignore', 'pipe', 'pipe'] })
  const now = new Date()
  utimesSync(main, now, now)
}

/** Commander asks for node:child_process when it is loaded, and uses it for commands in programs of their own: never here. */
function isNeedless(id, importer) {
  return id === 'node:child_process' && importer?.includes('/node_modules/commander/') === true
}

/** Bundles, in its place, what loads it at the first use: with all it needs, it takes longer to load than commander. */
function childProcessWhenAsked() {
  const name = 'child-process-when-asked'
  return {
    name,
    resolveId: (id, importer) => (isNeedless(id, importer) ? `\0${name}` : null),
    load: (id) =>
      id === `\0${name}`
        ? "module.exports = { get spawn() { return require('node:child_process').spawn } }"
        : null,
  }
}

/** The bundle contains these packages, and their licences want to go with them. */
function keepLicences(output, program) {
  const folders = new Set()
  for (const { moduleIds = [] } of output) {
    for (const id of moduleIds) {
      const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)
      if (found !== null) folders.add(found[0])
    }
  }
  const texts = [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    if (file === undefined) throw new Error(`${name} has no licence to keep`)
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  writeFileSync(join(program, 'LICENSES.txt'), texts.join('\n---\n\n'))
}
