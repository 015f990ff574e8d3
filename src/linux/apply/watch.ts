/**
 * The process that stands behind a change: it loads the rules, waits, and puts the old ones back unless somebody confirms.
 *
 * It leads a session and a process group of its own, with no terminal, and holds nothing of the command that started it:
 * hang-ups, closed shells and kills of those do not reach it. A second process of the same kind waits behind it, at the
 * other end of a pipe, and takes over when it dies; whichever is left starts the other anew. Should both be killed at one
 * stroke, the folder of the change says so to the next command (`conduct` from there on).
 *
 *     node watch.js STATE-FOLDER            carries out the change that is pending
 *     node watch.js STATE-FOLDER --behind   waits for the one at the other end of descriptor 3 to die
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { conduct, isOurs, lockOf } from './conduct.ts'
import { State } from './state.ts'

/** Time between two starts of a second process that does not stay. */
const respawnMs = 100
/** How long the first waits for the second before it goes ahead without. */
const readyMs = 10_000

const say = (line: string): void => {
  process.stdout.write(`${new Date().toISOString()} ${process.pid} ${line}\n`)
}
// What cannot be said is no reason to end.
process.stdout.on('error', () => {})

async function main(): Promise<void> {
  const [folder = '', role] = process.argv.slice(2)
  standFast()
  const state = new State(folder)
  if (role === '--behind') await otherEnds()
  const pending = state.pendingChange()
  if (pending === null) return
  if (!isOurs(pending)) return say('this is another network namespace')
  const second = new Second(folder)
  const release = await lock(state)
  // Who asks a process to end asks a change to be undone: at a shutdown, above all, it must not wait.
  process.on('SIGTERM', () => pending.decide({ what: 'undo', why: 'whoever watched was told to end' }))
  await second.ready
  await conduct(state, { say, loads: role !== '--behind' })
  second.end()
  await release()
}

async function lock(state: State): Promise<() => Promise<void>> {
  for (;;) {
    const release = await lockOf(state)
    if (release !== null) return release
    await pause(20)
  }
}

/** Signals of terminals and sessions are for others, and memory is to be taken from others. */
function standFast(): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE', 'SIGTSTP', 'SIGTTOU'] as const)
    process.on(signal, () => {})
  try {
    writeFileSync('/proc/self/oom_score_adj', '-900')
  } catch {
    // Not allowed in some containers; nothing depends on it.
  }
}

/** The other end of the pipe: says that this process is there, and waits until the other is not. */
function otherEnds(): Promise<void> {
  const pipe = new Socket({ fd: 3 })
  return new Promise((resolve) => {
    pipe.on('close', () => resolve())
    pipe.on('end', () => resolve())
    pipe.on('error', () => resolve())
    pipe.resume()
    pipe.write('ready')
  })
}

/** The process that waits behind this one. */
class Second {
  readonly #folder: string
  /** Settles when it is there for the first time. */
  readonly ready: Promise<void>
  #ended = false
  #child: ChildProcess | null = null
  #isReady = (): void => {}

  constructor(folder: string) {
    this.#folder = folder
    this.ready = Promise.race([
      new Promise<void>((resolve) => {
        this.#isReady = resolve
      }),
      pause(readyMs, undefined, { ref: false }),
    ])
    this.#start()
  }

  #start(): void {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), this.#folder, '--behind'], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    })
    this.#child = child
    const pipe = child.stdio[3] as Readable & Writable
    pipe.on('error', () => {})
    pipe.on('data', () => this.#isReady())
    child.on('error', (error) => say(`no second process: ${error.message}`))
    child.on('exit', () => {
      if (!this.#ended) setTimeout(() => this.#ended || this.#start(), respawnMs)
    })
  }

  /** There is nothing to watch any more: it finds no change when the pipe closes, and ends. */
  end(): void {
    this.#ended = true
    this.#child?.unref()
    ;(this.#child?.stdio[3] as Socket | undefined)?.destroy()
  }
}

/** Whoever waits behind tries again: not at once, should the disk be full. */
const afterErrorMs = 2000

try {
  await main()
} catch (error) {
  say((error as Error).message)
  await pause(afterErrorMs)
  process.exit(1)
}
process.exit(0)
