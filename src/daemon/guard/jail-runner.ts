/**
 * One jail at work: lines from its logs go through its filter, failures to its decider, bans to its actions.
 *
 * What a batch of lines led to, and where reading stands after it, are kept together: whatever happens to the process,
 * no line counts twice and none is passed over. Only then do actions run.
 */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Ban } from '../../guard/ban.ts'
import { AllowList, type Decision, JailDecider, lineTime } from '../../guard/decide/index.ts'
import type { Failure } from '../../guard/failure.ts'
import { createFilter, type Filter } from '../../guard/filter/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { banTag, makeAction } from '../../linux/bans/index.ts'
import {
  decoderOf,
  expandGlob,
  type FilePosition,
  followJournal,
  type JournalFollower,
  type JournalLine,
  LogFollower,
} from '../../linux/follow/index.ts'
import { ActionQueue } from './action-queue.ts'
import { hasNames, resolveNames } from './allowed-names.ts'
import { beginOf } from './begin.ts'
import { localSeconds } from './guard-log.ts'
import { IgnoreCheck } from './ignore-check.ts'
import { type JailTagContext, jailTag, nameByResolver } from './jail-tags.ts'
import { batchSource, listSource, type TimedSource } from './line-source.ts'
import type { Services } from './services.ts'

/** Failed batches in a row after which a jail gives up. */
const mostErrors = 100
/** How often actions are asked whether all is in place, in milliseconds. */
const checkEveryMs = 30_000
/** After a banned address was seen again: not more often than this. */
const checkAgainMs = 3_000
/** How often names in `ignoreip` are looked up, and how long the start waits for them, in milliseconds. */
const resolveEveryMs = 300_000
const resolveFirstMs = 5_000
/** Milliseconds of work after which others get their turn, and after how many lines the clock is looked at. */
const turnMs = 20
const turnLines = 8
/** For how long failures wait for those of later batches while there is more to read, in milliseconds. */
const keepEveryMs = 250
/** How often something that may be so for every line is told, in milliseconds. */
const tellAgainMs = 3_600_000
const tellOddTimeMs = 86_400_000
/** Times that are so far off are told of, in milliseconds. */
const oddTimeMs = 60_000
/** How many failures `ignorecommand` is asked about at once. */
const askedAtOnce = 8

export class JailRunner {
  readonly settings: JailSettings
  readonly decider: JailDecider
  readonly #services: Services
  readonly #filter: Filter
  readonly #allowed: AllowList
  readonly #actions: readonly ActionQueue[]
  readonly #ignoreCheck: IgnoreCheck | null
  readonly #tagContext: JailTagContext
  #follower: LogFollower | null = null
  #journal: JournalFollower | null = null
  #journalWork: Promise<void> = Promise.resolve()
  #stopWatching: (() => void) | null = null
  #cursor: string | null = null
  #pumping: Promise<void> | null = null
  #again = false
  /** Failures of batches that were read, and since when the first waits; null when nothing was read. */
  #waiting: Failure[] = []
  #waitingMs: number | null = null
  #errors = 0
  /** Searches given up that were told of, and when. */
  #toldGaveUp = 0
  #toldGaveUpMs = Number.NEGATIVE_INFINITY
  #toldOddTimeMs = Number.NEGATIVE_INFINITY
  #resolvedMs = Number.NEGATIVE_INFINITY
  #checkedMs = 0
  #isStopped = false

  /** Throws when a setting of the jail cannot be used. */
  constructor(settings: JailSettings, services: Services) {
    const { store, zone } = services
    this.settings = settings
    this.#services = services
    this.#filter = createFilter(settings.filter, { zone })
    for (const problem of this.#filter.problems)
      this.#say('WARNING', 'filter', `${problem.option} ${problem.index + 1}: ${problem.message}`)
    this.#allowed = new AllowList([...settings.ignoreAddresses, ...store.allowed(settings.name)])
    this.decider = new JailDecider(settings, {
      allowed: this.#allowed,
      history: store,
      isSession: (address) => services.allowed.allows(address) !== null || services.isSession(address),
      chance: () => services.chance(),
    })
    this.#tagContext = { decider: this.decider, store, nameOf: services.nameOf ?? nameByResolver }
    this.#ignoreCheck = this.#makeIgnoreCheck()
    this.#actions = settings.actions.map((action) => this.#queueOf(action))
  }

  get name(): string {
    return this.settings.name
  }

  /** Files that are followed, or matches of the journal. */
  get files(): readonly string[] {
    return this.#follower?.paths ?? []
  }

  get allowedEntries(): readonly string[] {
    return this.#allowed.entries
  }

  /** Takes up what was left, puts bans back into force, and begins to read. */
  start(): void {
    const { store, now } = this.#services
    const { name } = this.settings
    if (this.settings.ignoreSelf)
      for (const address of this.#services.ownAddresses()) this.#allowed.add(address)
    this.decider.restoreCounts(store.failures(name))
    const nowMs = now()
    const restored = store.together(() =>
      store.bansInForce(name).filter((ban) => {
        if (this.decider.restoreBan(ban, nowMs)) return true
        store.end(name, ban.id)
        return false
      }),
    )
    for (const action of this.#actions) action.start()
    if (restored.length > 0) {
      this.#say('NOTICE', 'actions', `Restore ${restored.length} bans`)
      for (const action of this.#actions) action.ban(restored, true)
    }
    this.#checkedMs = nowMs
    const positions = store.positions(name)
    this.#cursor = positions.cursor
    if (this.settings.backend === 'journal') this.#followJournal(nowMs)
    else this.#followFiles(positions.files, nowMs)
    this.#say('INFO', 'jail', `Jail '${name}' started`)
  }

  /** Stops reading. `lift` also lifts all bans, as far as the machine goes: they stay in the store. */
  async stop(lift: boolean): Promise<void> {
    this.#isStopped = true
    this.#stopWatching?.()
    this.#journal?.stop()
    await this.#pumping
    await this.#journalWork
    this.#follower?.close()
    if (lift) for (const action of this.#actions) action.stop([...this.decider.bans])
    await Promise.all(this.#actions.map((action) => action.idle()))
    this.#say('INFO', 'jail', `Jail '${this.name}' stopped`)
  }

  /** Lets the clock advance: lifts bans that are over, and looks after the actions. */
  tick(): void {
    if (this.#isStopped) return
    const { store, now } = this.#services
    const nowMs = now()
    const before = this.decider.liftedEarly
    const over = this.decider.tick(nowMs)
    const early = this.decider.liftedEarly - before
    if (early > 0) this.#say('WARNING', 'actions', `too many bans: ${early} that end first are lifted early`)
    if (over.length > 0) {
      store.together(() => {
        for (const ban of over) store.end(ban.jail, ban.id)
      })
      this.#lift(over)
    }
    if (this.#checkedMs + checkEveryMs <= nowMs) this.#check(nowMs)
    if (this.#resolvedMs + resolveEveryMs <= nowMs) void this.#resolveNames()
  }

  /** When the next ban ends, in milliseconds since 1970. */
  nextEndMs(): number | null {
    return this.decider.bans.nextEndMs()
  }

  banByHand(id: string, seconds?: number): Decision {
    const { store, now } = this.#services
    const decision = store.together(() => {
      const made = this.decider.banByHand(id, now(), seconds)
      if (made.kind === 'already' && made.prolonged) store.record(made.ban)
      return made
    })
    this.#act([decision])
    return decision
  }

  /** Counts a failure that no log tells of; each text is one more attempt. */
  attempt(id: string, matches: readonly string[]): Decision {
    const timeMs = this.#services.now()
    const attempts = Math.max(1, matches.length)
    return this.#together([
      { id, address: id, timeMs, attempts, countsAs: attempts, matches, groups: {} },
    ])[0]!
  }

  /** The ban that was lifted, or null. */
  unban(id: string): Ban | null {
    const ban = this.decider.unban(id)
    if (ban === null) return null
    this.#services.store.end(this.name, id)
    this.#lift([ban])
    return ban
  }

  allow(entry: string): void {
    this.#allowed.add(entry)
  }

  disallow(entry: string): boolean {
    return this.#allowed.remove(entry)
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

  async idle(): Promise<void> {
    await this.#pumping
    await this.#journalWork
    await Promise.all(this.#actions.map((action) => action.idle()))
  }

  async #read(): Promise<void> {
    let startedMs = Date.now()
    while (!this.#isStopped && this.#follower !== null) {
      try {
        const batch = this.#follower.poll(this.#services.now())
        if (batch === null) break
        const source = batchSource(batch, this.#filter, this.#services.now())
        this.#waiting.push(...(await this.#failuresOf(source, batch.catchingUp)))
        this.#waitingMs ??= Date.now()
        if (this.#waitingMs + keepEveryMs <= Date.now()) this.#keep()
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
    this.#together(failures)
    this.#errors = 0
    this.#tellGaveUp()
  }

  /** True when the jail has to give up. */
  #fail(error: Error): boolean {
    this.#say('ERROR', 'jail', `cannot go on with its logs: ${error.stack ?? error.message}`)
    if (++this.#errors < mostErrors) return false
    this.#say('ERROR', 'jail', `too many errors: jail '${this.name}' reads no more`)
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
    return this.#ignoreCheck === null ? failures : this.#notIgnored(failures, this.#ignoreCheck)
  }

  /** Failures that neither a list nor the jail's `ignorecommand` wants ignored, in order. */
  async #notIgnored(failures: readonly Failure[], check: IgnoreCheck): Promise<Failure[]> {
    const counted: Failure[] = []
    for (let at = 0; at < failures.length; at += askedAtOnce) {
      const asked = failures.slice(at, at + askedAtOnce)
      const answers = await Promise.all(
        asked.map((failure) => {
          const ban = this.#asBan(failure)
          const tagOf = (tag: string) => banTag(tag, ban, false) ?? jailTag(tag, ban, this.#tagContext)
          return check.ignores({ tagOf, groups: ban.groups }, () => this.#isAllowed(failure))
        }),
      )
      for (const [index, failure] of asked.entries()) if (!answers[index]) counted.push(failure)
    }
    return counted
  }

  /** What the lists say; a failure that they ignore is told of as any other. */
  #isAllowed(failure: Failure): boolean {
    const ignored = this.decider.wouldIgnore(failure)
    if (ignored !== null) this.#tellIgnored(ignored)
    return ignored !== null
  }

  /** A failure in the place of a ban, for tags. */
  #asBan({ id, address, timeMs, attempts, matches, groups }: Failure): Ban {
    return {
      jail: this.name,
      id,
      ...(address === undefined ? {} : { address }),
      startMs: timeMs,
      seconds: this.settings.banTimeSeconds,
      count: this.#services.store.earlier(id, this.name)?.count ?? 0,
      failures: attempts,
      matches,
      groups,
    }
  }

  #makeIgnoreCheck(): IgnoreCheck | null {
    const { ignoreCommand, ignoreCache } = this.settings
    if (ignoreCommand === undefined && ignoreCache === undefined) return null
    return new IgnoreCheck({
      command: ignoreCommand ?? null,
      cache: ignoreCache ?? null,
      run: this.#services.run,
      now: () => this.#services.now(),
      onTrouble: (message) => this.#say('ERROR', 'filter', message),
    })
  }

  /** Once a day: the machine's clock, the log's, or a time zone is wrong. */
  #tellOddTime(offMs: number, nowMs: number): void {
    if (Math.abs(offMs) <= oddTimeMs + 999 || nowMs < this.#toldOddTimeMs + tellOddTimeMs) return
    this.#toldOddTimeMs = nowMs
    const seconds = Math.trunc(Math.abs(offMs) / 1000)
    this.#say(
      'WARNING',
      'filter',
      `a line has a time ${seconds} s ${offMs < 0 ? 'before' : 'after'} now, and was written just now: is a clock or a time ` +
        'zone wrong? Such lines count as written now',
    )
  }

  #tellGaveUp(): void {
    const { gaveUp } = this.#filter
    const nowMs = this.#services.now()
    if (gaveUp === this.#toldGaveUp || nowMs < this.#toldGaveUpMs + tellAgainMs) return
    const count = gaveUp - this.#toldGaveUp
    this.#toldGaveUp = gaveUp
    this.#toldGaveUpMs = nowMs
    this.#say(
      'WARNING',
      'filter',
      `${count} searches took too long and were given up: such lines count as not matching`,
    )
  }

  /** Failures and positions are kept as one; what was decided is carried out then. */
  #together(failures: readonly Failure[]): readonly Decision[] {
    const { store, now } = this.#services
    const decisions = store.together(() => {
      const made = failures.map((failure) => this.#decide(failure, now()))
      const { changed, forgotten } = this.decider.takeChanges()
      store.saveFailures(this.name, changed, forgotten, () => this.decider.counts())
      const files = this.#follower?.positions() ?? []
      store.savePositions(this.name, { files, cursor: this.#cursor })
      return made
    })
    this.#act(decisions)
    return decisions
  }

  #failures(line: string, catchingUp: boolean, timeMs?: number): Failure[] {
    const nowMs = this.#services.now()
    const context = timeMs === undefined ? { nowMs } : { nowMs, timeMs }
    const found = this.#filter.process(line, context)
    if (found.length === 0) return found
    const { findTimeSeconds } = this.settings
    return found.flatMap((failure) => {
      const time = lineTime(failure.timeMs, { nowMs, findTimeSeconds, catchingUp })
      if (!catchingUp) this.#tellOddTime(failure.timeMs - nowMs, nowMs)
      return time === null ? [] : [{ ...failure, timeMs: time }]
    })
  }

  #decide(failure: Failure, nowMs: number): Decision {
    const decision = this.decider.failure(failure, nowMs)
    if (decision.kind === 'ignored') {
      this.#tellIgnored(decision)
      return decision
    }
    const id = decision.kind === 'counted' ? decision.id : decision.ban.id
    this.#say('INFO', 'filter', `Found ${id} - ${localSeconds(failure.timeMs)}`)
    if (decision.kind === 'already' && decision.prolonged) this.#services.store.record(decision.ban)
    return decision
  }

  #tellIgnored(decision: Decision): void {
    if (decision.kind !== 'ignored') return
    this.#say('INFO', 'filter', `Ignore ${decision.id} by ${decision.entry ?? decision.why}`)
  }

  #act(decisions: readonly Decision[]): void {
    const bans: Ban[] = []
    for (const decision of decisions) {
      if (decision.kind === 'banned') {
        bans.push(decision.ban)
      } else if (decision.kind === 'already') {
        this.#say(
          decision.lateSeconds > 60 ? 'WARNING' : 'NOTICE',
          'actions',
          `${decision.ban.id} already banned`,
        )
        if (decision.prolonged) for (const action of this.#actions) action.prolong(decision.ban)
        this.#checkAgain(decision.lateSeconds)
      } else if (decision.kind === 'expired')
        this.#say('INFO', 'actions', `Ignore ${decision.ban.id}, expired bantime`)
    }
    if (bans.length > 0) this.#enforce(bans)
  }

  #enforce(bans: readonly Ban[]): void {
    for (const { id, count, seconds } of bans) {
      this.#say('NOTICE', 'actions', `Ban ${id}`)
      if (count > 1 && this.settings.increment.enabled)
        this.#say('NOTICE', 'actions', `Increase Ban ${id} (${count} # ${seconds}s)`)
    }
    for (const action of this.#actions) action.ban(bans, false)
  }

  /** Looks up what the names in `ignoreip` stand for. */
  #resolveNames(): Promise<void> {
    this.#resolvedMs = this.#services.now()
    return resolveNames(this.#allowed, (message) => this.#say('WARNING', 'filter', `ignoreip: ${message}`))
  }

  #lift(bans: readonly Ban[]): void {
    for (const { id } of bans) this.#say('NOTICE', 'actions', `Unban ${id}`)
    for (const action of this.#actions) action.unban(bans)
  }

  /** Someone who is banned gets through: something may be wrong with the firewall. */
  #checkAgain(lateSeconds: number): void {
    const nowMs = this.#services.now()
    if (lateSeconds > 3 && this.#checkedMs + checkAgainMs <= nowMs) this.#check(nowMs)
  }

  /** Looks at once whether the firewall is as it should be. */
  checkActions(): void {
    this.#check(this.#services.now())
  }

  #check(nowMs: number): void {
    this.#checkedMs = nowMs
    for (const action of this.#actions)
      action.check(
        () => [...this.decider.bans],
        () =>
          this.#say('WARNING', 'actions', `${action.action.name}: somebody took it away; putting it back`),
      )
  }

  #followFiles(positions: readonly FilePosition[], nowMs: number): void {
    const { logPaths, logEncoding, findTimeSeconds } = this.settings
    const decode = decoderOf(logEncoding)
    if (decode === null) throw new Error(`logencoding "${logEncoding}" is not known`)
    const begin = beginOf(this.#filter, nowMs - findTimeSeconds * 1000, nowMs)
    this.#follower = new LogFollower({ patterns: logPaths, decode, positions, begin })
    const pump = (): void => void this.pump()
    this.#stopWatching = this.#follower.watch(pump)
    const missing = logPaths
      .map(({ glob }) => glob)
      .filter((glob) => !expandGlob(glob).some((path) => existsSync(path)))
    if (missing.length > 0) this.#say('WARNING', 'filter', `there is no file yet: ${missing.join(', ')}`)
    if (!hasNames(this.#allowed)) {
      pump()
      return
    }
    // Who is allowed by name must be known before anybody is banned.
    this.#again = true
    this.#pumping = Promise.race([this.#resolveNames(), pause(resolveFirstMs)]).then(() => this.#readAgain())
  }

  #followJournal(nowMs: number): void {
    this.#journal = followJournal({
      matches: this.settings.filter.journalmatch,
      cursor: this.#cursor,
      sinceMs: nowMs - this.settings.findTimeSeconds * 1000,
      onBatch: ({ lines, cursor }) => {
        this.#journalWork = this.#takeJournal(lines, cursor)
        return this.#journalWork
      },
      onTrouble: (message) => this.#say('WARNING', 'filter', `journalctl: ${message}`),
    })
  }

  async #takeJournal(lines: readonly JournalLine[], cursor: string): Promise<void> {
    try {
      // The journal's own times are right: nothing in it is odd for being late.
      const failures = await this.#failuresOf(listSource(lines), true)
      this.#cursor = cursor
      this.#together(failures)
      this.#tellGaveUp()
      this.#errors = 0
    } catch (error) {
      if (this.#fail(error as Error)) this.#journal?.stop()
    }
  }

  #queueOf(settings: JailSettings['actions'][number]): ActionQueue {
    const { now, run, enforce } = this.#services
    const context = {
      jail: this.name,
      nowMs: now,
      say: (level: 'info' | 'warning' | 'error', message: string) =>
        this.#say(level.toUpperCase() as 'INFO', 'actions', message),
      tagOf: (tag: string, ban: Ban) => jailTag(tag, ban, this.#tagContext),
    }
    const action = makeAction(settings, context, run)
    return new ActionQueue(enforce ? action : { ...unarmed, name: settings.name }, (error) =>
      this.#say('ERROR', 'actions', `Failed to execute action '${settings.name}': ${error.message}`),
    )
  }

  #say(...[level, speaker, message]: Parameters<Services['log']['say']>): void {
    this.#services.log.say(level, speaker, `[${this.settings.name}] ${message}`)
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What stands in for an action where nothing may be done to the machine: the log says all. */
const unarmed = {
  start: async () => {},
  ban: async () => {},
  unban: async () => {},
  check: async () => true,
  stop: async () => {},
}
