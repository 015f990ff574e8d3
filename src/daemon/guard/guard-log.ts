/**
 * The guard's own log, in the form of fail2ban's, so that what reads that (its recidive jail above all) reads this.
 *
 * `2026-11-21 18:37:56,123 fail2ban.actions        [4711]: NOTICE  [sshd] Ban 192.0.2.1`
 */
import { closeSync, openSync, writeSync } from 'node:fs'

export type Level = 'ERROR' | 'WARNING' | 'NOTICE' | 'INFO' | 'DEBUG'
const levels: readonly Level[] = ['ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG']

export const isLevel = (word: string): word is Level => (levels as readonly string[]).includes(word)

/** Which part speaks: fail2ban's names, which readers of its log look for. */
export type Speaker = 'filter' | 'actions' | 'jail' | 'server'

const lineEnd = /[\r\n]/
/** To ask for it each time is a call of the system's. */
const { pid } = process

const names = new Map<Speaker, string>()

/** The part as fail2ban names it, as wide as all of them. */
function nameOf(speaker: Speaker): string {
  const known = names.get(speaker)
  if (known !== undefined) return known
  const name = `fail2ban.${speaker}`.padEnd(24)
  names.set(speaker, name)
  return name
}

export class GuardLog {
  /** How much is said. */
  level: Level
  readonly #write: (line: string) => void
  readonly #now: () => number

  /** The file that it goes to, or `STDOUT`. */
  readonly target: string

  constructor(write: (line: string) => void, level: Level, now: () => number, target = 'STDOUT') {
    this.target = target
    this.#write = write
    this.level = level
    this.#now = now
  }

  say(level: Level, speaker: Speaker, message: string): void {
    if (levels.indexOf(level) > levels.indexOf(this.level)) return
    // What came from outside stays on one line.
    const text = lineEnd.test(message) ? message.replace(/[\r\n]+/g, ' ') : message
    this.#write(`${localTime(this.#now())} ${nameOf(speaker)}[${pid}]: ${level.padEnd(7)} ${text}\n`)
  }
}

/** Appends to a file that may be rotated: it is opened anew each time. */
export function logToFile(path: string): (text: string) => void {
  return (text) => {
    const file = openSync(path, 'a', 0o640)
    try {
      writeSync(file, text)
    } finally {
      closeSync(file)
    }
  }
}

/** Characters that are kept waiting at most. */
const mostGathered = 1 << 16

/** Writes lines together that come at the same moment: a batch of a log may lead to hundreds. */
export function gathered(write: (text: string) => void): (line: string) => void {
  let text = ''
  const flush = (): void => {
    const all = text
    text = ''
    if (all !== '') write(all)
  }
  return (line) => {
    if (text === '') queueMicrotask(flush)
    text += line
    if (text.length >= mostGathered) flush()
  }
}

const pad = (number: number, length = 2): string => `${number}`.padStart(length, '0')

/** Wall time of this machine with milliseconds. */
export function localTime(timeMs: number): string {
  return `${localSeconds(timeMs)},${pad((((timeMs % 1000) + 1000) % 1000) | 0, 3)}`
}

let lastSecond = Number.NaN
let lastText = ''

/** Wall time of this machine. */
export function localSeconds(timeMs: number): string {
  const second = Math.floor(timeMs / 1000)
  if (second === lastSecond) return lastText
  lastSecond = second
  lastText = wallTime(timeMs)
  return lastText
}

function wallTime(timeMs: number): string {
  const time = new Date(timeMs)
  const day = `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`
  return `${day} ${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
}
