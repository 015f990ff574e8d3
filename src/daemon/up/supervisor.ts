/**
 * The services of a configuration, at work. One that cannot begin leaves the others alone and is tried again; another
 * configuration changes only what differs; a bad one changes nothing.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile } from '../config/index.ts'
import { checkConfig, isDeclared } from './check.ts'
import { sections } from './sections.ts'
import type {
  Ending,
  Metric,
  Section,
  Service,
  ServiceState,
  ServiceSurroundings,
  Surroundings,
} from './service.ts'

/** Between two tries to begin, in milliseconds: twice as long each time. */
const [firstRetryMs, longestRetryMs] = [2_000, 60_000]

interface Place {
  readonly section: Section
  service: Service | null
  /** The next try, where it could not begin. */
  retry: NodeJS.Timeout | null
  retryAtMs: number | null
  failures: number
  /** Why it could not begin. */
  error: string | null
}

/** How one section stands, for who asks. */
export interface SectionStatus {
  readonly section: string
  /** `at work`, or `waiting` for another try; `wanting`: at work, and not all is as the file wants it. */
  readonly state: 'at work' | 'waiting' | 'wanting'
  readonly text: string
  readonly problem: string | null
  readonly retryAtMs: number | null
  readonly data: Readonly<Record<string, unknown>>
}

export class Supervisor {
  readonly #surroundings: ServiceSurroundings
  readonly #places = new Map<string, Place>()
  /** Changes follow one another. */
  #last: Promise<unknown> = Promise.resolve()
  #reloadedAtMs: number

  #file: ConfigFile | null = null

  constructor(surroundings: Surroundings) {
    this.#surroundings = { ...surroundings, rulesReplaced: () => this.#rulesReplaced() }
    this.#reloadedAtMs = surroundings.nowMs()
  }

  /**
   * Makes this the configuration: what is new begins, what is gone ends, what has changed goes on with its change.
   * Answers the errors for which nothing was done; none when it is in force.
   */
  apply(file: ConfigFile): Promise<readonly Diagnostic[]> {
    const errors = checkConfig(file, this.#surroundings).filter(({ severity }) => severity === 'error')
    if (errors.length > 0) return Promise.resolve(errors)
    return this.#inOrder(async () => {
      const isFirst = this.#file === null
      this.#file = file
      this.#reloadedAtMs = this.#surroundings.nowMs()
      for (const section of sections) {
        if (isDeclared(file, section)) await this.#goOn(section, file)
        else if (isFirst) await this.#quietly(section, section.clearUp?.(this.#surroundings))
        else await this.#end(section, 'gone')
      }
      return []
    })
  }

  stop(): Promise<void> {
    return this.#inOrder(async () => {
      for (const section of [...sections].reverse()) await this.#end(section, 'ending')
    })
  }

  /** Whether all that the file wants is at work. */
  get ready(): boolean {
    return [...this.#places.values()].every(({ service }) => service !== null)
  }

  get loadedAtMs(): number {
    return this.#reloadedAtMs
  }

  status(): Promise<SectionStatus[]> {
    return Promise.all([...this.#places.values()].map(statusOf))
  }

  #rulesReplaced(): void {
    for (const { service } of this.#places.values()) service?.rulesReplaced?.()
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
    const place = this.#places.get(section.name) ?? {
      section,
      service: null,
      ...noRetry,
      failures: 0,
      error: null,
    }
    this.#places.set(section.name, place)
    if (place.retry !== null) clearTimeout(place.retry)
    Object.assign(place, noRetry)
    try {
      if (place.service === null) place.service = await section.start(file, this.#surroundings)
      else await place.service.reload(file)
      place.failures = 0
      place.error = null
    } catch (error) {
      await this.#tryLater(place, error as Error)
    }
  }

  async #tryLater(place: Place, error: Error): Promise<void> {
    const { log } = this.#surroundings
    // What a failed change has left at work is no more what the file says.
    await place.service?.stop('retry').catch(() => {})
    place.service = null
    const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** place.failures++)
    const hint = 'hint' in error && typeof error.hint === 'string' ? `; try: ${error.hint}` : ''
    place.error = `${error.message}${hint}`
    place.retryAtMs = this.#surroundings.nowMs() + waitMs
    log.say('error', place.section.name, `${place.error}; trying again in ${waitMs / 1000} s`)
    place.retry = setTimeout(() => {
      void this.#inOrder(async () => {
        if (this.#file !== null && this.#places.get(place.section.name) === place)
          await this.#goOn(place.section, this.#file)
      })
    }, waitMs)
  }

  async #end(section: Section, why: Ending): Promise<void> {
    const place = this.#places.get(section.name)
    if (place === undefined) return
    this.#places.delete(section.name)
    if (place.retry !== null) clearTimeout(place.retry)
    // What could not begin now may have been left by an earlier daemon.
    const clearUp = () => (why === 'gone' ? section.clearUp?.(this.#surroundings) : undefined)
    await this.#quietly(section, place.service === null ? clearUp() : place.service.stop(why))
  }

  async #quietly(section: Section, work: Promise<void> | undefined): Promise<void> {
    await work?.catch((error: Error) => this.#surroundings.log.say('error', section.name, error.message))
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#last.then(action)
    this.#last = next.catch(() => {})
    return next
  }
}

const noRetry = { retry: null, retryAtMs: null }

async function statusOf({ section, service, error, retryAtMs }: Place): Promise<SectionStatus> {
  const { name } = section
  if (service === null)
    return { section: name, state: 'waiting', text: '', problem: error, retryAtMs, data: {} }
  const { text, problem = null, data = {} }: ServiceState = await service.state()
  return {
    section: name,
    state: problem === null ? 'at work' : 'wanting',
    text,
    problem,
    retryAtMs: null,
    data,
  }
}
