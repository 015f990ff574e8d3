/** What jails share: the store, the log, the clock, the machine. */
import type { Zone } from '../../guard/dates/zone.ts'
import type { AllowList } from '../../guard/decide/index.ts'
import type { RunProgram } from '../../linux/bans/index.ts'
import type { GuardStore } from '../../linux/store/index.ts'
import type { GuardLog } from './guard-log.ts'

export interface Services {
  readonly store: GuardStore
  readonly log: GuardLog
  readonly run: RunProgram
  /** The clock, in milliseconds since 1970. */
  now(): number
  /** The zone of dates that name none. */
  readonly zone: Zone
  /** Allowed by hand, in every jail. */
  readonly allowed: AllowList
  /** Whether an address belongs to a session of the administrator. */
  isSession(address: string): boolean
  /** Addresses of this machine. */
  ownAddresses(): readonly string[]
  /** Without it, actions are not carried out: the log says what would be done. */
  readonly enforce: boolean
  /** The name of an address; without it, the machine's resolver is asked. */
  nameOf?(address: string): Promise<string | null>
  /** Numbers of [0, 1). */
  chance(): number
}
