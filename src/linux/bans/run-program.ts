/** Runs programs without a shell: words are words, whatever they hold. */
import { spawn } from 'node:child_process'

export interface ProgramResult {
  /** Exit status; 127 when the program is not there, 124 when it took too long. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly input?: string
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>
  /** After so many milliseconds the program and its children are killed. */
  readonly timeoutMs?: number
}

/** How actions reach the machine; tests put it into a namespace. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
) => Promise<ProgramResult>

const defaultTimeoutMs = 60_000
/** Characters of output that are kept. */
const longestOutput = 1 << 24

export const runProgram: RunProgram = (program, args, options = {}) =>
  new Promise((resolve) => {
    const child = spawn(program, [...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that what a script started ends with it.
      detached: true,
      env: { ...process.env, ...options.variables },
    })
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child.pid)
    }, options.timeoutMs ?? defaultTimeoutMs)
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < longestOutput) output[name] += text
      })
    const finish = (status: number, message = ''): void => {
      clearTimeout(timer)
      resolve({ ...output, stderr: output.stderr + message, status })
    }
    child.on('error', (error) => finish(127, error.message))
    child.on('close', (status) => finish(timedOut ? 124 : (status ?? 128), timedOut ? 'took too long' : ''))
    // A program that does not read its input is no trouble.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}

/** A program of an action failed: with the command and what it said. */
export class ActionFailed extends Error {
  constructor(command: readonly string[], { status, stderr, stdout }: ProgramResult) {
    const said = (stderr.trim() === '' ? stdout : stderr).trim().slice(0, 500)
    super(`${command.slice(0, 12).join(' ')}: ${said === '' ? `status ${status}` : said}`)
    this.name = 'ActionFailed'
  }
}

/** Runs a program that must succeed. */
export async function runOrFail(
  run: RunProgram,
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<string> {
  const result = await run(program, args, options)
  if (result.status !== 0) throw new ActionFailed([program, ...args], result)
  return result.stdout
}
