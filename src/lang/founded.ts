/**
 * What rules found by a name, and others refer to: a rule that refers to what is not there is refused, and so is one that
 * founds the same on other terms. What any rule in force founded or refers to is there still.
 *
 * Kernel: xt_rateest_mt_checkentry(), xt_rateest_tg_checkentry(), Linux 6.18.
 */
import type { Refusal } from './diagnostic.ts'
import { type Family, type Rule, spanOfUse } from './rule.ts'
import type { Span } from './source.ts'
import type { Syntax } from './syntax.ts'
import type { TableInForce } from './verify.ts'

export class Founded {
  /** Terms by name; null where only somebody who refers to it is known. */
  readonly #terms = new Map<string, string | null>()
  readonly #syntax: Syntax

  constructor(inForce: readonly TableInForce[], syntax: Syntax) {
    this.#syntax = syntax
    for (const { family, table } of inForce)
      for (const { rules } of table.chains.values()) for (const rule of rules) this.#note(rule, family)
  }

  /** Why the rule cannot be loaded now; where nothing speaks against it, it counts for the rules behind it. */
  take(rule: Rule, family: Family): (Refusal & { readonly span: Span | null })[] {
    const missing = this.#referredTo(rule, family).find(({ name }) => !this.#terms.has(name))
    if (missing !== undefined) return [{ ...missingRefusal(missing.name), span: missing.span ?? rule.span }]
    const made = this.#founded(rule, family)
    const before = made === null ? null : (this.#terms.get(made.name) ?? null)
    if (made !== null && before !== null && before !== made.terms)
      return [{ ...otherTermsRefusal(made.name), span: rule.span }]
    this.#note(rule, family)
    return []
  }

  #note(rule: Rule, family: Family): void {
    for (const { name } of this.#referredTo(rule, family))
      if (!this.#terms.has(name)) this.#terms.set(name, null)
    const made = this.#founded(rule, family)
    if (made !== null) this.#terms.set(made.name, made.terms)
  }

  #referredTo(rule: Rule, family: Family): { readonly name: string; readonly span: Span | null }[] {
    return rule.matches.flatMap((use) => {
      if (use.kind === 'unknown') return []
      const names = this.#syntax.match(use.name, family)?.refersTo?.(use.data) ?? []
      return names.map((name) => ({ name, span: spanOfUse(rule, use) }))
    })
  }

  #founded({ target }: Rule, family: Family) {
    if (target.kind !== 'extension') return null
    return this.#syntax.target(target.name, family)?.founds?.(target.data) ?? null
  }
}

const missingRefusal = (name: string): Refusal => ({
  code: 'rule/not-founded',
  message: `no rule before this one makes the ${name}`,
  said: 'No chain/target/match by that name',
})

const otherTermsRefusal = (name: string): Refusal => ({
  code: 'rule/other-terms',
  message: `another rule makes the ${name} on other terms`,
})
