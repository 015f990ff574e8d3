/** The section `guard`: log lines in, bans out. */
import { isAbsolute, join } from 'node:path'
import type { GuardConfig } from '../../guard/config/read.ts'
import { readPosternGuard } from '../../guard/config/yaml/read.ts'
import { ownFilters } from '../../guard/filters/index.ts'
import { machineFiles } from '../../linux/config-files.ts'
import type { ConfigFile } from '../config/index.ts'
import {
  failedText,
  GuardLog,
  GuardProcess,
  gathered,
  type Level,
  logToFile,
  openGuardStore,
} from '../guard/index.ts'
import type { Level as DaemonLevel, DaemonLog } from './daemon-log.ts'
import type { Ending, Metric, Section, Service, ServiceState, ServiceSurroundings } from './service.ts'

export const guardSection: Section = {
  name: 'guard',
  keys: ['guard'],
  check: (file) => guardConfigOf(file).diagnostics,
  start: async (file, surroundings) => GuardService.start(file, surroundings),
}

const guardConfigOf = (file: ConfigFile): GuardConfig =>
  readPosternGuard(file.source, machineFiles, { filters: ownFilters })

const jailsOf = ({ jails }: GuardConfig) => jails.map(({ settings }) => settings)

class GuardService implements Service {
  readonly #process: GuardProcess
  readonly #log: DaemonLog
  #config: GuardConfig

  private constructor(process: GuardProcess, config: GuardConfig, log: DaemonLog) {
    this.#process = process
    this.#config = config
    this.#log = log
  }

  static async start(file: ConfigFile, surroundings: ServiceSurroundings): Promise<GuardService> {
    const { nowMs, enforce, log, stateFolder, runFolder } = surroundings
    const config = guardConfigOf(file)
    let service: GuardService | null = null
    const process = await GuardProcess.open({
      store: openGuardStore(storePath(config, stateFolder)),
      log: guardLogOf(config, surroundings),
      enforce,
      nowMs,
      socket: join(runFolder, 'guard.sock'),
      purgeAgeSeconds: () => (service?.config ?? config).settings.dbPurgeAgeSeconds,
      reload: () => surroundings.reload(),
      stop: () => {
        throw new Error('the guard is part of postern up: stop that')
      },
    })
    service = new GuardService(process, config, log)
    await service.#use(config)
    return service
  }

  get config(): GuardConfig {
    return this.#config
  }

  async #use(config: GuardConfig): Promise<void> {
    const failed = await this.#process.use(jailsOf(config))
    for (const text of failedText(failed)) this.#log.say('error', 'guard', `jail ${text}`)
  }

  async reload(file: ConfigFile): Promise<void> {
    const config = guardConfigOf(file)
    if (config.settings.dbFile !== this.#config.settings.dbFile)
      this.#log.say('warning', 'guard', 'another database is taken at the next start only')
    this.#config = config
    await this.#use(config)
  }

  /** Bans are put back at the next start. */
  async stop(_why: Ending): Promise<void> {
    await this.#process.close(true)
  }

  /** Chains and rules of bans may be gone with the old rules. */
  rulesReplaced(): void {
    this.#process.guard.checkActions()
  }

  state(): ServiceState {
    const { guard } = this.#process
    const { jails } = guard
    const bans = jails.map(({ name, decider }) => ({ jail: name, banned: [...decider.bans].length }))
    const wanted = jailsOf(this.#config).map(({ name }) => name)
    const missing = wanted.filter((name) => guard.jail(name) === undefined)
    const banned = bans.reduce((sum, each) => sum + each.banned, 0)
    return {
      text: `${count(jails.length, 'jail')}, ${count(banned, 'address', 'addresses')} banned`,
      problem: missing.length === 0 ? null : `not started: ${missing.join(', ')}`,
      data: { jails: bans, missing },
    }
  }

  metrics(): readonly Metric[] {
    return this.#process.guard.jails.flatMap(({ name: jail, decider }): Metric[] => [
      {
        name: 'postern_guard_banned',
        help: 'Addresses that are banned now.',
        type: 'gauge',
        labels: { jail },
        value: [...decider.bans].length,
      },
    ])
  }
}

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`

/** The file's own database, or one beside the rest of the state. */
function storePath({ settings, origins }: GuardConfig, stateFolder: string): string {
  const isNamed = origins.get('dbfile') !== undefined && isAbsolute(settings.dbFile)
  return isNamed ? settings.dbFile : join(stateFolder, 'guard.sqlite3')
}

const daemonLevels: Readonly<Record<Level, DaemonLevel>> = {
  ERROR: 'error',
  WARNING: 'warning',
  NOTICE: 'notice',
  INFO: 'info',
  DEBUG: 'debug',
}

/** Into the file that the section names, in the form that recidive reads; else to where all speak. */
function guardLogOf({ settings, origins }: GuardConfig, { log, nowMs }: ServiceSurroundings): GuardLog {
  const level = (Object.keys(daemonLevels) as Level[]).find((each) => each === settings.logLevel) ?? 'INFO'
  const { logTarget } = settings
  if (origins.get('logtarget') !== undefined && isAbsolute(logTarget))
    return new GuardLog(gathered(logToFile(logTarget)), level, nowMs, logTarget)
  const write = (line: string): void => {
    const found = /fail2ban\.\w+\s*\[\d+\]: (\w+)\s+(.*)/.exec(line)
    log.say(daemonLevels[(found?.[1] ?? 'INFO') as Level] ?? 'info', 'guard', found?.[2] ?? line.trim())
  }
  return new GuardLog(write, level, nowMs)
}
