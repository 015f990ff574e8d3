/** The actions of one jail: what is decided goes to all of them, and what they did is looked after. */
import type { Ban } from '../../guard/ban.ts'
import type { Decision, JailDecider } from '../../guard/decide/index.ts'
import type { ActionSettings, JailSettings } from '../../guard/jail-settings.ts'
import { makeAction } from '../../linux/bans/index.ts'
import { ActionQueue } from './action-queue.ts'
import { type JailTagContext, jailTag } from './jail-tags.ts'
import type { Services } from './services.ts'

/** How often actions are asked whether all is in place, in milliseconds. */
const checkEveryMs = 30_000
/** After a banned address was seen again: not more often than this. */
const checkAgainMs = 3_000

export interface ActionParts {
  readonly settings: JailSettings
  readonly services: Services
  readonly decider: JailDecider
  readonly tagContext: JailTagContext
  say: Services['log']['say']
}

export class JailActions {
  readonly #parts: ActionParts
  readonly #queues: readonly ActionQueue[]
  #checkedMs = 0

  constructor(parts: ActionParts) {
    this.#parts = parts
    this.#queues = parts.settings.actions.map((action) => this.#queueOf(action))
  }

  /** Begins with the bans that are in force already. */
  start(restored: readonly Ban[], nowMs: number): void {
    for (const queue of this.#queues) queue.start()
    if (restored.length > 0) {
      this.#parts.say('NOTICE', 'actions', `Restore ${restored.length} bans`)
      for (const queue of this.#queues) queue.ban(restored, true)
    }
    this.#checkedMs = nowMs
  }

  async stop(lift: boolean): Promise<void> {
    if (lift) for (const queue of this.#queues) queue.stop([...this.#parts.decider.bans])
    await this.idle()
  }

  async idle(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.idle()))
  }

  /** Looks after what the actions did, if that was long ago. */
  tick(nowMs: number): void {
    if (this.#checkedMs + checkEveryMs <= nowMs) this.#check(nowMs)
  }

  /** Carries out what was decided. */
  act(decisions: readonly Decision[]): void {
    const bans: Ban[] = []
    for (const decision of decisions) {
      if (decision.kind === 'banned') {
        bans.push(decision.ban)
      } else if (decision.kind === 'already') {
        this.#parts.say(
          decision.lateSeconds > 60 ? 'WARNING' : 'NOTICE',
          'actions',
          `${decision.ban.id} already banned`,
        )
        if (decision.prolonged) for (const action of this.#queues) action.prolong(decision.ban)
        this.#checkAgain(decision.lateSeconds)
      } else if (decision.kind === 'expired')
        this.#parts.say('INFO', 'actions', `Ignore ${decision.ban.id}, expired bantime`)
    }
    if (bans.length > 0) this.#enforce(bans)
  }

  #enforce(bans: readonly Ban[]): void {
    for (const { id, count, seconds } of bans) {
      this.#parts.say('NOTICE', 'actions', `Ban ${id}`)
      if (count > 1 && this.#parts.settings.increment.enabled)
        this.#parts.say('NOTICE', 'actions', `Increase Ban ${id} (${count} # ${seconds}s)`)
    }
    for (const queue of this.#queues) queue.ban(bans, false)
  }

  lift(bans: readonly Ban[]): void {
    for (const { id } of bans) this.#parts.say('NOTICE', 'actions', `Unban ${id}`)
    for (const action of this.#queues) action.unban(bans)
  }

  /** Someone who is banned gets through: something may be wrong with the firewall. */
  #checkAgain(lateSeconds: number): void {
    const nowMs = this.#parts.services.now()
    if (lateSeconds > 3 && this.#checkedMs + checkAgainMs <= nowMs) this.#check(nowMs)
  }

  /** Looks at once whether the firewall is as it should be. */
  check(): void {
    this.#check(this.#parts.services.now())
  }

  #check(nowMs: number): void {
    this.#checkedMs = nowMs
    for (const action of this.#queues)
      action.check(
        () => [...this.#parts.decider.bans],
        () =>
          this.#parts.say(
            'WARNING',
            'actions',
            `${action.action.name}: somebody took it away; putting it back`,
          ),
      )
  }

  #queueOf(settings: ActionSettings): ActionQueue {
    const { now, run, enforce } = this.#parts.services
    const context = {
      jail: this.#parts.settings.name,
      nowMs: now,
      say: (level: 'info' | 'warning' | 'error', message: string) =>
        this.#parts.say(level.toUpperCase() as 'INFO', 'actions', message),
      tagOf: (tag: string, ban: Ban) => jailTag(tag, ban, this.#parts.tagContext),
    }
    const action = makeAction(settings, context, run)
    return new ActionQueue(enforce ? action : { ...unarmed, name: settings.name }, (error) =>
      this.#parts.say('ERROR', 'actions', `Failed to execute action '${settings.name}': ${error.message}`),
    )
  }
}

/** What stands in for an action where nothing may be done to the machine: the log says all. */
const unarmed = {
  start: async () => {},
  ban: async () => {},
  unban: async () => {},
  check: async () => true,
  stop: async () => {},
}
