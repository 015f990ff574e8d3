/**
 * Reads the logs of one jail: follows files or the journal, runs lines through the filter, and hands over the failures,
 * with where reading stands after them.
 */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { lineTime } from '../../guard/decide/index.ts'
import type { Failure } from '../../guard/failure.ts'
import type { Filter } from '../../guard/filter/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import {
  decoderOf,
  expandGlob,
  type FilePosition,
  followJournal,
  type JournalFollower,
  type JournalLine,
  LogFollower,
} from '../../linux/follow/index.ts'
import type { JailPositions } from '../../linux/store/index.ts'
import { beginOf } from './begin.ts'
import { batchSource, listSource, type TimedSource } from './line-source.ts'
import type { Services } from './services.ts'

/** Failed batches in a row after which a jail gives up. */
const mostErrors = 100
/** Milliseconds of work after which others get their turn, and after how many lines the clock is looked at. */
const turnMs = 20
const turnLines = 8
/** For how long failures wait for those of later batches while there is more to read, in milliseconds. */
const keepEveryMs = 250
/** No more of them wait: they would outlive their youth, and be cleared away late. */
const mostWaiting = 1000
/** How long the start waits for names in `ignoreip`, in milliseconds. */
const resolveFirstMs = 5_000
/** How often something that may be so for every line is told, in milliseconds. */
const tellAgainMs = 3_600_000
const tellOddTimeMs = 86_400_000
/** Times that are so far off are told of, in milliseconds. */
const oddTimeMs = 60_000

export interface ReaderParts {
  readonly settings: JailSettings
  readonly services: Services
  readonly filter: Filter
  /** Leaves out failures that are to be ignored; null where nobody has to be asked. */
  readonly notIgnored: ((failures: readonly Failure[]) => Promise<readonly Failure[]>) | null
  /** Decides about failures, and keeps that together with `positions`. */
  keep(failures: readonly Failure[]): void
  say: Services['log']['say']
}

export class JailReader {
  readonly #parts: ReaderParts
  #follower: LogFollower | null = null
  #journal: JournalFollower | null = null
  #journalWork: Promise<void> = Promise.resolve()
  #stopWatching: (() => void) | null = null
  #cursor: string | null = null
  #pumping: Promise<void> | null = null
  #again = false
  #isStopped = false
  /** Failures of batches that were read, and since when the first waits; null when nothing was read. */
  #waiting: Failure[] = []
  #waitingMs: number | null = null
  #errors = 0
  /** Searches given up that were told of, and when. */
  #toldGaveUp = 0
  #toldGaveUpMs = Number.NEGATIVE_INFINITY
  #toldOddTimeMs = Number.NEGATIVE_INFINITY

  constructor(parts: ReaderParts) {
    this.#parts = parts
  }

  /** Files that are followed. */
  get files(): readonly string[] {
    return this.#follower?.paths ?? []
  }

  /** Where reading stands after the failures that were handed over last. */
  get positions(): JailPositions {
    return { files: this.#follower?.positions() ?? [], cursor: this.#cursor }
  }

  /** Begins to read where it stood. `resolved`: names in `ignoreip` are being looked up, which is waited for. */
  start({ files, cursor }: JailPositions, nowMs: number, resolved: Promise<void> | null): void {
    this.#cursor = cursor
    if (this.#parts.settings.backend === 'journal') this.#followJournal(nowMs)
    else this.#followFiles(files, nowMs, resolved)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopWatching?.()
    this.#journal?.stop()
    await this.idle()
    this.#follower?.close()
  }

  async idle(): Promise<void> {
    await this.#pumping
    await this.#journalWork
  }

  /** Reads what there is to read; resolves when nothing is left for now. */
  pump(): Promise<void> {
    this.#again = true
    this.#pumping ??= this.#readAgain()
    return this.#pumping
  }

  /** Somebody may call while the last look is under way: then there is one more. */
  async #readAgain(): Promise<void> {
    while (this.#again) {
      this.#again = false
      await this.#read()
    }
    this.#pumping = null
  }

  async #read(): Promise<void> {
    let startedMs = Date.now()
    while (!this.#isStopped && this.#follower !== null) {
      try {
        const batch = this.#follower.poll(this.#parts.services.now())
        if (batch === null) break
        const source = batchSource(batch, this.#parts.filter, this.#parts.services.now())
        this.#waiting.push(...(await this.#failuresOf(source, batch.catchingUp)))
        this.#waitingMs ??= Date.now()
        if (this.#waiting.length >= mostWaiting || this.#waitingMs + keepEveryMs <= Date.now()) this.#keep()
      } catch (error) {
        if (this.#fail(error as Error)) return
      }
      if (Date.now() - startedMs < turnMs) continue
      await nextTurn()
      startedMs = Date.now()
    }
    try {
      this.#keep()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** Decides about what was read since it last did: with many lines at hand, once for several batches. */
  #keep(): void {
    if (this.#waitingMs === null) return
    const failures = this.#waiting
    this.#waiting = []
    this.#waitingMs = null
    this.#parts.keep(failures)
    this.#errors = 0
    this.#tellGaveUp()
  }

  /** True when the jail has to give up. */
  #fail(error: Error): boolean {
    this.#parts.say('ERROR', 'jail', `cannot go on with its logs: ${error.stack ?? error.message}`)
    if (++this.#errors < mostErrors) return false
    this.#parts.say('ERROR', 'jail', `too many errors: jail '${this.#parts.settings.name}' reads no more`)
    this.#stopWatching?.()
    return true
  }

  /** A line may take a hundred milliseconds, if somebody made it to: others get their turn between lines. */
  async #failuresOf(source: TimedSource, catchingUp: boolean): Promise<readonly Failure[]> {
    const failures: Failure[] = []
    let startedMs = Date.now()
    let count = 0
    for (let line = source.next(); line !== null; line = source.next()) {
      const found = this.#failures(line, catchingUp, source.timeMs)
      if (found.length > 0) failures.push(...found)
      if (++count % turnLines !== 0 || Date.now() - startedMs < turnMs) continue
      await nextTurn()
      startedMs = Date.now()
    }
    const { notIgnored } = this.#parts
    return notIgnored === null ? failures : notIgnored(failures)
  }

  /** Once a day: the machine's clock, the log's, or a time zone is wrong. */
  #tellOddTime(offMs: number, nowMs: number): void {
    if (Math.abs(offMs) <= oddTimeMs + 999 || nowMs < this.#toldOddTimeMs + tellOddTimeMs) return
    this.#toldOddTimeMs = nowMs
    const seconds = Math.trunc(Math.abs(offMs) / 1000)
    this.#parts.say(
      'WARNING',
      'filter',
      `a line has a time ${seconds} s ${offMs < 0 ? 'before' : 'after'} now, and was written just now: is a clock or a time ` +
        'zone wrong? Such lines count as written now',
    )
  }

  #tellGaveUp(): void {
    const { gaveUp } = this.#parts.filter
    const nowMs = this.#parts.services.now()
    if (gaveUp === this.#toldGaveUp || nowMs < this.#toldGaveUpMs + tellAgainMs) return
    const count = gaveUp - this.#toldGaveUp
    this.#toldGaveUp = gaveUp
    this.#toldGaveUpMs = nowMs
    this.#parts.say(
      'WARNING',
      'filter',
      `${count} searches took too long and were given up: such lines count as not matching`,
    )
  }

  #failures(line: string, catchingUp: boolean, timeMs?: number): Failure[] {
    const nowMs = this.#parts.services.now()
    const context = timeMs === undefined ? { nowMs } : { nowMs, timeMs }
    const found = this.#parts.filter.process(line, context)
    if (found.length === 0) return found
    const { findTimeSeconds } = this.#parts.settings
    return found.filter((failure) => {
      if (!catchingUp) this.#tellOddTime(failure.timeMs - nowMs, nowMs)
      const time = lineTime(failure.timeMs, { nowMs, findTimeSeconds, catchingUp })
      if (time !== null) failure.timeMs = time
      return time !== null
    })
  }

  #followFiles(positions: readonly FilePosition[], nowMs: number, resolved: Promise<void> | null): void {
    const { logPaths, logEncoding, findTimeSeconds } = this.#parts.settings
    const decode = decoderOf(logEncoding)
    if (decode === null) throw new Error(`logencoding "${logEncoding}" is not known`)
    const begin = beginOf(this.#parts.filter, nowMs - findTimeSeconds * 1000, nowMs)
    this.#follower = new LogFollower({ patterns: logPaths, decode, positions, begin })
    const pump = (): void => void this.pump()
    this.#stopWatching = this.#follower.watch(pump)
    const missing = logPaths
      .map(({ glob }) => glob)
      .filter((glob) => !expandGlob(glob).some((path) => existsSync(path)))
    if (missing.length > 0)
      this.#parts.say('WARNING', 'filter', `there is no file yet: ${missing.join(', ')}`)
    if (resolved === null) {
      pump()
      return
    }
    // Who is allowed by name must be known before anybody is banned.
    this.#again = true
    this.#pumping = Promise.race([resolved, pause(resolveFirstMs)]).then(() => this.#readAgain())
  }

  #followJournal(nowMs: number): void {
    this.#journal = followJournal({
      matches: this.#parts.settings.filter.journalmatch,
      cursor: this.#cursor,
      sinceMs: nowMs - this.#parts.settings.findTimeSeconds * 1000,
      onBatch: ({ lines, cursor }) => {
        this.#journalWork = this.#takeJournal(lines, cursor)
        return this.#journalWork
      },
      onTrouble: (message) => this.#parts.say('WARNING', 'filter', `journalctl: ${message}`),
    })
  }

  async #takeJournal(lines: readonly JournalLine[], cursor: string): Promise<void> {
    try {
      // The journal's own times are right: nothing in it is odd for being late.
      const failures = await this.#failuresOf(listSource(lines), true)
      this.#cursor = cursor
      this.#parts.keep(failures)
      this.#tellGaveUp()
      this.#errors = 0
    } catch (error) {
      if (this.#fail(error as Error)) this.#journal?.stop()
    }
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
