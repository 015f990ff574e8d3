// Shared by the npm scripts: makes a fresh clone ready before the real work starts.
// Only Node built-ins here, because nothing is installed yet.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs a command with this terminal; ends this process with its status when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options })
  if (error) {
    console.error(`error: ${command} could not be started: ${error.message}`)
    process.exit(3)
  }
  if (status !== 0) process.exit(status ?? 1)
}

/** Runs a JavaScript tool out of node_modules with this Node. */
export function runTool(path, args, options = {}) {
  run(process.execPath, [join(root, 'node_modules', path), ...args], options)
}

export function ensureInstalled() {
  if (existsSync(join(root, 'node_modules', 'typescript', 'bin', 'tsc'))) return
  console.error('postern: installing what is missing (npm ci)')
  run('npm', ['ci', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] })
}

/** Builds when `dist` is missing or older than a source file. */
export function ensureBuilt() {
  ensureInstalled()
  const stamp = join(root, 'dist', 'program', 'main.cjs')
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newestChangeMs(join(root, 'src'))) return
  console.error('postern: building')
  run(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: ['ignore', 2, 2] })
}

function newestChangeMs(folder) {
  let newest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    newest = Math.max(newest, entry.isDirectory() ? newestChangeMs(path) : statSync(path).mtimeMs)
  }
  return newest
}
