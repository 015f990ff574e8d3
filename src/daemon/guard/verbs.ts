/** What a running guard can be asked and told, in words; answers are data. */
import type { Ban } from '../../guard/ban.ts'
import { banEndMs, type Decision } from '../../guard/decide/index.ts'
import { VerbError } from '../../linux/control-socket.ts'
import { type Guard, isAddress } from './guard.ts'
import { isLevel } from './guard-log.ts'
import { optionSetBy, optionText, withOption } from './jail-options.ts'
import type { JailRunner } from './jail-runner.ts'

export interface BannedEntry {
  readonly id: string
  readonly startMs: number
  /** null: for ever. */
  readonly endMs: number | null
  readonly seconds: number
  readonly count: number
  readonly failures: number
  readonly lines: readonly string[]
}

export interface JailStatus {
  readonly name: string
  readonly failed: number
  readonly totalFailed: number
  readonly files: readonly string[]
  readonly journal: readonly string[]
  readonly totalBanned: number
  readonly banned: readonly BannedEntry[]
}

export interface VerbContext {
  readonly guard: Guard
  /** Reads the configuration anew; returns what could not be started. */
  reload(): Promise<readonly string[]>
  /** Ends the guard, after the answer. */
  stop(): void
}

type Verb = (words: readonly string[], context: VerbContext) => unknown

/** The verbs by name. All take words; `ban` and `unban` take a jail or `*` for all first. */
const verbs: Readonly<Record<string, Verb>> = {
  ping: () => 'pong',
  jails: (_words, { guard }) => guard.jails.map(({ name }) => name),
  status: ([name], { guard }) =>
    name === undefined ? guard.jails.map(statusOf) : statusOf(jailOf(guard, name)),
  ban: ([name = '', seconds = '', ...ids], { guard }) => {
    const jail = jailOf(guard, name)
    const time = seconds === '' ? undefined : Number(seconds)
    if (time !== undefined && (!Number.isFinite(time) || (time <= 0 && time !== -1)))
      throw new VerbError(`"${seconds}" is no ban time`)
    return ids.map((id) => told(jail.banByHand(id, time), id))
  },
  unban: ([name = '*', ...ids], { guard }) => {
    const jails = name === '*' ? guard.jails : [jailOf(guard, name)]
    return ids.flatMap((id) =>
      jails.flatMap((jail) => {
        const ban = jail.unban(id)
        return ban === null ? [] : [{ jail: jail.name, ...entryOf(ban) }]
      }),
    )
  },
  'unban-all': ([name = '*'], { guard }) => {
    const jails = name === '*' ? guard.jails : [jailOf(guard, name)]
    return jails.reduce((sum, jail) => sum + liftAll(jail), 0)
  },
  banned: (ids, { guard }) =>
    ids.length === 0
      ? guard.jails.map(({ name, decider }) => [name, [...decider.bans].map(({ id }) => id)])
      : ids.map((id) => guard.jails.filter(({ decider }) => decider.bans.get(id)).map(({ name }) => name)),
  allow: (entries, { guard }) => {
    for (const entry of entries) if (!isAddress(entry)) throw new VerbError(`"${entry}" is no address`)
    return entries.reduce((sum, entry) => sum + guard.allow(entry), 0)
  },
  disallow: (entries, { guard }) => entries.filter((entry) => guard.disallow(entry)),
  allowed: ([name], { guard }) =>
    name === undefined ? guard.services.allowed.entries : jailOf(guard, name).allowedEntries,
  'allow-in': ([name = '', ...entries], { guard }) => {
    const jail = jailOf(guard, name)
    for (const entry of entries) {
      jail.allow(entry)
      guard.services.store.allow(name, entry)
    }
    return jail.allowedEntries
  },
  'disallow-in': ([name = '', ...entries], { guard }) => {
    const jail = jailOf(guard, name)
    for (const entry of entries) {
      jail.disallow(entry)
      guard.services.store.disallow(name, entry)
    }
    return jail.allowedEntries
  },
  get: ([name = '', option = '', ...values], { guard }) => optionText(jailOf(guard, name), option, values),
  set: async ([name = '', option = '', ...values], { guard }) => {
    await guard.change(withOption(jailOf(guard, name).settings, option, values))
    return optionText(jailOf(guard, name), optionSetBy(option), values)
  },
  attempt: ([name = '', id = '', ...matches], { guard }) =>
    told(jailOf(guard, name).attempt(id, matches), id),
  'log-target': (_words, { guard }) => guard.services.log.target,
  'log-level': ([level], { guard }) => {
    const { log } = guard.services
    if (level === undefined) return log.level
    const next = level.toUpperCase()
    if (!isLevel(next)) throw new VerbError(`Invalid log level '${next}'`)
    log.level = next
    return next
  },
  'restart-jail': async ([name = '', lift], { guard }) => {
    const jail = jailOf(guard, name)
    if (lift === 'unban') liftAll(jail)
    await guard.change(jail.settings)
    return null
  },
  reload: (_words, { reload }) => reload(),
  'stop-jail': async ([name = ''], { guard }) => {
    jailOf(guard, name)
    await guard.stopJail(name, true)
    return null
  },
  stop: (_words, { stop }) => {
    stop()
    return null
  },
}

/** Carries out one request. Throws `VerbError` for what the asker did wrong. */
export async function carryOut(
  [verb = '', ...words]: readonly string[],
  context: VerbContext,
): Promise<unknown> {
  if (!Object.hasOwn(verbs, verb)) throw new VerbError(`the guard does not know "${verb}"`)
  return verbs[verb]!(words, context)
}

function jailOf(guard: Guard, name: string): JailRunner {
  const jail = guard.jail(name)
  if (jail === undefined) throw new VerbError(`there is no jail "${name}"`)
  return jail
}

const liftAll = (jail: JailRunner): number => [...jail.decider.bans].map(({ id }) => jail.unban(id)).length

function statusOf({ name, decider, files, settings }: JailRunner): JailStatus {
  return {
    name,
    failed: decider.currentlyFailed,
    totalFailed: decider.totalFailed,
    files,
    journal: settings.backend === 'journal' ? settings.filter.journalmatch : [],
    totalBanned: decider.totalBanned,
    banned: [...decider.bans].map(entryOf),
  }
}

function entryOf(ban: Ban): BannedEntry {
  const end = banEndMs(ban)
  const { id, startMs, seconds, count, failures, matches } = ban
  return {
    id,
    startMs,
    endMs: end === Number.POSITIVE_INFINITY ? null : end,
    seconds,
    count,
    failures,
    lines: matches,
  }
}

function told(decision: Decision, id: string): { readonly id: string; readonly kind: string } {
  if (decision.kind === 'ignored') throw new VerbError(`"${id}" is no address that could be banned`)
  return { id: 'ban' in decision ? decision.ban.id : id, kind: decision.kind }
}
