/**
 * What the kernel refuses when a table is loaded: circles, jumps to nowhere, and what each extension's `check` says.
 *
 * Kernel: translate_table(), find_check_entry(), net/ipv4/netfilter/ip_tables.c, Linux 6.18.
 */
import type { Registry } from '../ext/registry.ts'
import type { Refusal } from '../lang/diagnostic.ts'
import type { KernelProfile } from '../lang/profile.ts'
import { reachOf } from '../lang/reach.ts'
import type { Family, Rule, Table } from '../lang/rule.ts'
import type { Span } from '../lang/source.ts'
import type { RulePlace } from '../lang/syntax.ts'
import { chainOrder } from './compile.ts'
import type { RuleRef } from './outcome.ts'

export interface LoadRefusal extends Refusal {
  readonly ref: RuleRef
  readonly span: Span | null
}

/** All refusals of a table, in the order in which the kernel would meet them; it stops at the first. */
export function checkTable(
  table: Table,
  family: Family,
  registry: Registry,
  profile: KernelProfile,
): LoadRefusal[] {
  const refusals: LoadRefusal[] = []
  const reach = reachOf(table)
  for (const { chain, rule } of reach.circles) {
    const target = rule.target.kind === 'chain' ? rule.target.chain : ''
    refusals.push({
      code: 'chain/loop',
      message: `the jump to ${target} closes a circle`,
      notes: ['the kernel refuses chains that lead back to themselves (ELOOP)'],
      ref: { table: table.name, chain: chain.name, number: chain.rules.indexOf(rule) + 1 },
      span: rule.span,
    })
  }
  for (const name of chainOrder(table)) {
    for (const [at, rule] of table.chains.get(name)!.rules.entries()) {
      const place = { family, table: table.name, hooks: reach.hooks.get(rule) ?? [], profile }
      const ref = { table: table.name, chain: name, number: at + 1 }
      for (const refusal of checkRule(rule, table, place, registry)) refusals.push({ ...refusal, ref })
    }
  }
  return refusals
}

type Placed = Refusal & { readonly span: Span | null }

function* checkRule(rule: Rule, table: Table, place: RulePlace, registry: Registry): Iterable<Placed> {
  for (const use of rule.matches) {
    const definition = registry.match(use.name, place.family)
    if (use.kind === 'unknown' || definition === null) {
      yield { ...unknown('match', use.name), span: use.span }
      continue
    }
    const refusal = definition.check?.(use.data, rule, place)
    if (refusal != null) yield { ...ofExtension(use.name, refusal), span: use.span ?? rule.span }
  }
  const { target } = rule
  if (target.kind === 'unknown') yield { ...unknown('target', target.name), span: target.span }
  if (target.kind === 'chain' && table.chains.get(target.chain)?.policy !== null) {
    yield {
      code: 'rule/no-chain',
      message: `there is no chain ${target.chain} to jump to`,
      span: target.span,
    }
  }
  if (target.kind !== 'extension') return
  const definition = registry.target(target.name, place.family)
  if (definition === null) {
    yield { ...unknown('target', target.name), span: target.span }
    return
  }
  const refusal = definition.check?.(target.data, rule, place)
  if (refusal != null) yield { ...ofExtension(target.name, refusal), span: target.span ?? rule.span }
}

/** Extensions leave out their own name. */
const ofExtension = (name: string, refusal: Refusal): Refusal =>
  refusal.code.includes('/') ? refusal : { ...refusal, code: `${name}/${refusal.code}` }

const unknown = (kind: 'match' | 'target', name: string): Refusal => ({
  code: `rule/unknown-${kind}`,
  message: `the ${kind} ${name} is not known here`,
})
