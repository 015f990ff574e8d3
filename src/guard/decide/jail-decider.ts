/**
 * One jail's decisions: failures and the clock come in, bans come out. It reads no clock and draws nothing at random.
 *
 * The order of a failure's way: no real address, allowed, the administrator's own session, too old, counted, banned.
 */
import type { Ban } from '../ban.ts'
import type { Failure } from '../failure.ts'
import type { JailSettings } from '../jail-settings.ts'
import type { AllowList } from './allow-list.ts'
import { BanList, banEndMs, isOver } from './ban-list.ts'
import { type BanTimeRule, banTimeRule, failureWeight } from './ban-time.ts'
import { type CounterLimits, defaultMaxIds, type FailureCount, FailureMemory } from './counter.ts'
import { countExactly } from './exact-counter.ts'
import type { BanHistory } from './history.ts'
import { addWeight, countRate } from './rate-counter.ts'
import { type Subject, subjectOf } from './subject.ts'

export type DeciderSettings = Pick<
  JailSettings,
  | 'name'
  | 'maxRetry'
  | 'findTimeSeconds'
  | 'banTimeSeconds'
  | 'increment'
  | 'window'
  | 'maxMatches'
  | 'ipv4PrefixLength'
  | 'ipv6PrefixLength'
>

/** What became of a failure. */
export type Decision =
  | { readonly kind: 'ignored'; readonly id: string; readonly why: IgnoredWhy; readonly entry?: string }
  | { readonly kind: 'counted'; readonly id: string; readonly count: number }
  | { readonly kind: 'banned'; readonly ban: Ban }
  /** It was banned already; `prolonged` when the ban now lasts longer. */
  | { readonly kind: 'already'; readonly ban: Ban; readonly prolonged: boolean; readonly lateSeconds: number }
  /** Its ban would be over by now. */
  | { readonly kind: 'expired'; readonly ban: Ban }

/**
 * Why a failure does not count: `not-an-address` (999.1.1.1), `allowed` (with the entry that does), `session` (the
 * administrator's own), `replayed` (no newer than the ban it led to; exact windows only).
 */
export type IgnoredWhy = 'not-an-address' | 'allowed' | 'session' | 'replayed'

/** Some 150 MB, and a quarter of what an ipset of the guard holds. */
const defaultMaxBans = 262_144

export interface DeciderOptions {
  readonly allowed: AllowList
  readonly history: BanHistory
  /** Whether an address belongs to a session of the administrator. */
  readonly isSession?: (address: string) => boolean
  /** Numbers of [0, 1) for `bantime.rndtime`. */
  readonly chance?: () => number
  readonly maxIds?: number
  /** How many bans of the jail may be in force; beyond, those that end first are lifted early. */
  readonly maxBans?: number
  /** Whether `takeChanges` is called now and then; false for dry runs. */
  readonly isSaved?: boolean
}

export class JailDecider {
  readonly settings: DeciderSettings
  readonly bans = new BanList()
  /** Failures that counted, ids banned: as fail2ban's status shows them. */
  totalFailed = 0
  totalBanned = 0
  /** Bans that were lifted before their end to make room. */
  liftedEarly = 0
  readonly #memory: FailureMemory
  readonly #limits: CounterLimits
  readonly #banTime: BanTimeRule
  readonly #options: DeciderOptions

  /** Throws `FormulaError` when the jail's formula cannot be read. */
  constructor(settings: DeciderSettings, options: DeciderOptions) {
    const { maxRetry, findTimeSeconds, maxMatches } = settings
    this.settings = settings
    this.#options = options
    const { maxIds = defaultMaxIds, isSaved = true } = options
    this.#limits = { maxRetry, findTimeSeconds, maxMatches, maxIds, isSaved }
    this.#memory = new FailureMemory(this.#limits)
    this.#banTime = banTimeRule(settings.increment)
  }

  /** Goes on counting where another stopped. */
  takeTotals({ totalFailed, totalBanned }: JailDecider): void {
    this.totalFailed = totalFailed
    this.totalBanned = totalBanned
  }

  /** Ids with failures that may still lead to a ban. */
  get currentlyFailed(): number {
    return this.#memory.size
  }

  /** Counts a failure at the given clock. A failure in the future counts as one of now. */
  failure(failure: Failure, nowMs: number): Decision {
    const subject = subjectOf(failure, this.settings)
    if (subject === null) return { kind: 'ignored', id: failure.id, why: 'not-an-address' }
    const ignored = this.#ignores(subject)
    if (ignored !== null) return ignored
    this.#memory.tick(nowMs)
    const timeMs = Math.min(failure.timeMs, nowMs)
    if (this.#isReplayed(subject.id, timeMs)) return { kind: 'ignored', id: subject.id, why: 'replayed' }
    const count = this.#count(subject.id, failure, timeMs, nowMs)
    this.totalFailed++
    if (count.count < this.#limits.maxRetry) this.#weigh(count, failure.attempts, timeMs)
    if (count.count < this.#limits.maxRetry) return { kind: 'counted', id: subject.id, count: count.count }
    this.#memory.delete(subject.id)
    return this.#ban(this.#banOf(subject, failure, count), nowMs)
  }

  /** Whether a failure would not count, and why: nothing is counted. */
  wouldIgnore(failure: Failure): Decision | null {
    const subject = subjectOf(failure, this.settings)
    return subject === null
      ? { kind: 'ignored', id: failure.id, why: 'not-an-address' }
      : this.#ignores(subject)
  }

  /** Bans by hand: no counting, and the allow-list does not hold it up. `seconds` overrides the jail's time. */
  banByHand(id: string, nowMs: number, seconds?: number): Decision {
    const subject = subjectOf({ id, timeMs: nowMs, attempts: 1, matches: [], groups: {} }, this.settings)
    if (subject === null) return { kind: 'ignored', id, why: 'not-an-address' }
    this.#memory.delete(subject.id)
    const ban = this.#banOf(
      subject,
      { id: subject.id, timeMs: nowMs, attempts: 0, matches: [], groups: {} },
      { lastSeconds: nowMs / 1000, failures: 0, matches: [] },
    )
    return this.#ban(seconds === undefined ? ban : { ...ban, seconds }, nowMs, seconds !== undefined)
  }

  /** Ends a ban and forgets the failures of its id. */
  unban(id: string): Ban | null {
    this.#memory.delete(id)
    return this.bans.delete(id) ?? null
  }

  /** The bans that are over by now, or too many, taken out of the list; also lets the memory of failures fade. */
  tick(nowMs: number): Ban[] {
    this.#memory.tick(nowMs)
    const over = this.bans.takeOver(nowMs)
    const surplus = this.bans.takeSurplus(this.#options.maxBans ?? defaultMaxBans)
    if (surplus.length === 0) return over
    this.liftedEarly += surplus.length
    return [...over, ...surplus]
  }

  /** Takes up a ban that was in force before a restart; false when it is over or allowed by now. */
  restoreBan(ban: Ban, nowMs: number): boolean {
    if (isOver(ban, nowMs) || this.#ignores(ban) !== null) return false
    this.bans.set(ban)
    this.totalBanned++
    return true
  }

  /** Counts that changed and ids forgotten since this was last asked, to be saved. */
  takeChanges(): { changed: FailureCount[]; forgotten: string[] } {
    return this.#memory.takeChanges()
  }

  restoreCounts(counts: Iterable<FailureCount>): void {
    this.#memory.restore(counts)
  }

  /** Every count, for a jail that goes on with new settings. */
  counts(): FailureCount[] {
    return [...this.#memory]
  }

  #ignores({ id, address }: Subject): Decision | null {
    const { allowed, isSession } = this.#options
    const entry =
      allowed.allows(address ?? id) ?? (address === undefined || address === id ? null : allowed.allows(id))
    if (entry !== null) return { kind: 'ignored', id, why: 'allowed', entry }
    return address !== undefined && isSession?.(address) ? { kind: 'ignored', id, why: 'session' } : null
  }

  /** Only exact windows: fail2ban counts what it reads again. */
  #isReplayed(id: string, timeMs: number): boolean {
    if (this.settings.window !== 'exact') return false
    const earlier = this.#options.history.earlier(id, this.settings.name)
    return earlier !== null && timeMs <= earlier.startMs
  }

  #count(id: string, failure: Failure, timeMs: number, nowMs: number): FailureCount {
    const counted = {
      id,
      timeSeconds: timeMs / 1000,
      attempts: failure.attempts,
      countsAs: failure.countsAs ?? 1,
      matches: failure.matches,
      nowMs,
    }
    return this.settings.window === 'exact'
      ? countExactly(this.#memory, counted, this.#limits)
      : countRate(this.#memory, counted, this.#limits)
  }

  /** Those who were banned before weigh more, unless the failure was seen before that ban. */
  #weigh(count: FailureCount, attempts: number, timeMs: number): void {
    if (!this.settings.increment.enabled) return
    const earlier = this.#options.history.earlier(count.id, this.settings.name)
    if (earlier === null || timeMs <= earlier.startMs) return
    const weight = failureWeight(earlier.count, this.#limits.maxRetry)
    if (weight <= 1) return
    addWeight(this.#memory, count, weight - 1, attempts)
    // fail2ban's total counts the added weight as one more failure.
    this.totalFailed++
  }

  #banOf(
    { id, address }: Subject,
    failure: Failure,
    { lastSeconds, failures, matches }: Pick<FailureCount, 'lastSeconds' | 'failures' | 'matches'>,
  ): Ban {
    const { name, banTimeSeconds } = this.settings
    return {
      jail: name,
      id,
      ...(address === undefined ? {} : { address }),
      startMs: Math.round(lastSeconds * 1000),
      seconds: banTimeSeconds,
      count: (this.#options.history.earlier(id, name)?.count ?? 0) + 1,
      failures,
      matches,
      groups: failure.groups,
    }
  }

  /** Puts a ban in force, longer than the jail's time for those who come back unless the time is fixed. */
  #ban(short: Ban, nowMs: number, isFixed = false): Decision {
    if (isOver(short, nowMs)) return { kind: 'expired', ban: short }
    const before = this.bans.get(short.id)
    if (before !== undefined) return this.#prolong(before, short)
    const ban = isFixed ? short : { ...short, seconds: this.#grownSeconds(short) }
    this.bans.set(ban)
    this.totalBanned++
    this.#options.history.record(ban)
    return { kind: 'banned', ban }
  }

  #grownSeconds({ id, seconds }: Ban): number {
    const { name, increment } = this.settings
    const known = this.#options.history.earlier(id, increment.overAllJails ? null : name)
    return this.#banTime(seconds, known?.count ?? 0, this.#options.chance ?? (() => 0))
  }

  /** A ban goes on from where it began, to the later of the two ends. */
  #prolong(before: Ban, ban: Ban): Decision {
    const lateSeconds = (ban.startMs - before.startMs) / 1000
    if (banEndMs(ban) <= banEndMs(before))
      return { kind: 'already', ban: before, prolonged: false, lateSeconds }
    const seconds = ban.seconds < 0 ? -1 : ban.seconds + Math.max(0, lateSeconds)
    const longer = { ...before, seconds }
    this.bans.set(longer)
    return { kind: 'already', ban: longer, prolonged: true, lateSeconds }
  }
}
