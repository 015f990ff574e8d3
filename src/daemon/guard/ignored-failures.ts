/** Failures of a jail that its `ignorecommand` or the answers kept of it say are to be ignored. */
import type { Ban } from '../../guard/ban.ts'
import type { JailDecider } from '../../guard/decide/index.ts'
import type { Failure } from '../../guard/failure.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { banTag, type RunProgram } from '../../linux/bans/index.ts'
import { IgnoreCheck } from './ignore-check.ts'
import { type JailTagContext, jailTag } from './jail-tags.ts'

/** How many failures the command is asked about at once. */
const askedAtOnce = 8

export interface IgnoredParts {
  readonly settings: JailSettings
  readonly decider: JailDecider
  readonly tagContext: JailTagContext
  readonly run: RunProgram
  now(): number
  /** A list says that the failure is to be ignored. */
  onIgnored(decision: ReturnType<JailDecider['wouldIgnore']>): void
  /** The command could not answer. */
  onTrouble(message: string): void
}

/** Leaves out what is to be ignored, in order; null where the jail asks nobody. Throws where its cache cannot be read. */
export function ignoredFailures(
  parts: IgnoredParts,
): ((failures: readonly Failure[]) => Promise<readonly Failure[]>) | null {
  const { settings, decider, tagContext, run, onIgnored, onTrouble } = parts
  const { ignoreCommand, ignoreCache } = settings
  if (ignoreCommand === undefined && ignoreCache === undefined) return null
  const check = new IgnoreCheck({
    command: ignoreCommand ?? null,
    cache: ignoreCache ?? null,
    run,
    now: () => parts.now(),
    onTrouble,
  })
  const isIgnored = (failure: Failure): Promise<boolean> => {
    const ban = asBan(failure, parts)
    const tagOf = (tag: string) => banTag(tag, ban, false) ?? jailTag(tag, ban, tagContext)
    return check.ignores({ tagOf, groups: ban.groups }, () => {
      // a failure that the lists ignore is told of as any other
      const ignored = decider.wouldIgnore(failure)
      if (ignored !== null) onIgnored(ignored)
      return ignored !== null
    })
  }
  return async (failures) => {
    const counted: Failure[] = []
    for (let at = 0; at < failures.length; at += askedAtOnce) {
      const asked = failures.slice(at, at + askedAtOnce)
      const answers = await Promise.all(asked.map(isIgnored))
      for (const [index, failure] of asked.entries()) if (!answers[index]) counted.push(failure)
    }
    return counted
  }
}

/** A failure in the place of a ban, for tags. */
function asBan(
  { id, address, timeMs, attempts, matches, groups }: Failure,
  { settings, tagContext }: IgnoredParts,
): Ban {
  return {
    jail: settings.name,
    id,
    ...(address === undefined ? {} : { address }),
    startMs: timeMs,
    seconds: settings.banTimeSeconds,
    count: tagContext.store.earlier(id, settings.name)?.count ?? 0,
    failures: attempts,
    matches,
    groups,
  }
}
