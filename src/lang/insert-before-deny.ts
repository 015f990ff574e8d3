/** Rules added to rules that are there: into each chain before what refuses the rest. */
import { isUnconditional } from './reach.ts'
import { type Chain, newTable, type Rule, type Ruleset, type Table } from './rule.ts'
import { copyTable, sameRule } from './ruleset.ts'
import type { Syntax } from './syntax.ts'
import { decides } from './verify.ts'

/**
 * `base` with the rules of `additions`: new chains as they are; rules of chains that are there before the final deny of the
 * chain, in their order. A rule that the chain has already is not added again, so doing this twice is doing it once.
 * Policies stay those of `base`.
 */
export function insertBeforeDeny(base: Ruleset, additions: Ruleset, syntax: Syntax): Ruleset {
  const tables = new Map([...base.tables].map(([name, table]) => [name, copyTable(table)]))
  for (const [name, { chains }] of additions.tables) {
    const table = tables.get(name) ?? newTable(name)
    tables.set(name, table)
    for (const chain of chains.values()) addToChain(table, chain, base.family, syntax)
  }
  return { family: base.family, tables }
}

function addToChain(table: Table, addition: Chain, family: Ruleset['family'], syntax: Syntax): void {
  const chain = table.chains.get(addition.name)
  if (chain === undefined) {
    table.chains.set(addition.name, { ...addition, rules: [...addition.rules] })
    return
  }
  const wanted = addition.rules.filter((rule) => !chain.rules.some((each) => sameRule(each, rule)))
  const at = placeBeforeDeny(table, chain, { family, syntax })
  chain.rules = [...chain.rules.slice(0, at), ...wanted, ...chain.rules.slice(at)]
}

type Context = Parameters<typeof decides>[1]

/**
 * The place, from 0, of the first rule that belongs to the final deny of a chain: the rule that decides about every packet,
 * and what only tells of the rest in front of it (LOG). Behind the last rule where none decides
 * about every packet: then the policy does.
 */
export function placeBeforeDeny(table: Table, chain: Chain, context: Context): number {
  let at = chain.rules.findIndex((rule) => isUnconditional(rule) && decidesAll(table, rule, context, 0))
  if (at < 0) at = chain.rules.length
  while (at > 0 && onlyTells(chain.rules[at - 1]!, context)) at--
  return at
}

/** Chains that jump to chains deeper than this are taken for undecided. */
const deepestJump = 16

/** Whether no packet that comes to the rule's target goes on behind the rule. */
function decidesAll(table: Table, rule: Rule, context: Context, depth: number): boolean {
  const { target } = rule
  if (target.kind === 'verdict' && target.verdict === 'RETURN') return depth === 0
  if (decides(rule, context)) return true
  if (target.kind !== 'chain' || depth > deepestJump) return false
  for (const each of table.chains.get(target.chain)?.rules ?? []) {
    // Whoever returns from it goes on.
    if (each.target.kind === 'verdict' && each.target.verdict === 'RETURN') return false
    if (isUnconditional(each) && decidesAll(table, each, context, depth + 1)) return true
  }
  return false
}

/** Whether a rule does something to packets (it logs them, as a rule before a deny does) and lets all go on. */
const onlyTells = (rule: Rule, context: Context): boolean =>
  rule.target.kind === 'extension' && !decides(rule, context)
