/**
 * What iptables takes without a word and people regret: chains that nothing enters or that hold nothing, recency
 * lists that cannot do what their rules ask, a machine that no longer hears itself.
 */
import { adviseOnMemory } from './advice-memory.ts'
import { say } from './diagnostic.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import { isUnconditional } from './reach.ts'
import type { Chain, Rule, Ruleset, Table } from './rule.ts'
import type { Span } from './source.ts'
import type { Syntax } from './syntax.ts'
import { decides } from './verify.ts'

export function advise(ruleset: Ruleset, syntax: Syntax, profile: KernelProfile, problems: Problems): void {
  for (const table of ruleset.tables.values()) {
    adviseOnChains(table, problems)
    adviseOnRepetition(table, ruleset, syntax, problems)
    adviseOnUses(table, ruleset, syntax, profile, problems)
  }
  adviseOnMemory({ ruleset, syntax, profile, problems })
  const filter = ruleset.tables.get('filter')
  if (filter === undefined) return
  adviseOnLoopback(filter, ruleset, syntax, problems)
  adviseOnOpenHouse(filter, problems)
}

function adviseOnChains(table: Table, problems: Problems): void {
  const jumps = new Map<string, Rule>()
  for (const { rules } of table.chains.values()) {
    for (const rule of rules) {
      if (rule.target.kind === 'chain' && !jumps.has(rule.target.chain)) jumps.set(rule.target.chain, rule)
    }
  }
  for (const { name, policy, rules, span } of table.chains.values()) {
    if (policy !== null) continue
    const jump = jumps.get(name)
    if (jump === undefined) {
      const help = rules.length === 0 ? `leave it out, or -A INPUT -j ${name}` : `-A INPUT -j ${name}`
      problems.note(say('chain/unused', `no rule jumps to the chain "${name}"`, { help }), span)
    } else if (rules.length === 0) {
      problems.note(
        say('chain/empty', `the chain "${name}" has no rules, so this jump does nothing`, {
          notes: ['somebody else may fill it later'],
        }),
        jump.span,
        span === null ? undefined : { span, message: 'the chain is made here' },
      )
    }
  }
}

/** The same words a second time, behind a rule that has decided about all packets that meet them. */
function adviseOnRepetition(table: Table, { family }: Ruleset, syntax: Syntax, problems: Problems): void {
  for (const { rules } of table.chains.values()) {
    const seen = new Map<number, Rule>()
    const repeated: { readonly rule: Rule; readonly first: Rule }[] = []
    for (const rule of rules) {
      const { span } = rule
      if (span === null || rule.target.kind === 'none' || !decides(rule, { syntax, family })) continue
      const key = hashOf(span)
      const first = seen.get(key)
      if (first === undefined) seen.set(key, rule)
      else if (isRepeated(rule, first) && !hasOwnState(rule, family, syntax)) repeated.push({ rule, first })
      // What stands behind is unreachable, which is told elsewhere.
      if (isUnconditional(rule)) break
    }
    const [one] = repeated
    if (one === undefined) continue
    const more = repeated.length === 1 ? '' : `, and so do ${repeated.length - 1} more of this chain`
    problems.warn(
      say('rule/repeated', `the same rule stands above and leaves nothing for this one${more}`),
      one.rule.span,
      { span: one.first.span!, message: 'this is the first' },
    )
  }
}

/** Of the text at a place; different texts may share it. */
function hashOf({ source: { text }, start, end }: Span): number {
  let hash = 0
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return hash
}

/** Whether two rules say the same at different places: a list of addresses makes several rules of one line. */
const isRepeated = ({ span: a }: Rule, { span: b }: Rule): boolean =>
  a !== null &&
  b !== null &&
  a.start !== b.start &&
  a.source.text.slice(a.start, a.end) === b.source.text.slice(b.start, b.end)

const hasOwnState = ({ matches }: Rule, family: Ruleset['family'], syntax: Syntax): boolean =>
  matches.some((use) => {
    if (use.kind === 'unknown') return true
    const match = syntax.match(use.name, family)
    return match?.load !== undefined || match?.remembers !== undefined
  })

function adviseOnUses(
  { chains }: Table,
  { family }: Ruleset,
  syntax: Syntax,
  profile: KernelProfile,
  problems: Problems,
): void {
  for (const { rules } of chains.values()) {
    for (const rule of rules) {
      for (const use of rule.matches) {
        if (use.kind === 'unknown') continue
        const advice = syntax.match(use.name, family)?.advise?.(use.data, rule, profile) ?? null
        if (advice !== null) problems.noteOnce(advice, use.span ?? rule.span)
      }
      const { target } = rule
      if (target.kind !== 'extension') continue
      const advice = syntax.target(target.name, family)?.advise?.(target.data, rule, profile) ?? null
      if (advice !== null) problems.noteOnce(advice, target.span ?? rule.span)
    }
  }
}

/** A list of what may come in, and nothing that keeps the rest out. */
function adviseOnOpenHouse(filter: Table, problems: Problems): void {
  const input = filter.chains.get('INPUT')
  if (input === undefined || input.policy !== 'ACCEPT' || input.rules.length === 0) return
  const accepts = ({ target }: Rule) => target.kind === 'verdict' && target.verdict === 'ACCEPT'
  if (!input.rules.every(accepts) || !input.rules.some((rule) => rule.protocol !== null)) return
  problems.warn(
    say('chain/keeps-nothing-out', 'INPUT says what may come in, and lets in everything else as well', {
      notes: ['every rule accepts, and so does the policy'],
      help: 'the policy DROP, or a last rule: -A INPUT -j DROP',
    }),
    input.rules.at(-1)!.span,
  )
}

/** Programs of a machine talk to each other by lo, and INPUT hears that as well. */
function adviseOnLoopback(filter: Table, { family }: Ruleset, syntax: Syntax, problems: Problems): void {
  const input = filter.chains.get('INPUT')
  if (input === undefined || input.rules.length === 0 || !endsShut(input, family, syntax)) return
  if (input.rules.some(mayHearItself)) return
  problems.note(
    say('chain/no-loopback', 'INPUT lets nothing in by lo', {
      notes: ['programs of this machine reach each other by it: name servers, databases, mail'],
      help: '-A INPUT -i lo -j ACCEPT',
    }),
    input.rules.at(-1)!.span,
  )
}

const endsShut = ({ policy, rules }: Chain, family: Ruleset['family'], syntax: Syntax): boolean => {
  const last = rules.at(-1)
  if (policy === 'DROP' || last === undefined) return policy === 'DROP'
  const lets = last.target.kind === 'verdict' && last.target.verdict !== 'DROP'
  return isUnconditional(last) && !lets && decides(last, { syntax, family })
}

/** Whether a rule may be what lets packets of lo in: by its name, by its addresses, or in another chain. */
const mayHearItself = ({ inInterface, source, target, ...rest }: Rule): boolean =>
  inInterface?.value.startsWith('lo') === true ||
  source !== null ||
  target.kind === 'chain' ||
  (target.kind === 'verdict' &&
    target.verdict === 'ACCEPT' &&
    isUnconditional({ ...rest, inInterface, source, target }))
