/**
 * Runs a script where it can do no harm: in namespaces of its own, with the firewall's programs answered by us.
 *
 * Needs no root: user, mount and network namespaces and overlay mounts in them (Linux 5.11 or newer), with
 * util-linux's unshare and mount. Read first: user_namespaces(7), mount_namespaces(7), and
 * Documentation/filesystems/overlayfs.rst.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { UnavailableError } from '../unavailable.ts'
import { answerSlots, enterText, initScripts, initScriptText, shimmedNames, shimText } from './shim.ts'

/** One call of a program that we answer. */
export interface Call {
  readonly program: string
  readonly args: readonly string[]
  /** The folder it was called in. */
  readonly folder: string
  /** What it reads from standard input, where its words say so; empty otherwise. */
  readonly input: Buffer
}

export interface CallAnswer {
  readonly exitCode: number
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
}

export interface SandboxRun {
  /** The words of the command to run. */
  readonly command: readonly string[]
  /** A folder of files that the command finds at their place: `etc/hosts` in it is /etc/hosts. */
  readonly root?: string
  answer(call: Call, sandbox: SandboxFiles): CallAnswer
  stdout(part: Buffer): void
  stderr(part: Buffer): void
  readonly signal: AbortSignal
}

/** What scripts see in place of /proc/sys. */
export interface SandboxFiles {
  /** A setting by its path below /proc/sys; null when there is none. */
  readSetting(path: string): string | null
  writeSetting(path: string, value: string): boolean
}

export interface SandboxOutcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  /** Settings below /proc/sys that differ from what they were: path and new value. */
  readonly settings: readonly (readonly [path: string, value: string])[]
  /** Files that were written outside /tmp, /home and the current folder; they are gone. */
  readonly written: readonly string[]
}

const settingFolders = ['net/ipv4', 'net/ipv6', 'net/netfilter', 'net/core']

/** Runs the command to its end. Throws `UnavailableError` where the machine has no such namespaces. */
export async function runInSandbox(run: SandboxRun): Promise<SandboxOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sh-'))
  try {
    const unshare = prepare(folder, run.root ?? '')
    const child = spawn('unshare', [...unshare, 'sh', join(folder, 'enter'), ...run.command], {
      stdio: ['inherit', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (part) => run.stdout(part))
    child.stderr.on('data', (part) => run.stderr(part))
    const stop = () => void child.kill('SIGTERM')
    run.signal.addEventListener('abort', stop)
    const before = readSettings(folder)
    const served = serve(folder, run)
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve(code))
    })
    run.signal.removeEventListener('abort', stop)
    await served.end()
    const after = readSettings(folder)
    return {
      exitCode,
      settings: [...after].filter(([path, value]) => before.get(path) !== value),
      written: linesOf(join(folder, 'written')).map((path) => path.slice(1)),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const linesOf = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []

const programFolders = ['shims/usr/bin', 'shims/usr/sbin']
const initFolders = ['shims/etc/init.d', 'shims/etc/rc.d/init.d']

function writeProgram(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** Fills the exchange folder; returns the words of unshare that work here. */
function prepare(folder: string, root: string): string[] {
  for (const each of ['layers', 'sys', ...programFolders, ...initFolders]) {
    mkdirSync(join(folder, each), { recursive: true })
  }
  const text = shimText(folder)
  for (const place of programFolders) {
    for (const name of shimmedNames) writeProgram(join(folder, place, name), text)
  }
  for (const place of initFolders) {
    for (const name of initScripts) writeProgram(join(folder, place, name), initScriptText(name))
  }
  writeFileSync(join(folder, 'enter'), enterText(folder, root))
  for (const each of settingFolders) copySettings(join('/proc/sys', each), join(folder, 'sys', each))
  const answers = Array.from({ length: answerSlots }, (_, at) => join(folder, `answer.${at + 1}`))
  if (spawnSync('mkfifo', [join(folder, 'calls'), ...answers]).status !== 0)
    throw lacks('mkfifo cannot make a fifo')
  for (const extra of [['--user', '--map-root-user'], []]) {
    const words = [...extra, '--mount', '--net', '--']
    const marker = join(folder, 'with-user-namespace')
    if (extra.length > 0) writeFileSync(marker, '')
    else rmSync(marker)
    const tried = spawnSync('unshare', [...words, 'sh', join(folder, 'enter'), 'true'], { encoding: 'utf8' })
    if (tried.status === 0) return words
  }
  throw lacks('unshare cannot make user, mount and network namespaces with overlay mounts here')
}

const lacks = (what: string) =>
  new UnavailableError(
    `a script can only run where it does no harm, and ${what}`,
    'Linux 5.11 or newer with user namespaces (sysctl user.max_user_namespaces), and util-linux',
  )

function copySettings(from: string, to: string): void {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    const path = join(from, name)
    if (statSync(path).isDirectory()) copySettings(path, join(to, name))
    else {
      const value = readOrNull(path)
      if (value !== null) writeFileSync(join(to, name), value)
    }
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function readSettings(folder: string): Map<string, string> {
  const root = join(folder, 'sys')
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return new Map(
    paths.flatMap((path) => {
      if (statSync(join(root, path)).isDirectory()) return []
      return [[path, readFileSync(join(root, path), 'utf8').trim()] as const]
    }),
  )
}

/** Answers calls, one after the other in the order of their arrival, until `end`. */
function serve(folder: string, run: SandboxRun): { end(): Promise<void> } {
  const fifo = join(folder, 'calls')
  // Opened for writing too, so that the fifo has no end while nobody calls.
  const stream = createReadStream(fifo, { flags: 'r+' })
  const closed = new Promise<void>((resolve) => stream.on('close', resolve))
  const answers = new Map<string, number>()
  createInterface({ input: stream }).on('line', (line) => {
    const [, done, call] = /^(done )?([\w-]+)$/.exec(line) ?? []
    if (call === undefined) return
    if (done === undefined) answers.set(call, answerCall(folder, call, run))
    else forget(folder, call, answers)
  })
  return {
    async end() {
      stream.destroy()
      // A read that waits for more keeps the process alive: give it something.
      const descriptor = openSync(fifo, 'r+')
      writeSync(descriptor, '\n')
      await closed
      closeSync(descriptor)
      for (const call of answers.keys()) forget(folder, call, answers)
    },
  }
}

/** Returns the descriptor of the answer's fifo, which must stay open until the caller has read it. */
function answerCall(folder: string, call: string, run: SandboxRun): number {
  const file = (kind: string) => join(folder, `${kind}.${call}`)
  const [program = '', cwd = '/', ...args] = readFileSync(file('words'), 'utf8').split('\0').slice(0, -1)
  const input = existsSync(file('input')) ? readFileSync(file('input')) : Buffer.alloc(0)
  const { exitCode, stdout, stderr } = run.answer({ program, args, folder: cwd, input }, settingsOf(folder))
  if (stdout.length > 0) writeFileSync(file('out'), stdout)
  if (stderr.length > 0) writeFileSync(file('err'), stderr)
  // Reading and writing: neither waits for a caller that was killed, nor fails for one that has not come yet.
  const descriptor = openSync(file('answer'), 'r+')
  writeSync(descriptor, `${exitCode} ${stdout.length > 0 ? 1 : 0} ${stderr.length > 0 ? 1 : 0}\n`)
  return descriptor
}

function forget(folder: string, call: string, answers: Map<string, number>): void {
  const descriptor = answers.get(call)
  if (descriptor !== undefined) closeSync(descriptor)
  answers.delete(call)
  // The fifo of a slot waits for the next call, which may come as soon as the claim is gone.
  const isSlot = /^\d+$/.test(call)
  for (const kind of ['words', 'input', 'out', 'err', isSlot ? 'claim' : 'answer'])
    rmSync(join(folder, `${kind}.${call}`), { force: true })
}

function settingsOf(folder: string): SandboxFiles {
  const place = (path: string): string | null => {
    const known = /^[\w.-]+(\/[\w.-]+)*$/.test(path) && !path.split('/').includes('..')
    return known ? join(folder, 'sys', path) : null
  }
  return {
    readSetting: (path) => {
      const at = place(path)
      return at === null || !existsSync(at) ? null : readFileSync(at, 'utf8').trim()
    },
    writeSetting: (path, value) => {
      const at = place(path)
      if (at === null || !existsSync(at)) return false
      writeFileSync(at, `${value}\n`)
      return true
    },
  }
}
