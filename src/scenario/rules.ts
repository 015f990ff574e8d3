/** Rules of a scenario, from text into a host. */
import type { Host } from '../engine/host.ts'
import { registry } from '../ext/registry.ts'
import { parseRules } from '../lang/read.ts'
import type { Ruleset } from '../lang/rule.ts'
import { RulesRefused } from './rules-refused.ts'
import type { RulesText } from './scenario.ts'

export { RulesRefused } from './rules-refused.ts'

/** Reads and loads all of them. Throws RulesRefused; warnings are for `postern check`. */
export function loadRules(host: Host, texts: readonly RulesText[]): void {
  for (const { family, source } of texts) {
    const { rulesets, diagnostics } = parseRules(source, {
      family,
      syntax: registry,
      profile: host.config.profile,
    })
    const errors = diagnostics.filter(({ severity }) => severity === 'error')
    if (errors.length > 0) throw new RulesRefused(errors)
    loadRulesets(host, [...rulesets.values()])
  }
}

export function loadRulesets(host: Host, rulesets: readonly Ruleset[]): void {
  for (const ruleset of rulesets) {
    const refusals = host.load(ruleset)
    if (refusals.length === 0) continue
    throw new RulesRefused(
      refusals.map(({ code, message, notes, help, span }) => ({
        code,
        severity: 'error',
        span,
        message,
        notes: notes ?? [],
        help: help ?? null,
      })),
    )
  }
}
