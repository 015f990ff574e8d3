/** A network namespace of its own, in which tests run programs: it goes when `close` is called, or after ten minutes. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { repositoryRoot } from './shared.ts'

export interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export class TestNamespace {
  readonly #keeper: ChildProcess

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper
  }

  static async open(): Promise<TestNamespace> {
    const keeper = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' })
    const home = readlinkSync('/proc/self/ns/net')
    for (;;) {
      if (keeper.exitCode !== null) throw new Error('no network namespace can be made')
      // Before it is there, the link cannot be read.
      const there = namespaceOf(keeper.pid)
      if (there !== null && there !== home) break
      await pause(5)
    }
    const namespace = new TestNamespace(keeper)
    namespace.run('ip', ['link', 'set', 'lo', 'up'])
    return namespace
  }

  close(): void {
    this.#keeper.kill('SIGKILL')
  }

  #command(program: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', [`--net=/proc/${this.#keeper.pid}/ns/net`, program, ...args]]
  }

  /** Runs a program that must succeed; returns what it printed. */
  run(program: string, args: readonly string[] = [], input = ''): string {
    const { status, stdout, stderr } = spawnSync(...this.#command(program, args), {
      input,
      encoding: 'utf8',
      env: testVariables,
      maxBuffer: 1 << 26,
    })
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status} ${stderr}`)
    return stdout
  }

  /** Starts a program. */
  start(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const env = { ...testVariables, ...options.env }
    return spawn(...this.#command(program, args), { ...options, env })
  }

  /** Starts `bin/postern`. */
  postern(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.start(process.execPath, [join(repositoryRoot, 'bin/postern'), ...args], options)
  }

  /** Runs `bin/postern` to its end. */
  async said(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
    const child = this.postern(args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const output = ['', '']
    for (const [at, stream] of [child.stdout!, child.stderr!].entries())
      stream.setEncoding('utf8').on('data', (part: string) => {
        output[at] += part
      })
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { status, stdout: output[0]!, stderr: output[1]! }
  }
}

/** Tables of namespaces are their own; the lock of the machine's is not. */
const testVariables: Record<string, string> = {
  PATH: process.env.PATH ?? '',
  NO_COLOR: '1',
  XTABLES_LOCKFILE: '/proc/self/status',
}

function namespaceOf(pid: number | undefined): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return null
  }
}
