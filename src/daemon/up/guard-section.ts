/** The section `guard`: log lines in, bans out. */
import { mkdirSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { GuardConfig } from '../../guard/config/read.ts'
import { readPosternGuard } from '../../guard/config/yaml/read.ts'
import { AllowList } from '../../guard/decide/index.ts'
import { ownFilters } from '../../guard/filters/index.ts'
import { runProgram } from '../../linux/bans/index.ts'
import { machineFiles } from '../../linux/config-files.ts'
import { machineZone } from '../../linux/machine-zone.ts'
import { ownAddresses, sessionWatcher } from '../../linux/sessions.ts'
import { GuardStore } from '../../linux/store/index.ts'
import type { ConfigFile } from '../config/index.ts'
import { carryOut, Guard, GuardLog, keepHeapSmall, type Level, listen, logToFile } from '../guard/index.ts'
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

const purgeMs = 3_600_000

class GuardService implements Service {
  readonly #guard: Guard
  readonly #store: GuardStore
  readonly #log: DaemonLog
  readonly #purge: NodeJS.Timeout
  #config: GuardConfig
  #close: () => Promise<void> = async () => {}

  private constructor(config: GuardConfig, surroundings: ServiceSurroundings) {
    const { nowMs, enforce, log, stateFolder } = surroundings
    this.#config = config
    this.#log = log
    this.#store = openStore(config, stateFolder)
    keepHeapSmall()
    this.#guard = new Guard({
      store: this.#store,
      log: guardLogOf(config, surroundings),
      run: runProgram,
      now: nowMs,
      zone: machineZone,
      allowed: new AllowList(this.#store.allowed('')),
      isSession: sessionWatcher(nowMs),
      ownAddresses,
      enforce,
      chance: Math.random,
    })
    this.#purge = setInterval(
      () => this.#store.purge(nowMs() - this.#config.settings.dbPurgeAgeSeconds * 1000),
      purgeMs,
    )
  }

  static async start(file: ConfigFile, surroundings: ServiceSurroundings): Promise<GuardService> {
    const service = new GuardService(guardConfigOf(file), surroundings)
    try {
      service.#close = await listen(join(surroundings.runFolder, 'guard.sock'), (words) =>
        carryOut(words, {
          guard: service.#guard,
          reload: () => surroundings.reload(),
          stop: () => {
            throw new Error('the guard is part of postern up: stop that')
          },
        }),
      )
    } catch (error) {
      clearInterval(service.#purge)
      service.#store.close()
      throw error
    }
    await service.#start(service.#config)
    return service
  }

  /** Jails whose settings are the same are left alone. Answers what could not be started. */
  async #start(config: GuardConfig): Promise<readonly string[]> {
    const failed =
      this.#guard.jails.length === 0
        ? this.#guard.start(jailsOf(config))
        : await this.#guard.reload(jailsOf(config))
    for (const { jail, message } of failed) this.#log.say('error', 'guard', `jail ${jail}: ${message}`)
    return failed.map(({ jail, message }) => `${jail}: ${message}`)
  }

  async reload(file: ConfigFile): Promise<void> {
    const config = guardConfigOf(file)
    if (config.settings.dbFile !== this.#config.settings.dbFile)
      this.#log.say('warning', 'guard', 'another database is taken at the next start only')
    this.#config = config
    await this.#start(config)
  }

  /** Bans are put back at the next start. */
  async stop(_why: Ending): Promise<void> {
    clearInterval(this.#purge)
    await this.#guard.stop(true)
    await this.#close()
    this.#store.close()
  }

  /** Chains and rules of bans may be gone with the old rules. */
  rulesReplaced(): void {
    this.#guard.checkActions()
  }

  state(): ServiceState {
    const { jails } = this.#guard
    const bans = jails.map(({ name, decider }) => ({ jail: name, banned: [...decider.bans].length }))
    const wanted = jailsOf(this.#config).map(({ name }) => name)
    const missing = wanted.filter((name) => this.#guard.jail(name) === undefined)
    const banned = bans.reduce((sum, each) => sum + each.banned, 0)
    return {
      text: `${count(jails.length, 'jail')}, ${count(banned, 'address', 'addresses')} banned`,
      problem: missing.length === 0 ? null : `not started: ${missing.join(', ')}`,
      data: { jails: bans, missing },
    }
  }

  metrics(): readonly Metric[] {
    return this.#guard.jails.flatMap(({ name: jail, decider }): Metric[] => [
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
function openStore({ settings, origins }: GuardConfig, stateFolder: string): GuardStore {
  const named = origins.get('dbfile') !== undefined && isAbsolute(settings.dbFile)
  const path = named ? settings.dbFile : join(stateFolder, 'guard.sqlite3')
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return new GuardStore(path)
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
  const toFile = origins.get('logtarget') !== undefined && isAbsolute(settings.logTarget)
  const write = toFile
    ? logToFile(settings.logTarget)
    : (line: string): void => {
        const found = /fail2ban\.\w+\s*\[\d+\]: (\w+)\s+(.*)/.exec(line)
        log.say(daemonLevels[(found?.[1] ?? 'INFO') as Level] ?? 'info', 'guard', found?.[2] ?? line.trim())
      }
  return new GuardLog(write, level, nowMs)
}
