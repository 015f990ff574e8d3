/** All jails of a guard: started, ticked, asked, reloaded, stopped. A jail that fails leaves the others at work. */

import type { JailSettings } from '../../guard/jail-settings.ts'
import { parseAddress } from '../../net/address.ts'
import { JailRunner } from './jail-runner.ts'
import type { Services } from './services.ts'

/** The longest sleep between two looks at the clock, in milliseconds. */
const longestSleepMs = 1000

export class Guard {
  readonly services: Services
  readonly #jails = new Map<string, JailRunner>()
  #timer: NodeJS.Timeout | null = null

  constructor(services: Services) {
    this.services = services
  }

  get jails(): readonly JailRunner[] {
    return [...this.#jails.values()]
  }

  jail(name: string): JailRunner | undefined {
    return this.#jails.get(name)
  }

  /** Starts jails; returns those that could not be, with the reason. */
  start(jails: readonly JailSettings[]): { jail: string; message: string }[] {
    const failed = jails.flatMap((settings) => this.#startJail(settings))
    this.#sleep()
    return failed
  }

  /**
   * Goes on with new settings. Jails whose settings are the same are left alone; others start anew with the bans,
   * failures and positions that they had; jails that are gone lift their bans.
   */
  async reload(jails: readonly JailSettings[]): Promise<{ jail: string; message: string }[]> {
    const wanted = new Map(jails.map((settings) => [settings.name, settings]))
    const before = new Map(this.#jails)
    for (const runner of this.jails) {
      const next = wanted.get(runner.name)
      if (next !== undefined && JSON.stringify(next) === JSON.stringify(runner.settings)) continue
      await this.stopJail(runner.name, next === undefined || actionsDiffer(next, runner.settings))
    }
    return jails
      .filter(({ name }) => !this.#jails.has(name))
      .flatMap((settings) => this.#startJail(settings, before.get(settings.name)))
  }

  /**
   * Lets one jail go on with other settings, and with its bans, failures and positions, until the next `reload`.
   * Throws when it cannot start with them; it then goes on as before.
   */
  async change(next: JailSettings): Promise<void> {
    const before = this.#jails.get(next.name)
    await this.stopJail(next.name, before !== undefined && actionsDiffer(next, before.settings))
    const [failed] = this.#startJail(next, before)
    if (failed === undefined) return
    if (before !== undefined) this.#startJail(before.settings, before)
    throw new Error(failed.message)
  }

  async stopJail(name: string, lift: boolean): Promise<void> {
    const runner = this.#jails.get(name)
    this.#jails.delete(name)
    await runner?.stop(lift)
  }

  /** Stops all. `lift` also takes the bans off the machine; they are put back at the next start. */
  async stop(lift: boolean): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    await Promise.all(this.jails.map(({ name }) => this.stopJail(name, lift)))
  }

  /** Lets the clock advance in all jails. */
  tick(): void {
    for (const runner of this.jails) {
      try {
        runner.tick()
      } catch (error) {
        this.services.log.say('ERROR', 'jail', `[${runner.name}] ${(error as Error).message}`)
      }
    }
  }

  /** Looks whether the firewall has all bans still, and puts back what it has not. */
  checkActions(): void {
    for (const runner of this.jails) runner.checkActions()
  }

  /** Reads what there is to read, everywhere, and waits for the actions. */
  async settle(): Promise<void> {
    await Promise.all(this.jails.map((runner) => runner.pump()))
    await Promise.all(this.jails.map((runner) => runner.idle()))
  }

  /** Allows an address in every jail, and ends its bans. Returns how many those were. */
  allow(entry: string): number {
    this.services.allowed.add(entry)
    this.services.store.allow('', entry)
    return this.jails.reduce((sum, runner) => sum + this.#liftAllowed(runner), 0)
  }

  disallow(entry: string): boolean {
    this.services.store.disallow('', entry)
    return this.services.allowed.remove(entry)
  }

  #liftAllowed(runner: JailRunner): number {
    const { allowed } = this.services
    const lifted = [...runner.decider.bans].filter(
      ({ id, address }) =>
        allowed.allows(id) !== null || (address !== undefined && allowed.allows(address) !== null),
    )
    for (const { id } of lifted) runner.unban(id)
    return lifted.length
  }

  /** `before` is the one that it goes on from, as far as totals go. */
  #startJail(settings: JailSettings, before?: JailRunner): { jail: string; message: string }[] {
    try {
      const runner = new JailRunner(settings, this.services)
      runner.start()
      if (before !== undefined) runner.decider.takeTotals(before.decider)
      this.#jails.set(settings.name, runner)
      return []
    } catch (error) {
      const { message } = error as Error
      this.services.log.say('ERROR', 'jail', `[${settings.name}] not started: ${message}`)
      return [{ jail: settings.name, message }]
    }
  }

  /** Wakes when the next ban ends, to the millisecond, and every second. */
  #sleep(): void {
    const nowMs = this.services.now()
    const ends = this.jails.map((runner) => runner.nextEndMs()).filter((end) => end !== null)
    const next = Math.min(nowMs + longestSleepMs, ...ends.map((end) => end + 1))
    this.#timer = setTimeout(
      () => {
        this.tick()
        this.#sleep()
      },
      Math.max(1, next - nowMs),
    )
  }
}

const actionsDiffer = (a: JailSettings, b: JailSettings): boolean =>
  JSON.stringify(a.actions) !== JSON.stringify(b.actions)

/** Whether a word can be an address rather than a jail's name. */
export const isAddress = (word: string): boolean => parseAddress(word.split('/')[0]!) !== null
