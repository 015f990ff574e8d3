/** Matches and targets that only some base chains may reach. */
import type { Refusal } from '../../lang/diagnostic.ts'
import type { Hook } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'

/**
 * Refuses a rule that another base chain can reach. Source: `hooks` of struct xt_match, checked by
 * xt_check_match(), net/netfilter/x_tables.c.
 */
export function requireHooks(
  allowed: readonly Hook[],
  place: RulePlace,
  why: string,
  kind: 'match' | 'target' = 'match',
): Refusal | null {
  const wrong = place.hooks.find((hook) => !allowed.includes(hook))
  if (wrong === undefined) return null
  return {
    code: 'wrong-hook',
    message: `this ${kind} cannot be used in ${wrong}`,
    notes: [why],
    help: `use it in chains that only ${listWords(allowed)} reach`,
  }
}

/** `a, b or c`. */
export const listWords = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
