/**
 * Actions of fail2ban's `action.d`, run as they are: each command with /bin/sh, those of one action one after the other.
 *
 * As fail2ban does: where an option has a form for one family, `actionstart` waits for the first ban of that family
 * (`actionstart_on_demand`); `actioncheck` runs after a command failed, then `actionrepair` or a stop and start, and
 * the command once more; `actionflush` lifts all bans at once.
 */
import { hostname } from 'node:os'
import type { Ban } from '../../guard/ban.ts'
import type { ActionContext, BanAction, BanHow } from './action.ts'
import { networkOfBan } from './action.ts'
import { banTag } from './ban-tags.ts'
import { type ActionOptions, fillOptions, fillTags, optionOf, type TagValue } from './fail2ban-tags.ts'
import { ActionFailed, type RunProgram } from './run-program.ts'

type ShellFamily = 'inet4' | 'inet6'

export interface Fail2banContext extends ActionContext {
  /** Tags that tell of the jail or of other jails: `jail.banned`, `ipmatches`, ...; undefined where it is none. */
  readonly tagOf?: (tag: string, ban: Ban) => TagValue
}

export class Fail2banAction implements BanAction {
  readonly name: string
  readonly #context: Fail2banContext
  readonly #options: ActionOptions
  readonly #run: RunProgram
  /** Families that were started; all of them, where the options make no difference between families. */
  readonly #started = new Set<ShellFamily | null>()
  readonly #byFamily: boolean
  readonly #onDemand: boolean

  constructor(name: string, context: Fail2banContext, options: ActionOptions, run: RunProgram) {
    this.name = name
    this.#context = context
    this.#options = options
    this.#run = run
    this.#byFamily = Object.keys(options).some((option) => option.includes('?family='))
    const demand = options.actionstart_on_demand
    this.#onDemand = demand === undefined || demand === '' ? this.#byFamily : meansYes(demand)
  }

  async start(): Promise<void> {
    if (this.#onDemand) return
    for (const family of this.#byFamily ? (['inet4', 'inet6'] as const) : [null]) await this.#begin(family)
  }

  async ban(bans: readonly Ban[], { restored }: BanHow): Promise<void> {
    if (restored && meansYes(this.#options.norestored ?? '')) return
    for (const ban of bans) {
      const command = restored && this.#has('actionreban', ban) ? 'actionreban' : 'actionban'
      await this.#begin(this.#familyOf(ban))
      await this.#forBan(command, ban, restored)
    }
  }

  async prolong(ban: Ban): Promise<void> {
    if (this.#has('actionprolong', ban)) await this.#forBan('actionprolong', ban, false)
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    for (const ban of bans)
      if (this.#started.has(this.#familyOf(ban))) await this.#forBan('actionunban', ban, false)
  }

  async check(): Promise<boolean> {
    for (const family of this.#started) if (!(await this.#succeeds('actioncheck', family))) return false
    return true
  }

  async stop(bans: readonly Ban[]): Promise<void> {
    const left = bans.filter((ban) => this.#started.has(this.#familyOf(ban)))
    if (this.#options.actionflush === undefined || this.#options.actionflush.trim() === '')
      await this.unban(left).catch((error: Error) => this.#context.say('error', error.message))
    else if (left.length > 0) for (const family of this.#started) await this.#operate('actionflush', family)
    for (const family of [...this.#started]) {
      await this.#operate('actionstop', family)
      this.#started.delete(family)
    }
  }

  /** Starts the action for a family, once. */
  async #begin(family: ShellFamily | null): Promise<void> {
    if (this.#started.has(family)) return
    await this.#operate('actionstart', family)
    this.#started.add(family)
  }

  #familyOf(ban: Ban): ShellFamily | null {
    if (!this.#byFamily) return null
    return networkOfBan(ban)?.family === 'ipv6' ? 'inet6' : 'inet4'
  }

  #has(option: string, ban: Ban): boolean {
    return (optionOf(option, this.#options, this.#familyOf(ban)) ?? '').trim() !== ''
  }

  async #forBan(option: string, ban: Ban, restored: boolean): Promise<void> {
    const family = this.#familyOf(ban)
    const command = this.#command(option, family)
    if (command === '') return
    const filled = await fillTags(command, (tag) => this.#tag(tag, ban, restored), ban.groups)
    const first = await this.#shell(filled.command, filled.variables)
    if (first.status === 0) return
    const mayRepair = option !== 'actionunban' || meansYes(this.#options.actionrepair_on_unban ?? '')
    if (this.#command('actioncheck', family) !== '' && (await this.#repair(family, mayRepair))) {
      const second = await this.#shell(filled.command, filled.variables)
      if (second.status === 0) return
      throw new ActionFailed([option, filled.command], second)
    }
    throw new ActionFailed([option, filled.command], first)
  }

  /** After a command failed: true when everything is in place (again), so that it may be tried once more. */
  async #repair(family: ShellFamily | null, mayRepair: boolean): Promise<boolean> {
    if (await this.#succeeds('actioncheck', family)) return true
    if (!mayRepair) return false
    this.#context.say('error', `${this.name}: what it had made is gone; making it again`)
    if (this.#command('actionrepair', family) !== '') return this.#succeeds('actionrepair', family)
    await this.#succeeds('actionstop', family)
    return (await this.#succeeds('actionstart', family)) && this.#succeeds('actioncheck', family)
  }

  async #operate(option: string, family: ShellFamily | null): Promise<void> {
    const command = this.#command(option, family)
    if (command === '') return
    const result = await this.#shell(command, {})
    if (result.status !== 0) throw new ActionFailed([option, command], result)
  }

  async #succeeds(option: string, family: ShellFamily | null): Promise<boolean> {
    const command = this.#command(option, family)
    return command === '' || (await this.#shell(command, {})).status === 0
  }

  #command(option: string, family: ShellFamily | null): string {
    const text = optionOf(option, this.#options, family) ?? ''
    const filled = fillOptions(text, { name: this.#context.jail, ...this.#options }, family)
    return filled
      .replace(/<(fq|sh)-hostname>/g, (_tag, kind) => (kind === 'fq' ? machine : machine.split('.')[0]!))
      .trim()
  }

  #shell(command: string, variables: Readonly<Record<string, string>>) {
    const seconds = Number(this.#options.timeout ?? 60)
    return this.#run('/bin/sh', ['-c', command], {
      variables,
      timeoutMs: 1000 * (Number.isFinite(seconds) && seconds > 0 ? seconds : 60),
    })
  }

  #tag(tag: string, ban: Ban, restored: boolean): TagValue {
    return banTag(tag, ban, restored) ?? this.#context.tagOf?.(tag, ban)
  }
}

/** The machine's name, with nothing in it that a shell could read as more than a word. */
const machine = hostname().replace(/[^\w.-]/g, '')

export const meansYes = (text: string): boolean => /^(1|on|true|yes)$/i.test(text.trim())
