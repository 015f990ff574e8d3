/** A guard with all that it needs on this machine: its store, its socket, its jails. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { AllowList } from '../../guard/decide/index.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { runProgram } from '../../linux/bans/index.ts'
import { machineZone } from '../../linux/machine-zone.ts'
import { ownAddresses, sessionWatcher } from '../../linux/sessions.ts'
import { GuardStore } from '../../linux/store/index.ts'
import { listen } from './control.ts'
import { Guard } from './guard.ts'
import type { GuardLog } from './guard-log.ts'
import { keepHeapSmall } from './small-heap.ts'
import { carryOut } from './verbs.ts'

export interface GuardProcessParts {
  readonly store: GuardStore
  readonly log: GuardLog
  /** False: the log says who would be banned. */
  readonly enforce: boolean
  readonly nowMs: () => number
  readonly socket: string
  /** For how long what is over stays in the store. */
  purgeAgeSeconds(): number
  /** Reads the configuration anew; answers what could not be started. */
  reload(): Promise<readonly string[]>
  /** Somebody asks at the socket that the guard ends. */
  stop(): void
}

const purgeMs = 3_600_000

export type FailedJail = { readonly jail: string; readonly message: string }

/** `path`: a file, whose folder is made, or `:memory:`. */
export function openGuardStore(path: string): GuardStore {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return new GuardStore(path)
}

export class GuardProcess {
  readonly guard: Guard
  readonly #store: GuardStore
  readonly #purge: NodeJS.Timeout
  readonly #hangUp: () => Promise<void>

  private constructor(guard: Guard, parts: GuardProcessParts, hangUp: () => Promise<void>) {
    this.guard = guard
    this.#store = parts.store
    this.#hangUp = hangUp
    const oldestMs = (): number => parts.nowMs() - parts.purgeAgeSeconds() * 1000
    this.#purge = setInterval(() => parts.store.purge(oldestMs()), purgeMs)
    guard.start([])
  }

  /** Listens, with no jail at work yet. Where that is not possible the store is closed, and the reason thrown. */
  static async open(parts: GuardProcessParts): Promise<GuardProcess> {
    const { store, log, enforce, nowMs } = parts
    keepHeapSmall()
    const guard = new Guard({
      store,
      log,
      run: runProgram,
      now: nowMs,
      zone: machineZone,
      allowed: new AllowList(store.allowed('')),
      isSession: sessionWatcher(nowMs),
      ownAddresses,
      enforce,
      chance: Math.random,
    })
    try {
      const hangUp = await listen(parts.socket, (words) =>
        carryOut(words, { guard, reload: () => parts.reload(), stop: () => parts.stop() }),
      )
      return new GuardProcess(guard, parts, hangUp)
    } catch (error) {
      store.close()
      throw error
    }
  }

  /** Makes these the jails; those whose settings are the same are left alone. Answers what could not be started. */
  use(jails: readonly JailSettings[]): Promise<readonly FailedJail[]> {
    return this.guard.reload(jails)
  }

  /** `lift`: bans are taken off the machine; they are put back at the next start. */
  async close(lift: boolean): Promise<void> {
    clearInterval(this.#purge)
    await this.guard.stop(lift)
    await this.#hangUp()
    this.#store.close()
  }
}

export const failedText = (failed: readonly FailedJail[]): string[] =>
  failed.map(({ jail, message }) => `${jail}: ${message}`)
