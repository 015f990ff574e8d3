/** What every section of `postern.yaml` gives the daemon. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { ConfigFile } from '../config/index.ts'
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

export interface Service {
  /** Goes on with another configuration, keeping what has not changed. Rejects with the old one at work still. */
  reload(file: ConfigFile): Promise<void>
  stop(): Promise<void>
  metrics(): readonly Metric[]
}

export interface Section {
  /** The key in the file. */
  readonly name: 'guard' | 'authport'
  /** What is wrong with it beyond its shape. Changes nothing. */
  check(file: ConfigFile): readonly Diagnostic[]
  /** Puts it to work. Rejects when it cannot be; then nothing of it is left behind. */
  start(file: ConfigFile, surroundings: Surroundings): Promise<Service>
}
