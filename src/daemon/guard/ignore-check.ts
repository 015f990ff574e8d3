/**
 * Whether a failure counts at all, where a jail has an `ignorecommand`: it is asked before anything is counted, as
 * fail2ban does. Where the jail has an `ignorecache`, what was found out is kept for a while, by a key of the jail's own.
 */
import { parseReference } from '../../guard/config/reference.ts'
import { parseTime } from '../../guard/config/time.ts'
import { fillTags, type RunProgram, type TagValue, tagsIn } from '../../linux/bans/index.ts'

/** What tags such as `<ip>` stand for in the failure at hand. */
export interface FailureTags {
  readonly tagOf: (tag: string) => TagValue
  readonly groups: Readonly<Record<string, string>>
}

export interface IgnoreCheckOptions {
  readonly command: string | null
  /** `key="<ip>", max-count=100, max-time=5m`, or null. */
  readonly cache: string | null
  readonly run: RunProgram
  now(): number
  /** The command could not answer. */
  onTrouble(message: string): void
}

interface Kept {
  readonly isIgnored: Promise<boolean>
  readonly untilMs: number
}

export class IgnoreCheck {
  readonly #options: IgnoreCheckOptions
  readonly #cache: { readonly key: string; readonly maxCount: number; readonly maxMs: number } | null
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>()

  /** Throws where the cache's options cannot be read. */
  constructor(options: IgnoreCheckOptions) {
    this.#options = options
    this.#cache = options.cache === null ? null : cacheOf(options.cache)
  }

  /** `isAllowed`: what the jail's lists say, which is kept as well. */
  async ignores(tags: FailureTags, isAllowed: () => boolean): Promise<boolean> {
    const ask = async (): Promise<boolean> => isAllowed() || (await this.#ask(tags))
    if (this.#cache === null) return ask()
    const nowMs = this.#options.now()
    const key = await textWith(this.#cache.key, tags)
    const kept = this.#kept.get(key)
    if (kept !== undefined && kept.untilMs > nowMs) return kept.isIgnored
    this.#kept.delete(key)
    while (this.#kept.size >= this.#cache.maxCount) this.#kept.delete(this.#kept.keys().next().value!)
    const isIgnored = ask()
    this.#kept.set(key, { isIgnored, untilMs: nowMs + this.#cache.maxMs })
    return isIgnored
  }

  /** Status 0 means that the failure is to be ignored, 1 that it is not. */
  async #ask({ tagOf, groups }: FailureTags): Promise<boolean> {
    const { command, run, onTrouble } = this.#options
    if (command === null) return false
    const filled = await fillTags(command, tagOf, groups)
    const { status, stderr } = await run('/bin/sh', ['-c', filled.command], { variables: filled.variables })
    if (status > 1) onTrouble(`ignorecommand ended with status ${status}: ${stderr.trim().slice(0, 200)}`)
    return status === 0
  }
}

/** fail2ban's `ignorecache`, read. Throws for what cannot be. */
export function cacheOf(text: string): { key: string; maxCount: number; maxMs: number } {
  const { options } = parseReference(`cache[${text}]`)
  const key = options.get('key')
  if (key === undefined) throw new Error(`ignorecache "${text}" has no key, such as key="<ip>"`)
  const maxCount = Number(options.get('max-count') ?? 100)
  const seconds = parseTime(options.get('max-time') ?? '5m')
  if (!Number.isInteger(maxCount) || maxCount < 1)
    throw new Error(`ignorecache: max-count=${options.get('max-count')} is no number of entries`)
  if (seconds === null) throw new Error(`ignorecache: max-time=${options.get('max-time')} is no time`)
  return { key, maxCount, maxMs: seconds * 1000 }
}

/** A text that no shell will see. */
async function textWith(text: string, { tagOf, groups }: FailureTags): Promise<string> {
  let filled = text
  for (const tag of tagsIn(text)) {
    const name = tag.slice(2).toLowerCase().replaceAll('-', '_')
    const value = (await tagOf(tag)) ?? (tag.startsWith('F-') ? (groups[name] ?? '') : undefined)
    if (value !== undefined) filled = filled.replaceAll(`<${tag}>`, () => value)
  }
  return filled
}
