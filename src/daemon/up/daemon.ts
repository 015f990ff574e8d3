/** The daemon from its start to its end: configuration, sections, socket, metrics, systemd. */
import { join } from 'node:path'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { renderDiagnostic } from '../../lang/render.ts'
import { listen, VerbError } from '../../linux/control-socket.ts'
import { parseEndpoint } from '../authport/index.ts'
import type { ConfigFile } from '../config/index.ts'
import { putLastBack } from '../firewall/index.ts'
import { checkConfig } from './check.ts'
import { type MetricsServer, serveMetrics } from './metrics.ts'
import type { Notifier } from './notify.ts'
import type { Surroundings } from './service.ts'
import { type SectionStatus, Supervisor } from './supervisor.ts'

export interface DaemonParts extends Omit<Surroundings, 'reload'> {
  /** The configuration's path, for those who ask. */
  readonly path: string
  readonly notify: Notifier
  /** Rejects where the file cannot be read. */
  read(): Promise<ConfigFile>
}

/** What `postern up status` is told. */
export interface DaemonStatus {
  readonly pid: number
  readonly file: string
  readonly enforce: boolean
  readonly startedAtMs: number
  readonly loadedAtMs: number
  /** What was wrong with the file when it was read last; it is not in force then. Empty when all was well. */
  readonly refused: readonly string[]
  readonly sections: readonly SectionStatus[]
}

/** The file cannot be used. */
export class ConfigRefused extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]?.message ?? 'the configuration is refused')
    this.diagnostics = diagnostics
  }
}

export const socketIn = (runFolder: string): string => join(runFolder, 'up.sock')

export class Daemon {
  readonly #parts: DaemonParts
  readonly #supervisor: Supervisor
  readonly #startedAtMs: number
  #close: () => Promise<void> = async () => {}
  #metrics: { readonly at: string; readonly server: MetricsServer } | null = null
  #refused: readonly string[] = []

  private constructor(parts: DaemonParts) {
    this.#parts = parts
    this.#startedAtMs = parts.nowMs()
    this.#supervisor = new Supervisor({ ...parts, reload: () => this.reload() })
  }

  /**
   * Throws `ConfigRefused`, and `UnavailableError` where another daemon listens. The rules that were in force last are put
   * back for a machine that has just started with a file that is of no use.
   */
  static async start(parts: DaemonParts): Promise<Daemon> {
    const { log, enforce, notify } = parts
    const daemon = new Daemon(parts)
    let file: ConfigFile
    try {
      daemon.#close = await listen(socketIn(parts.runFolder), 'postern up', (words) => daemon.#verb(words))
      file = await parts.read()
      await daemon.#take(file)
    } catch (error) {
      await daemon.#close()
      if (enforce) await daemon.#fallBack()
      throw error
    }
    await daemon.#serveMetrics(file)
    const { ready } = daemon.#supervisor
    notify.tell('READY=1', `STATUS=${ready ? 'all at work' : 'some sections could not begin'}`)
    log.say('info', 'up', ready ? 'all at work' : 'at work, but for what could not begin')
    return daemon
  }

  /** Makes it the configuration. Throws `ConfigRefused`; then nothing has changed. */
  async #take(file: ConfigFile): Promise<void> {
    const { log, stateFolder } = this.#parts
    for (const each of checkConfig(file, { stateFolder }))
      if (each.severity === 'warning') log.problem('up', each)
    const errors = await this.#supervisor.apply(file)
    if (errors.length > 0) throw new ConfigRefused(errors)
  }

  async #fallBack(): Promise<void> {
    const { log, stateFolder, nowMs, path } = this.#parts
    try {
      await putLastBack({
        stateFolder,
        nowMs,
        name: path,
        say: (level, message) => log.say(level, 'rules', message),
      })
    } catch (error) {
      log.say('error', 'rules', `the rules of before could not be put back: ${(error as Error).message}`)
    }
  }

  /** Reads the file anew; what is wrong leaves the old configuration in force. Answers it, a text each. */
  async reload(): Promise<readonly string[]> {
    const { log, notify, path } = this.#parts
    notify.tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    try {
      const file = await this.#parts.read()
      await this.#take(file)
      await this.#serveMetrics(file)
      this.#refused = []
      log.say('info', 'up', `${path} read anew`)
    } catch (error) {
      if (error instanceof ConfigRefused) {
        this.#refused = error.diagnostics.map((each) => renderDiagnostic(each).trimEnd())
        for (const each of error.diagnostics) log.problem('up', each)
      } else {
        this.#refused = [(error as Error).message]
        log.say('error', 'up', (error as Error).message)
      }
      log.say('error', 'up', `${path} cannot be used: the old configuration stays in force`)
    }
    notify.tell('READY=1')
    return this.#refused
  }

  async #serveMetrics({ config }: ConfigFile): Promise<void> {
    const at = config?.metrics ?? null
    if (at === (this.#metrics?.at ?? null)) return
    this.#metrics?.server.close()
    this.#metrics = null
    if (at === null) return
    try {
      const server = await serveMetrics(parseEndpoint(at)!, () => this.#supervisor.metrics())
      this.#metrics = { at, server }
    } catch (error) {
      this.#parts.log.say('error', 'up', `no metrics at ${at}: ${(error as Error).message}`)
    }
  }

  async #verb([verb = '', ...rest]: readonly string[]): Promise<unknown> {
    if (rest.length > 0) throw new VerbError(`"${verb}" takes no words`)
    switch (verb) {
      case 'ping':
        return 'pong'
      case 'status':
        return this.status()
      case 'reload':
        return this.reload()
      default:
        throw new VerbError(`postern up does not know "${verb}": ping, status, reload`)
    }
  }

  async status(): Promise<DaemonStatus> {
    const { path, enforce } = this.#parts
    return {
      pid: process.pid,
      file: path,
      enforce,
      startedAtMs: this.#startedAtMs,
      loadedAtMs: this.#supervisor.loadedAtMs,
      refused: this.#refused,
      sections: await this.#supervisor.status(),
    }
  }

  async stop(): Promise<void> {
    this.#parts.notify.tell('STOPPING=1')
    await this.#supervisor.stop()
    this.#metrics?.server.close()
    await this.#close()
    this.#parts.notify.stop()
    this.#parts.log.say('info', 'up', 'stopped')
  }
}
