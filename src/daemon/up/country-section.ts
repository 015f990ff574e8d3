/** The section `country`: lists fetched now and then, whole countries refused. */
import { runProgram } from '../../linux/bans/index.ts'
import {
  type CountrySettings,
  CountryStore,
  entriesInForce,
  families,
  isAsked,
  listsOf,
  NoList,
  removeAll,
  requireTools,
  type Synced,
  sync,
  WouldCutOff,
} from '../../linux/country/index.ts'
import { administratorSessions } from '../../linux/sessions.ts'
import type { ConfigFile } from '../config/index.ts'
import { settleCountry } from '../firewall/index.ts'
import type { Ending, Metric, Section, Service, ServiceState, ServiceSurroundings } from './service.ts'

export const countrySection: Section = {
  name: 'country',
  keys: ['country'],
  check: (file, { stateFolder }) => settleCountry(file, stateFolder).wrong,
  async start(file, surroundings) {
    const service = new CountryService(surroundings)
    await service.reload(file)
    return service
  },
  async clearUp({ enforce, stateFolder, log }) {
    if (!enforce) return
    const store = new CountryStore(`${stateFolder}/country`)
    const status = await store.status()
    if (status?.by !== owner) return
    await removeAll(status.set, runProgram)
    await store.forgetStatus()
    log.say('notice', 'country', `the country block ${status.set} is gone`)
  },
}

/** What tells a block of the daemon's from one that somebody has put there by hand. */
const owner = 'up'

/** Until the next try after a failure, in milliseconds: twice as long each time, and the time of refreshing at most. */
const firstRetryMs = 60_000

class CountryService implements Service {
  readonly #surroundings: ServiceSurroundings
  #settings: CountrySettings | null = null
  #refreshMs = 0
  #onStop: 'keep' | 'remove' = 'keep'
  #status: Synced['status'] | null = null
  #problem: string | null = null
  #timer: NodeJS.Timeout | null = null
  #nextMs: number | null = null
  #failed = 0
  #syncs = { done: 0, failures: 0 }
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(surroundings: ServiceSurroundings) {
    this.#surroundings = surroundings
  }

  /**
   * Lists of servers are fetched behind the start, which is before the network: until then the last good ones hold, if
   * there are any. Lists of files are read at once.
   */
  async reload(file: ConfigFile): Promise<void> {
    const { settings, refreshMs } = settleCountry(file, this.#surroundings.stateFolder)
    const before = this.#settings
    this.#onStop = file.config!['on-stop'] ?? 'keep'
    const isSame = JSON.stringify(before) === JSON.stringify(settings) && this.#refreshMs === refreshMs
    this.#refreshMs = refreshMs
    this.#settings = settings
    if (isSame || settings === null) return
    if (this.#surroundings.enforce) await requireTools(runProgram)
    this.#failed = 0
    if (settings.source.kind === 'url') {
      const isKept = await this.#sync(true).catch(this.#unlessNoList)
      const dueMs = isKept && before === null ? await this.#dueMs() : 0
      this.#wakeIn(dueMs)
    } else {
      await this.#sync(false).catch((error) => {
        if (!(error instanceof WouldCutOff)) throw error
        this.#fail(error, refreshMs)
      })
      this.#wakeIn(refreshMs)
    }
    if (before !== null && before.set !== settings.set && this.#surroundings.enforce)
      await removeAll(before.set, runProgram)
  }

  #unlessNoList = (error: unknown): false => {
    if (error instanceof NoList || error instanceof WouldCutOff) return false
    throw error
  }

  /** Time until lists have to be fetched again that an earlier daemon fetched. */
  async #dueMs(): Promise<number> {
    const fetchedAtMs = await new CountryStore(this.#settings!.stateFolder).fetchedAtMs(
      listsOf(this.#settings!),
    )
    return fetchedAtMs === null
      ? 0
      : Math.max(0, Math.min(this.#refreshMs, fetchedAtMs + this.#refreshMs - this.#surroundings.nowMs()))
  }

  #wakeIn(waitMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#nextMs = this.#surroundings.nowMs() + waitMs
    this.#timer = setTimeout(() => void this.#refresh(), waitMs)
  }

  async #refresh(): Promise<void> {
    try {
      await this.#sync(false)
      this.#failed = 0
      const isStale = (this.#status?.warnings.length ?? 0) > 0
      this.#wakeIn(isStale ? this.#retryMs() : this.#refreshMs)
    } catch (error) {
      const waitMs = error instanceof WouldCutOff ? this.#refreshMs : this.#retryMs()
      this.#fail(error as Error, waitMs)
      this.#wakeIn(waitMs)
    }
  }

  #fail({ message }: Error, waitMs: number): void {
    this.#syncs.failures++
    this.#problem = message
    const what = this.#status === null ? 'nobody is refused yet' : 'what was in force stays'
    this.#surroundings.log.say('error', 'country', `${message}; ${what}; trying again in ${spanText(waitMs)}`)
  }

  #retryMs(): number {
    return Math.min(this.#refreshMs, firstRetryMs * 2 ** this.#failed++)
  }

  /** One after the other. True when it is done. */
  #sync(offline: boolean): Promise<true> {
    const turn = this.#last.then(() => this.#syncNow(offline))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #syncNow(offline: boolean): Promise<true> {
    const { enforce, nowMs, log } = this.#surroundings
    if (this.#stopped) return true
    const { status } = await sync(this.#settings!, {
      force: false,
      dryRun: !enforce,
      offline,
      by: owner,
      sessions: [...administratorSessions()],
      nowMs,
      run: runProgram,
    })
    this.#status = status
    this.#problem = null
    this.#syncs.done++
    for (const warning of status.warnings) log.say('warning', 'country', warning)
    const { ipv4, ipv6 } = status.prefixes
    const codes = status.countries.map(({ code }) => code).join(' ')
    log.say(
      enforce ? 'info' : 'notice',
      'country',
      `${enforce ? 'refused' : 'would refuse'}: ${codes} (${ipv4} prefixes of IPv4, ${ipv6} of IPv6)${offline ? ', by the last good lists' : ''}`,
    )
    return true
  }

  async stop(why: Ending): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#last
    if (!this.#surroundings.enforce || why === 'retry' || this.#settings === null) return
    if (why === 'ending' && this.#onStop === 'keep') return
    await removeAll(this.#settings.set, runProgram)
    const store = new CountryStore(this.#settings.stateFolder)
    if ((await store.status()) !== null) await store.forgetStatus()
    this.#surroundings.log.say('notice', 'country', `the country block ${this.#settings.set} is gone`)
  }

  metrics(): readonly Metric[] {
    const gauge = (name: string, help: string, value: number, labels?: Record<string, string>): Metric => ({
      name: `postern_country_${name}`,
      help,
      type: name.endsWith('_total') ? 'counter' : 'gauge',
      ...(labels && { labels }),
      value,
    })
    const status = this.#status
    return [
      ...(status?.countries ?? []).map(({ code, networks }) =>
        gauge('networks', 'Networks of each country that is refused.', networks, { country: code }),
      ),
      ...(status === null
        ? []
        : [
            ...families.map((family) =>
              gauge('prefixes', 'Prefixes in the sets.', status.prefixes[family], { family }),
            ),
            gauge('synced_timestamp_seconds', 'When the sets were filled last.', status.syncedAtMs / 1000),
            gauge('stale_lists', 'Lists that could not be had anew.', status.warnings.length),
          ]),
      gauge('syncs_total', 'How often the sets were filled since the start.', this.#syncs.done),
      gauge('sync_failures_total', 'How often they could not be.', this.#syncs.failures),
    ]
  }

  async state(): Promise<ServiceState> {
    const { enforce, nowMs } = this.#surroundings
    const status = this.#status
    const nextMs = this.#nextMs
    const live = enforce && status !== null ? await this.#live() : null
    const isWhole = live?.every(({ whole }) => whole) ?? true
    const { ipv4, ipv6 } = status?.prefixes ?? { ipv4: 0, ipv6: 0 }
    const text = [
      this.#settings!.countries.join(' '),
      status === null ? 'no lists yet' : `${ipv4} prefixes of IPv4, ${ipv6} of IPv6`,
      nextMs === null ? '' : `fetched again in ${spanText(nextMs - nowMs())}`,
    ]
    return {
      text: text.filter((part) => part !== '').join('; '),
      problem:
        this.#problem ?? (isWhole ? null : 'the kernel has something else than the last sync put there'),
      data: { status, nextSyncAtMs: nextMs, live },
    }
  }

  #live() {
    const { set } = this.#settings!
    return Promise.all(
      families.map(async (family) => {
        const entries = await entriesInForce(set, family, runProgram)
        const asked = await isAsked(set, family, runProgram)
        return { family, entries, isAsked: asked, whole: asked && entries === this.#status!.prefixes[family] }
      }),
    )
  }
}

/** In the largest unit that tells something: `3 d`, `12 min`. */
function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds >= 2 * 86_400) return `${Math.round(seconds / 86_400)} d`
  if (seconds >= 2 * 3_600) return `${Math.round(seconds / 3_600)} h`
  if (seconds >= 120) return `${Math.round(seconds / 60)} min`
  return `${seconds} s`
}
