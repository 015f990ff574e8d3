/** Starts the process that carries out a change, away from this one, its terminal and its session. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Pending, State } from './state.ts'
import { findProgram, runTool } from './tools.ts'

/** Beside the file that holds this code, in the program that is built. */
const watchFile = join(dirname(fileURLToPath(import.meta.url)), 'watch.js')

/** The variables that it gets. */
const variables = (): Record<string, string> =>
  Object.fromEntries(
    ['XTABLES_LOCKFILE'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )

/**
 * Under systemd it becomes a unit of its own: the end of a login kills everything in the login's scope, whatever session it
 * leads. Elsewhere, and where that fails, it is a process with a session of its own.
 */
export function startWatcher(state: State, pending: Pending): void {
  if (startUnit(state, pending)) return
  const log = openSync(pending.path('log'), 'a', 0o600)
  try {
    const child = spawn(process.execPath, [watchFile, state.folder], {
      cwd: '/',
      detached: true,
      env: variables(),
      stdio: ['ignore', log, log],
    })
    // It may be missing the moment it is looked at; the change then stays as prepared, and is given up.
    child.on('error', () => {})
    child.unref()
  } finally {
    closeSync(log)
  }
}

function startUnit(state: State, { change }: Pending): boolean {
  const systemdRun = findProgram('systemd-run')
  if (systemdRun === null || !existsSync('/run/systemd/system') || !isInInitsNamespaces()) return false
  const settings = Object.entries(variables()).map(([name, value]) => `--setenv=${name}=${value}`)
  const { status } = runTool(
    systemdRun,
    [
      '--quiet',
      '--collect',
      `--unit=postern-apply-${change.id}`,
      '--description=Postern: rules that wait to be confirmed',
      // The second process must outlive the first.
      '--property=KillMode=process',
      // When both are killed at one stroke, systemd starts the first anew, and it goes on from where the change is.
      '--property=Restart=on-failure',
      '--property=RestartSec=100ms',
      '--property=StartLimitIntervalSec=0',
      ...settings,
      process.execPath,
      watchFile,
      state.folder,
    ],
    { timeoutMs: 10_000 },
  )
  return status === 0
}

/** Units run where the first process of the machine runs; rules of another network namespace are out of their reach. */
function isInInitsNamespaces(): boolean {
  try {
    return ['net', 'mnt', 'pid'].every(
      (kind) => readlinkSync(`/proc/self/ns/${kind}`) === readlinkSync(`/proc/1/ns/${kind}`),
    )
  } catch {
    return false
  }
}
