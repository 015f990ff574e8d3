/** The program as users have it: `bin/postern` on what was built. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './shared.ts'

/** Why the program cannot be run as it stands; null when it is built and fresh. `npm test` builds before it tests. */
export function builtLack(): string | null {
  const built = statSync(join(repositoryRoot, 'dist/program/main.cjs'), { throwIfNoEntry: false })
  if (built === undefined) return 'not built: npm run build'
  return built.mtimeMs < newestChangeMs(join(repositoryRoot, 'src')) ? 'build is stale: npm run build' : null
}

function newestChangeMs(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((newest, entry) => {
    // Tests are not part of the program.
    if (entry.name.startsWith('_testing') || entry.name.endsWith('.test.ts')) return newest
    const path = join(folder, entry.name)
    return Math.max(newest, entry.isDirectory() ? newestChangeMs(path) : statSync(path).mtimeMs)
  }, 0)
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Most memory that was resident at once, in KiB; null where the program was not measured. */
  readonly residentKib: number | null
}

export interface Start extends Pick<SpawnOptions, 'cwd' | 'env'> {
  /** Goes to standard input. */
  readonly input?: string | Uint8Array
  readonly measured?: boolean
}

/** Loaded in front of the program: reports the largest resident set of the process on file descriptor 3. */
const meter = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from 'node:fs'
process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)))
`)}`

/** Runs `bin/postern` from the checkout's root, as a process of its own. */
export function runBuilt(
  argv: readonly string[],
  { input, measured = false, cwd, env }: Start = {},
): Promise<Ended> {
  const main = join(repositoryRoot, 'bin/postern')
  const args = [...(measured ? ['--import', meter] : []), main, ...argv]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: cwd ?? repositoryRoot,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    const outputs = [1, 2, 3].map((at) => {
      let text = ''
      const stream = child.stdio[at] as NodeJS.ReadableStream
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      return () => text
    })
    child.on('error', reject)
    child.on('close', (status) => {
      const [stdout, stderr, resident] = outputs.map((text) => text())
      resolve({ status, stdout: stdout!, stderr: stderr!, residentKib: measured ? Number(resident) : null })
    })
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
  })
}
