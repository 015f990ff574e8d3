/**
 * The systemd journal through `journalctl -o json`: entries in order, each with the cursor to go on from.
 *
 * Read first: journalctl(1), systemd.journal-fields(7), and the JSON form of systemd's JOURNAL_EXPORT_FORMATS: a field
 * that is no UTF-8 is an array of bytes, one that is too long is null, one that is there several times is an array.
 */
import { type ChildProcess, spawn } from 'node:child_process'

/** One entry, as the filters see it. */
export interface JournalLine {
  /** `HOST IDENTIFIER[PID]: MESSAGE`. */
  readonly text: string
  /** When it was written, in milliseconds since 1970. */
  readonly timeMs: number
  readonly cursor: string
}

export interface JournalBatch {
  readonly lines: readonly JournalLine[]
  /** Where to go on after these lines. */
  readonly cursor: string
}

export interface JournalOptions {
  /** Groups of matches (`_SYSTEMD_UNIT=ssh.service _COMM=sshd`); an entry of any group is wanted. */
  readonly matches: readonly string[]
  /** Where reading stood; null on the first start. */
  readonly cursor: string | null
  /** On the first start: from when on, in milliseconds since 1970. */
  readonly sinceMs: number
  /** Nothing more is read until it is done with. */
  onBatch(batch: JournalBatch): void | Promise<void>
  /** journalctl ended or could not be started; it is started again after a while. */
  onTrouble(message: string): void
  /** The program, for tests. */
  readonly program?: string
}

export interface JournalFollower {
  stop(): void
}

/** How long to wait before journalctl is started again, in milliseconds. */
const restartMs = 2_000

export function followJournal(options: JournalOptions): JournalFollower {
  let { cursor } = options
  let child: ChildProcess | null = null
  let timer: NodeJS.Timeout | null = null
  let isStopped = false
  const start = (): void => {
    timer = null
    const from =
      cursor === null ? [`--since=@${Math.floor(options.sinceMs / 1000)}`] : [`--after-cursor=${cursor}`]
    const args = [
      '-o',
      'json',
      '-f',
      '--no-pager',
      '-q',
      '-n',
      'all',
      ...from,
      ...matchWords(options.matches),
    ]
    child = spawn(options.program ?? 'journalctl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = Buffer.alloc(0)
    let said = ''
    let hasEnded = false
    const end = (why: string): void => {
      if (hasEnded || isStopped) return
      hasEnded = true
      options.onTrouble(said.trim() === '' ? why : said.trim())
      timer = setTimeout(start, restartMs)
    }
    child.stdout!.on('data', (bytes: Buffer) => {
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      const until = all.lastIndexOf(0x0a) + 1
      rest = Buffer.from(all.subarray(until))
      const lines = all.toString('utf8', 0, until).split('\n').map(readEntry)
      const found = lines.filter((line) => line !== null)
      const last = found.at(-1)
      if (last === undefined || isStopped) return
      cursor = last.cursor
      const taken = options.onBatch({ lines: found, cursor })
      if (taken === undefined) return
      const { stdout } = child!
      stdout!.pause()
      void taken.then(() => stdout!.resume())
    })
    child.stderr!.on('data', (bytes: Buffer) => {
      said = `${said}${bytes}`.slice(-1000)
    })
    child.on('error', (error) => end(error.message))
    child.on('close', (status) => end(`journalctl ended with status ${status}`))
  }
  start()
  return {
    stop: () => {
      isStopped = true
      if (timer !== null) clearTimeout(timer)
      child?.kill()
    },
  }
}

/** Groups as journalctl takes them: fields of one are separated by blanks, groups by `+`. */
function matchWords(matches: readonly string[]): string[] {
  return matches.flatMap((group, at) => [
    ...(at === 0 ? [] : ['+']),
    ...group.split(/\s+/).filter((word) => word === '+' || /^[A-Z_][A-Z0-9_]*=/.test(word)),
  ])
}

type Field = string | null | readonly number[] | readonly string[] | undefined

/** The text of a field: bytes that are no UTF-8 become U+FFFD. */
function textOf(field: Field): string {
  if (field === undefined || field === null) return ''
  if (typeof field === 'string') return field
  if (typeof field[0] === 'number') return Buffer.from(field as readonly number[]).toString('utf8')
  return field.join(' ')
}

function readEntry(json: string): JournalLine | null {
  if (json === '') return null
  try {
    return journalLine(JSON.parse(json) as Record<string, Field>)
  } catch {
    return null
  }
}

/** The line that filters see of an entry: `HOST IDENTIFIER[PID]: MESSAGE`; null for what has no cursor or time. */
export function journalLine(entry: Readonly<Record<string, Field>>): JournalLine | null {
  const cursor = textOf(entry.__CURSOR)
  const micros = Number(textOf(entry._SOURCE_REALTIME_TIMESTAMP) || textOf(entry.__REALTIME_TIMESTAMP))
  if (cursor === '' || !Number.isFinite(micros) || micros <= 0) return null
  const words: string[] = []
  const host = textOf(entry._HOSTNAME)
  if (host !== '') words.push(host)
  const name = textOf(entry.SYSLOG_IDENTIFIER) || textOf(entry._COMM)
  if (name !== '') {
    const pid = textOf(entry.SYSLOG_PID) || textOf(entry._PID)
    words.push(`${name}${pid === '' ? '' : `[${pid}]`}:`)
    if (name === 'kernel' && pid === '') words.push(kernelTime(entry))
  }

  words.push(textOf(entry.MESSAGE))
  // A line end within a message must not begin a line of its own.
  const text = words.join(' ').replaceAll('\n', '\\n')
  return { text, timeMs: Math.floor(micros / 1000), cursor }
}

function kernelTime(entry: Readonly<Record<string, Field>>): string {
  const micros = Number(textOf(entry._SOURCE_MONOTONIC_TIMESTAMP) || textOf(entry.__MONOTONIC_TIMESTAMP))
  return Number.isFinite(micros) ? `[${(micros / 1e6).toFixed(6).padStart(12)}]` : ''
}
