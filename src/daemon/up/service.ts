/** What every section of `postern.yaml` gives the daemon. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile, PosternConfig } from '../config/index.ts'
import type { DaemonLog } from './daemon-log.ts'

/** What services are given. */
export interface Surroundings {
  readonly log: DaemonLog
  /** False: nothing is changed on this machine; the log says what would be. */
  readonly enforce: boolean
  readonly nowMs: () => number
  /** The command line that this program was started with, up to its own words. */
  readonly program: readonly [string, ...string[]]
  /** A folder for what need not outlast a boot: `/run/postern`. */
  readonly runFolder: string
  /** A folder for what must: `/var/lib/postern`. */
  readonly stateFolder: string
  /** Reads the configuration anew; answers what is wrong, a text each. */
  reload(): Promise<readonly string[]>
}

/** What the supervisor adds. */
export interface ServiceSurroundings extends Surroundings {
  /** To be called when rules were loaded as a whole: whoever has put something among them looks after it. */
  rulesReplaced(): void
}

/** One number for those who count, in Prometheus's terms. */
export interface Metric {
  /** `postern_guard_banned`. */
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * Why a service ends. `gone`: the configuration has the section no more; `ending`: the daemon ends; `retry`: it could not
 * go on with another configuration, and will be started anew.
 */
export type Ending = 'gone' | 'ending' | 'retry'

export interface Service {
  /** Goes on with another configuration, keeping what has not changed. Rejects with the old one at work still. */
  reload(file: ConfigFile): Promise<void>
  stop(why: Ending): Promise<void>
  metrics(): readonly Metric[]
  /** For people, a line: `2 jails, 3 addresses banned`; `problem`: what is not as the file wants it. */
  state(): Promise<ServiceState> | ServiceState
  rulesReplaced?(): void
}

export interface ServiceState {
  readonly text: string
  readonly problem?: string | null
  /** The same as data. */
  readonly data?: Readonly<Record<string, unknown>>
}

export interface Section {
  readonly name: 'rules' | 'country' | 'authport' | 'guard'
  /** The keys in the file that it serves. */
  readonly keys: readonly (keyof PosternConfig)[]
  /** What is wrong with it beyond its shape. Changes nothing. */
  check(file: ConfigFile, surroundings: Pick<Surroundings, 'stateFolder'>): readonly Diagnostic[]
  /** Puts it to work. Rejects when it cannot be; then nothing of it is left behind. */
  start(file: ConfigFile, surroundings: ServiceSurroundings): Promise<Service>
  /** Takes away what an earlier daemon has left and the configuration has no more. */
  clearUp?(surroundings: ServiceSurroundings): Promise<void>
}
