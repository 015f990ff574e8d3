/**
 * What the kernel looks at when a table is loaded, and what a careful reader would ask about it.
 *
 * Source: translate_table(), find_check_entry(), net/ipv4/netfilter/ip_tables.c, Linux 6.18.
 */
import type { Refusal } from './diagnostic.ts'
import { Founded } from './founded.ts'
import { sortedChains } from './print.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import { type Reach, reachOf } from './reach.ts'
import {
  type Chain,
  type Family,
  type Hook,
  type Rule,
  spanOfUse,
  type Table,
  type TargetUse,
} from './rule.ts'
import type { Span } from './source.ts'
import type { Survey } from './survey.ts'
import type { KnownSets, RulePlace, Syntax } from './syntax.ts'

export interface VerifyContext {
  readonly family: Family
  readonly syntax: Syntax
  readonly profile: KernelProfile
  /** The sets of ipset that there are; absent where that is not known. */
  readonly sets?: KnownSets | undefined
  /** Names of the accounting objects that there are; absent where that is not known. */
  readonly accounts?: ReadonlySet<string> | undefined
  /** The tables that are in force, of both families, this one's predecessor too; absent where that is not known. */
  readonly inForce?: readonly TableInForce[] | undefined
  /** Takes what was seen of each chain, for those who look at them later. */
  readonly surveys?: Map<Chain, Survey> | undefined
}

export interface TableInForce {
  readonly family: Family
  readonly table: Table
}

export interface LoadRefusal extends Refusal {
  /** The rule, numbered from 1 within its chain. */
  readonly chain: string
  readonly number: number
  readonly span: Span | null
}

/** Everything the kernel would refuse in this table, in its order; the kernel itself stops at the first. */
export function refusalsOf(table: Table, context: VerifyContext, reach = reachOf(table)): LoadRefusal[] {
  const { family, syntax, profile, sets, accounts } = context
  const refusals: LoadRefusal[] = []
  for (const circle of reach.circles) refusals.push(circleRefusal(circle))
  const founded = context.inForce === undefined ? null : new Founded(context.inForce, syntax)
  for (const chain of sortedChains(table)) {
    const place = { family, table: table.name, profile, sets, accounts }
    if (founded === null && kindsAreTaken(reach, chain, place, syntax)) continue
    for (let at = 0; at < chain.rules.length; at++) {
      const rule = chain.rules[at]!
      if (isPlain(rule)) continue
      const own = refusalsOfRule(rule, { ...place, hooks: reach.hooksAt(chain, at) }, syntax)
      if (own.length === 0 && founded !== null) own.push(...founded.take(rule, family))
      for (const refusal of own) refusals.push({ ...refusal, chain: chain.name, number: at + 1 })
    }
  }
  return refusals
}

/** Whether nothing is refused of any kind of rule that the chain has; each kind is looked at once. */
function kindsAreTaken(reach: Reach, chain: Chain, place: Omit<RulePlace, 'hooks'>, syntax: Syntax): boolean {
  const { kinds, kindsBehind, end } = reach.surveys.get(chain)!
  const areTaken = (rules: readonly Rule[], hooks: readonly Hook[]): boolean => {
    const here = { ...place, hooks }
    return rules.every((rule) => isPlain(rule) || isTaken(rule, here, syntax))
  }
  return areTaken(kinds, reach.hooksAt(chain, 0)) && areTaken(kindsBehind, reach.hooksAt(chain, end))
}

/** A rule that no table refuses: addresses, interfaces, protocols, and a verdict. */
const isPlain = ({ matches, target }: Rule): boolean =>
  matches.length === 0 && (target.kind === 'verdict' || target.kind === 'none')

function circleRefusal({ chain, rule }: { readonly chain: Chain; readonly rule: Rule }): LoadRefusal {
  const { target } = rule
  const called = target.kind === 'chain' ? target.chain : ''
  return {
    code: 'chain/loop',
    message: `the jump to ${called} closes a circle`,
    notes: ['the kernel refuses chains that lead back to themselves'],
    chain: chain.name,
    number: chain.rules.indexOf(rule) + 1,
    span: spanOfUse(rule, target) ?? rule.span,
  }
}

/** What the rule's extensions say about its place. */
const refusalsOfRule = (
  rule: Rule,
  place: RulePlace,
  syntax: Syntax,
): (Refusal & { readonly span: Span | null })[] =>
  [...rule.matches, rule.target].flatMap((use) => {
    const refusal = refusalOfUse(use, rule, place, syntax)
    if (refusal === null) return []
    const name = 'name' in use ? use.name : ''
    return [{ ...ownCode(name, refusal), span: spanOfUse(rule, use) ?? rule.span }]
  })

const isTaken = (rule: Rule, place: RulePlace, syntax: Syntax): boolean =>
  rule.matches.every((use) => refusalOfUse(use, rule, place, syntax) === null) &&
  refusalOfUse(rule.target, rule, place, syntax) === null

function refusalOfUse(
  use: Rule['matches'][number] | TargetUse,
  rule: Rule,
  place: RulePlace,
  syntax: Syntax,
): Refusal | null {
  switch (use.kind) {
    case 'known':
      return syntax.match(use.name, place.family)?.check?.(use.data, rule, place) ?? null
    case 'extension':
      return syntax.target(use.name, place.family)?.check?.(use.data, rule, place) ?? null
    default:
      return null
  }
}

/** Codes of extensions carry their name. */
const ownCode = (name: string, refusal: Refusal): Refusal =>
  refusal.code.includes('/') ? refusal : { ...refusal, code: `${name}/${refusal.code}` }

/** Reports what the kernel would refuse, what is not done here, and rules that no packet can meet. */
export function verifyTable(table: Table, context: VerifyContext, problems: Problems): void {
  const reach = reachOf(table, context.surveys)
  for (const refusal of refusalsOf(table, context, reach)) problems.error(refusal, refusal.span)
  reportNotModelled(table, reach, context, problems)
  for (const chain of table.chains.values()) reportUnreachable(chain, reach, context, problems)
  if (table.name === 'filter') reportNoWayOut(table, problems)
}

function reportNotModelled(
  { chains }: Table,
  reach: Reach,
  { syntax, family }: VerifyContext,
  problems: Problems,
): void {
  const gapOf = ({ target }: Rule) =>
    target.kind === 'extension'
      ? (syntax.target(target.name, family)?.notModelled?.(target.data) ?? null)
      : null
  for (const chain of chains.values()) {
    const { kinds, kindsBehind } = reach.surveys.get(chain)!
    if (![...kinds, ...kindsBehind].some((rule) => gapOf(rule) !== null)) continue
    for (const rule of chain.rules) {
      const gap = gapOf(rule)
      if (gap !== null && rule.target.kind === 'extension')
        problems.warn(ownCode(rule.target.name, gap), spanOfUse(rule, rule.target))
    }
  }
}

/** A host that lets packets in, and cannot answer a single one. */
function reportNoWayOut({ chains }: Table, problems: Problems): void {
  const output = chains.get('OUTPUT')
  const letsIn = chains.get('INPUT')?.rules.some(({ target }) => isWayIn(target)) ?? false
  if (output === undefined || output.policy !== 'DROP' || output.rules.length > 0 || !letsIn) return
  problems.warn(
    {
      code: 'policy/no-way-out',
      message: 'nothing leaves this host: the policy of OUTPUT is DROP, and it has no rule',
      notes: ['what INPUT accepts is never answered, and no connection can be made'],
      help: ':OUTPUT ACCEPT [0:0], or a rule: -A OUTPUT -m state --state ESTABLISHED,RELATED -j ACCEPT',
    },
    output.policySpan ?? null,
  )
}

const isWayIn = (target: Rule['target']): boolean =>
  target.kind === 'chain' || (target.kind === 'verdict' && target.verdict === 'ACCEPT')

/** Whether no packet that a rule matches gets to the next one. */
export function decides(
  { target }: Rule,
  { syntax, family }: Pick<VerifyContext, 'syntax' | 'family'>,
): boolean {
  if (target.kind === 'extension') return syntax.target(target.name, family)?.decides?.(target.data) === true
  return target.kind === 'verdict' || (target.kind === 'chain' && target.goto)
}

function reportUnreachable(chain: Chain, reach: Reach, context: VerifyContext, problems: Problems): void {
  const { name, rules } = chain
  const { unconditional } = reach.surveys.get(chain)!
  const last = unconditional.find((at) => decides(rules[at]!, context)) ?? -1
  const first = rules[last + 1]
  if (last < 0 || first === undefined) return
  const count = rules.length - last - 1
  const decisive = rules[last]!
  problems.warn(
    {
      code: 'rule/unreachable',
      message: `no packet gets to this rule${count > 1 ? `, nor to the ${count - 1} behind it` : ''}`,
      notes: [`rule ${last + 1} of ${name} decides about every packet`],
    },
    first.span,
    decisive.span === null ? undefined : { span: decisive.span, message: 'this rule leaves none over' },
  )
}
