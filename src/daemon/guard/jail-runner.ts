/**
 * One jail at work: lines from its logs go through its filter, failures to its decider, bans to its actions.
 *
 * What a batch of lines led to, and where reading stands after it, are kept together: whatever happens to the process,
 * no line counts twice and none is passed over. Only then do actions run.
 */
import type { Ban } from '../../guard/ban.ts'
import { AllowList, type Decision, JailDecider } from '../../guard/decide/index.ts'
import type { Failure } from '../../guard/failure.ts'
import { createFilter } from '../../guard/filter/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { hasNames, resolveNames } from './allowed-names.ts'
import { localSeconds } from './guard-log.ts'
import { ignoredFailures } from './ignored-failures.ts'
import { JailActions } from './jail-actions.ts'
import { JailReader } from './jail-reader.ts'
import { nameByResolver } from './jail-tags.ts'
import type { Services } from './services.ts'

/** How often names in `ignoreip` are looked up, in milliseconds. */
const resolveEveryMs = 300_000

export class JailRunner {
  readonly settings: JailSettings
  readonly decider: JailDecider
  readonly #services: Services
  readonly #allowed: AllowList
  readonly #reader: JailReader
  readonly #actions: JailActions
  #resolvedMs = Number.NEGATIVE_INFINITY
  #isStopped = false

  /** Throws when a setting of the jail cannot be used. */
  constructor(settings: JailSettings, services: Services) {
    const { store, zone } = services
    this.settings = settings
    this.#services = services
    const filter = createFilter(settings.filter, { zone })
    const say: Services['log']['say'] = (...told) => this.#say(...told)
    for (const problem of filter.problems)
      say('WARNING', 'filter', `${problem.option} ${problem.index + 1}: ${problem.message}`)
    this.#allowed = new AllowList([...settings.ignoreAddresses, ...store.allowed(settings.name)])
    const decider = new JailDecider(settings, {
      allowed: this.#allowed,
      history: store,
      isSession: (address) => services.allowed.allows(address) !== null || services.isSession(address),
      chance: () => services.chance(),
    })
    this.decider = decider
    const tagContext = { decider, store, nameOf: services.nameOf ?? nameByResolver }
    this.#actions = new JailActions({ settings, services, decider, tagContext, say })
    const notIgnored = ignoredFailures({
      settings,
      decider,
      tagContext,
      run: services.run,
      now: () => services.now(),
      onIgnored: (ignored) => this.#tellIgnored(ignored),
      onTrouble: (message) => say('ERROR', 'filter', message),
    })
    const keep = (failures: readonly Failure[]): void => void this.#together(failures, true)
    this.#reader = new JailReader({ settings, services, filter, notIgnored, keep, say })
  }

  get name(): string {
    return this.settings.name
  }

  /** Files that are followed. */
  get files(): readonly string[] {
    return this.#reader.files
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
    this.#actions.start(restored, nowMs)
    // who is allowed by name must be known before anybody is banned
    const resolved =
      this.settings.backend === 'files' && hasNames(this.#allowed) ? this.#resolveNames() : null
    this.#reader.start(store.positions(name), nowMs, resolved)
    this.#say('INFO', 'jail', `Jail '${name}' started`)
  }

  /** Stops reading. `lift` also lifts all bans, as far as the machine goes: they stay in the store. */
  async stop(lift: boolean): Promise<void> {
    this.#isStopped = true
    await this.#reader.stop()
    await this.#actions.stop(lift)
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
      this.#actions.lift(over)
    }
    this.#actions.tick(nowMs)
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
    this.#actions.act([decision])
    return decision
  }

  /** Counts a failure that no log tells of; each text is one more attempt. */
  attempt(id: string, matches: readonly string[]): Decision {
    const timeMs = this.#services.now()
    const attempts = Math.max(1, matches.length)
    const failure = { id, address: id, timeMs, attempts, countsAs: attempts, matches, groups: {} }
    return this.#together([failure], false)[0]!
  }

  /** Looks at once whether the firewall is as it should be. */
  checkActions(): void {
    this.#actions.check()
  }

  /** The ban that was lifted, or null. */
  unban(id: string): Ban | null {
    const ban = this.decider.unban(id)
    if (ban === null) return null
    this.#services.store.end(this.name, id)
    this.#actions.lift([ban])
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
    return this.#reader.pump()
  }

  async idle(): Promise<void> {
    await this.#reader.idle()
    await this.#actions.idle()
  }

  /**
   * Failures are kept together with where reading stands after them, if they are all of what was read; what was decided
   * is carried out then.
   */
  #together(failures: readonly Failure[], isAll: boolean): readonly Decision[] {
    const { store, now } = this.#services
    const decisions = store.together(() => {
      const made = failures.map((failure) => this.#decide(failure, now()))
      const { changed, forgotten } = this.decider.takeChanges()
      store.saveFailures(this.name, changed, forgotten, () => this.decider.counts())
      if (isAll) store.savePositions(this.name, this.#reader.positions)
      return made
    })
    this.#actions.act(decisions)
    return decisions
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

  #tellIgnored(decision: Decision | null): void {
    if (decision?.kind !== 'ignored') return
    this.#say('INFO', 'filter', `Ignore ${decision.id} by ${decision.entry ?? decision.why}`)
  }

  /** Looks up what the names in `ignoreip` stand for. */
  #resolveNames(): Promise<void> {
    this.#resolvedMs = this.#services.now()
    return resolveNames(this.#allowed, (message) => this.#say('WARNING', 'filter', `ignoreip: ${message}`))
  }

  #say(...[level, speaker, message]: Parameters<Services['log']['say']>): void {
    this.#services.log.say(level, speaker, `[${this.settings.name}] ${message}`)
  }
}
