/**
 * Hands bans to an action one call after the other. What comes while a call is under way waits and goes out together:
 * an action that is slow gets fewer, larger calls.
 */
import type { Ban } from '../../guard/ban.ts'
import type { BanAction } from '../../linux/bans/index.ts'

type Job =
  | { readonly kind: 'ban'; readonly restored: boolean; readonly bans: Ban[] }
  | { readonly kind: 'unban'; readonly bans: Ban[] }
  | { readonly kind: 'other'; run(): Promise<void> }

export class ActionQueue {
  readonly action: BanAction
  readonly #onError: (error: Error) => void
  readonly #jobs: Job[] = []
  #working: Promise<void> | null = null

  constructor(action: BanAction, onError: (error: Error) => void) {
    this.action = action
    this.#onError = onError
  }

  ban(bans: readonly Ban[], restored: boolean): void {
    const last = this.#jobs.at(-1)
    if (last?.kind === 'ban' && last.restored === restored) last.bans.push(...bans)
    else this.#add({ kind: 'ban', restored, bans: [...bans] })
  }

  unban(bans: readonly Ban[]): void {
    const last = this.#jobs.at(-1)
    if (last?.kind === 'unban') last.bans.push(...bans)
    else this.#add({ kind: 'unban', bans: [...bans] })
  }

  prolong(ban: Ban): void {
    const { action } = this
    if (action.prolong !== undefined) this.#add({ kind: 'other', run: async () => action.prolong!(ban) })
  }

  start(): void {
    this.#add({ kind: 'other', run: () => this.action.start() })
  }

  /** Looks whether all is in place, and puts it back where it is not; `bans` are asked for when it is time. */
  check(bans: () => readonly Ban[], onRepair: () => void): void {
    if (this.#jobs.length > 0) return
    this.#add({
      kind: 'other',
      run: async () => {
        if (await this.action.check(bans())) return
        onRepair()
        await this.action.start()
        if (bans().length > 0) await this.action.ban(bans(), { restored: true })
      },
    })
  }

  /** Lifts everything, after what is waiting. */
  stop(bans: readonly Ban[]): void {
    this.#add({ kind: 'other', run: () => this.action.stop(bans) })
  }

  /** When all that was handed in so far has been done, or has failed. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working
  }

  #add(job: Job): void {
    this.#jobs.push(job)
    this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    // What is handed in at the same moment goes out together.
    await Promise.resolve()
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      try {
        if (job.kind === 'ban') await this.action.ban(job.bans, { restored: job.restored })
        else if (job.kind === 'unban') await this.action.unban(job.bans)
        else await job.run()
      } catch (error) {
        this.#onError(error as Error)
      }
    }
    this.#working = null
  }
}
