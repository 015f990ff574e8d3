/** The section `authport`: a login that opens a port. */
import { join } from 'node:path'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { type AuthportSettings, settleAuthport, startAuthport } from '../authport/index.ts'
import type { ConfigFile } from '../config/index.ts'
import type { Ending, Metric, Section, Service, ServiceState, ServiceSurroundings } from './service.ts'

export const authportSection: Section = {
  name: 'authport',
  keys: ['authport'],
  check: (file) => readAuthport(file).wrong,
  start: async (file, surroundings) => AuthportService.start(file, surroundings),
}

/** The settings of the section, which is there, and what is wrong with it. */
export function readAuthport(file: ConfigFile): { settings: AuthportSettings; wrong: Diagnostic[] } {
  const wrong: Diagnostic[] = []
  const settings = settleAuthport(file.config!.authport!, (path, message, help) =>
    wrong.push(file.errorAt(['authport', ...path], message, help)),
  )
  return { settings, wrong }
}

type Running = Awaited<ReturnType<typeof startAuthport>>

class AuthportService implements Service {
  readonly #surroundings: ServiceSurroundings
  /** Of each kind since the start. */
  readonly #events = new Map<string, number>()
  #section: string
  #running: Running | null = null

  private constructor(file: ConfigFile, surroundings: ServiceSurroundings) {
    this.#surroundings = surroundings
    this.#section = JSON.stringify(file.config!.authport)
  }

  static async start(file: ConfigFile, surroundings: ServiceSurroundings): Promise<AuthportService> {
    const service = new AuthportService(file, surroundings)
    await service.#begin(readAuthport(file).settings)
    return service
  }

  async #begin(settings: AuthportSettings): Promise<void> {
    const { enforce, log, nowMs, program, runFolder } = this.#surroundings
    this.#running = await startAuthport({
      settings,
      enforce,
      nowMs,
      folder: join(runFolder, 'authport'),
      doorCommand: [...program, 'authport', 'door'],
      tell: ({ event, address, user, why }) => {
        this.#events.set(event, (this.#events.get(event) ?? 0) + 1)
        const level =
          event === 'error' ? 'error' : event === 'opened' || event === 'closed' ? 'info' : 'warning'
        log.say(level, 'authport', `${event} ${address}${why === undefined ? '' : ` (${why})`}`, { user })
      },
      say: (message) => log.say('warning', 'authport', message),
    })
    log.say('info', 'authport', `listening at ${this.#running.listening.join(', ')}`)
  }

  async reload(file: ConfigFile): Promise<void> {
    const section = JSON.stringify(file.config!.authport)
    // Sessions stay; users and certificates are read anew.
    if (section === this.#section) {
      this.#running?.renew()
      return
    }
    const { settings } = readAuthport(file)
    // Both cannot listen at one address: the old one goes first.
    await this.#running?.stop()
    this.#running = null
    this.#section = section
    await this.#begin(settings)
  }

  async stop(_why: Ending): Promise<void> {
    await this.#running?.stop()
  }

  state(): ServiceState {
    const listening = this.#running?.listening ?? []
    const events = Object.fromEntries(this.#events)
    return { text: `listening at ${listening.join(', ')}`, data: { listening, events } }
  }

  metrics(): readonly Metric[] {
    return [...this.#events].map(([event, value]) => ({
      name: 'postern_authport_events_total',
      help: 'What happened at the auth port.',
      type: 'counter',
      labels: { event },
      value,
    }))
  }
}
