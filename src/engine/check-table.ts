/**
 * Why a table cannot be put in force: what the kernel refuses when it is loaded, and what nothing here could run.
 *
 * Kernel: translate_table(), find_check_entry(), net/ipv4/netfilter/ip_tables.c, Linux 6.18.
 */
import type { Registry } from '../ext/registry.ts'
import type { Refusal } from '../lang/diagnostic.ts'
import { sortedChains } from '../lang/print.ts'
import { type Family, type Rule, spanOfUse, type Table } from '../lang/rule.ts'
import type { Span } from '../lang/source.ts'
import { refusalsOf, type VerifyContext } from '../lang/verify.ts'
import type { RuleRef } from './outcome.ts'

export interface LoadRefusal extends Refusal {
  readonly ref: RuleRef
  readonly span: Span | null
}

interface CheckContext extends VerifyContext {
  readonly syntax: Registry
}

/** All refusals of a table: first what is not known, then the others in the order in which the kernel meets them. */
export function checkTable(table: Table, context: CheckContext): LoadRefusal[] {
  const { family, syntax: registry } = context
  const gaps = sortedChains(table).flatMap(({ name, rules }) =>
    rules.flatMap((rule, at) => {
      const ref = { table: table.name, chain: name, number: at + 1 }
      return [...gapsOf(rule, table, family, registry)].map((gap) => ({ ...gap, ref }))
    }),
  )
  const refusals = refusalsOf(table, context).map(({ chain, number, ...refusal }) => ({
    ...refusal,
    ref: { table: table.name, chain, number },
  }))
  return [...gaps, ...refusals]
}

/** Extensions and chains that are not there. */
function* gapsOf(
  rule: Rule,
  table: Table,
  family: Family,
  registry: Registry,
): Iterable<Refusal & { readonly span: Span | null }> {
  const { matches, target } = rule
  for (const use of matches) {
    if (use.kind === 'unknown' || registry.match(use.name, family) === null)
      yield { ...unknown('match', use.name), span: spanOfUse(rule, use) }
  }
  if (target.kind === 'unknown' || (target.kind === 'extension' && !registry.target(target.name, family))) {
    yield { ...unknown('target', target.name), span: spanOfUse(rule, target) }
  }
  if (target.kind === 'chain' && table.chains.get(target.chain)?.policy !== null) {
    yield {
      code: 'rule/no-chain',
      message: `there is no chain ${target.chain} to jump to`,
      span: spanOfUse(rule, target),
    }
  }
}

const unknown = (kind: 'match' | 'target', name: string): Refusal => ({
  code: `rule/unknown-${kind}`,
  message: `the ${kind} ${name} is not known here`,
})
