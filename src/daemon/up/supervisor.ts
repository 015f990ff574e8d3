/**
 * The services of a configuration, at work. One that cannot begin leaves the others alone and is tried again; another
 * configuration changes only what differs; a bad one changes nothing.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile } from '../config/index.ts'
import { checkConfig } from './check.ts'
import { sections } from './sections.ts'
import type { Metric, Section, Service, Surroundings } from './service.ts'

/** Between two tries to begin, in milliseconds: twice as long each time. */
const [firstRetryMs, longestRetryMs] = [2_000, 60_000]

interface Place {
  readonly section: Section
  service: Service | null
  /** The next try, where it could not begin. */
  retry: NodeJS.Timeout | null
  failures: number
}

export class Supervisor {
  readonly #surroundings: Surroundings
  readonly #places = new Map<string, Place>()
  /** Changes follow one another. */
  #last: Promise<unknown> = Promise.resolve()
  #reloadedAtMs: number

  #file: ConfigFile | null = null

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#reloadedAtMs = surroundings.nowMs()
  }

  /**
   * Makes this the configuration: what is new begins, what is gone ends, what has changed goes on with its change.
   * Answers the errors for which nothing was done; none when it is in force.
   */
  apply(file: ConfigFile): Promise<readonly Diagnostic[]> {
    const errors = checkConfig(file).filter(({ severity }) => severity === 'error')
    if (errors.length > 0) return Promise.resolve(errors)
    return this.#inOrder(async () => {
      this.#file = file
      this.#reloadedAtMs = this.#surroundings.nowMs()
      for (const section of sections) {
        if (file.config?.[section.name] === undefined) await this.#end(section)
        else await this.#goOn(section, file)
      }
      return []
    })
  }

  stop(): Promise<void> {
    return this.#inOrder(async () => {
      for (const section of [...sections].reverse()) await this.#end(section)
    })
  }

  /** Whether all that the file wants is at work. */
  get ready(): boolean {
    return [...this.#places.values()].every(({ service }) => service !== null)
  }

  metrics(): readonly Metric[] {
    const own = [...this.#places].map(
      ([section, { service }]): Metric => ({
        name: 'postern_service_up',
        help: 'Whether a section of postern.yaml is at work.',
        type: 'gauge',
        labels: { section },
        value: service === null ? 0 : 1,
      }),
    )
    const reloaded: Metric = {
      name: 'postern_config_loaded_timestamp_seconds',
      help: 'When the configuration in force was taken up.',
      type: 'gauge',
      value: this.#reloadedAtMs / 1000,
    }
    return [
      reloaded,
      ...own,
      ...[...this.#places.values()].flatMap(({ service }) => service?.metrics() ?? []),
    ]
  }

  async #goOn(section: Section, file: ConfigFile): Promise<void> {
    const place = this.#places.get(section.name) ?? { section, service: null, retry: null, failures: 0 }
    this.#places.set(section.name, place)
    if (place.retry !== null) clearTimeout(place.retry)
    place.retry = null
    try {
      if (place.service === null) place.service = await section.start(file, this.#surroundings)
      else await place.service.reload(file)
      place.failures = 0
    } catch (error) {
      await this.#tryLater(place, error as Error)
    }
  }

  async #tryLater(place: Place, error: Error): Promise<void> {
    const { log } = this.#surroundings
    // What a failed change has left at work is no more what the file says.
    await place.service?.stop().catch(() => {})
    place.service = null
    const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** place.failures++)
    const hint = 'hint' in error && typeof error.hint === 'string' ? `; try: ${error.hint}` : ''
    log.say('error', place.section.name, `${error.message}${hint}; trying again in ${waitMs / 1000} s`)
    place.retry = setTimeout(() => {
      void this.#inOrder(async () => {
        if (this.#file !== null && this.#places.get(place.section.name) === place)
          await this.#goOn(place.section, this.#file)
      })
    }, waitMs)
  }

  async #end(section: Section): Promise<void> {
    const place = this.#places.get(section.name)
    if (place === undefined) return
    this.#places.delete(section.name)
    if (place.retry !== null) clearTimeout(place.retry)
    await place.service
      ?.stop()
      .catch((error: Error) => this.#surroundings.log.say('error', section.name, error.message))
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#last.then(action)
    this.#last = next.catch(() => {})
    return next
  }
}
