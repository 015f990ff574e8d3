/** The rules of the nat table that give connections another destination, with all that leads to them. */
import type { Family } from '../net/address.ts'
import { type Conditions, conditionsOf, mayMeet } from './conditions-compared.ts'
import type { Chain, Hook, Rule, Table } from './rule.ts'
import type { NewDestination, Syntax } from './syntax.ts'

export interface Translation {
  readonly hook: Hook
  readonly rule: Rule
  /** The rule's conditions behind those of the jumps that lead to it. */
  readonly path: readonly Conditions[]
  readonly to: NewDestination
  /** Conditions of rules in front, on the way, that may take packets away from it. */
  readonly before: readonly Conditions[]
}

/** Translations that are looked at. */
const most = 5000
const deepest = 8

export function translationsOf(nat: Table, syntax: Syntax, family: Family): Translation[] {
  const found: Translation[] = []
  for (const hook of ['PREROUTING', 'OUTPUT'] as const) {
    const base = nat.chains.get(hook)
    if (base !== undefined) collect(base, [], [], { hook, nat, syntax, family, found })
  }
  return found
}

interface Collection {
  readonly hook: Hook
  readonly nat: Table
  readonly syntax: Syntax
  readonly family: Family
  readonly found: Translation[]
}

function collect(
  chain: Chain,
  path: readonly Conditions[],
  outerBefore: readonly Conditions[],
  collection: Collection,
): void {
  const { hook, nat, syntax, family, found } = collection
  const before = [...outerBefore]
  for (const rule of chain.rules) {
    if (found.length >= most) return
    const conditions = conditionsOf(rule, syntax, family)
    const { target } = rule
    const here = [...path, conditions]
    const relevant = (): Conditions[] => before.filter((each) => here.every((own) => mayMeet(each, own)))
    if (target.kind === 'extension') {
      const to = syntax.target(target.name, family)?.newDestination?.(target.data) ?? null
      if (to !== null) {
        found.push({ hook, rule, path: here, to, before: relevant() })
        before.push(conditions)
      }
    } else if (target.kind === 'chain') {
      const called = nat.chains.get(target.chain)
      if (called !== undefined && path.length < deepest) collect(called, here, relevant(), collection)
      before.push(conditions)
    } else if (target.kind !== 'none') before.push(conditions)
  }
}
