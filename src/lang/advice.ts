/**
 * What iptables takes without a word and people regret: chains that nothing enters or that hold nothing, recency
 * lists that cannot do what their rules ask, a machine that no longer hears itself.
 */
import { adviseOnMemory } from './advice-memory.ts'
import { say } from './diagnostic.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import { isUnconditional } from './reach.ts'
import { type Chain, type Family, type Rule, type Ruleset, spanOfUse, type Table } from './rule.ts'
import type { Span } from './source.ts'
import { type Survey, surveyOf } from './survey.ts'
import type { Syntax } from './syntax.ts'
import { decides } from './verify.ts'

/** `surveys` are of chains that have not changed since. */
export function advise(
  ruleset: Ruleset,
  syntax: Syntax,
  profile: KernelProfile,
  problems: Problems,
  surveys: ReadonlyMap<Chain, Survey> = new Map(),
): void {
  let memory = false
  for (const table of ruleset.tables.values()) {
    const kinds = kindsOf(table, surveys)
    adviseOnChains(table, kinds, problems)
    adviseOnRepetition(table, ruleset, syntax, problems)
    adviseOnUses(kinds, ruleset, syntax, profile, problems)
    memory ||= kinds.some((rule) => mayRemember(rule, ruleset.family, syntax))
  }
  if (memory) adviseOnMemory({ ruleset, syntax, profile, problems })
  const filter = ruleset.tables.get('filter')
  if (filter === undefined) return
  adviseOnLoopback(filter, ruleset, syntax, problems)
  adviseOnOpenHouse(filter, problems)
}

/** One rule of each kind, in the order of the chains and of their rules. */
const kindsOf = ({ chains }: Table, surveys: ReadonlyMap<Chain, Survey>): Rule[] =>
  [...chains.values()].flatMap((chain) => {
    const { kinds, kindsBehind } = surveys.get(chain) ?? surveyOf(chain)
    return [...kinds, ...kindsBehind]
  })

const mayRemember = ({ matches }: Rule, family: Family, syntax: Syntax): boolean =>
  matches.some(({ name }) => syntax.match(name, family)?.remembers !== undefined)

function adviseOnChains(table: Table, kinds: readonly Rule[], problems: Problems): void {
  const jumps = new Map<string, Rule>()
  for (const rule of kinds) {
    if (rule.target.kind === 'chain' && !jumps.has(rule.target.chain)) jumps.set(rule.target.chain, rule)
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
    if (rules.length < 2) continue
    const seen = new RulesByText(rules)
    let one: { readonly rule: Rule; readonly first: Rule } | null = null
    let count = 0
    for (let at = 0; at < rules.length; at++) {
      const rule = rules[at]!
      if (rule.span === null || rule.target.kind === 'none' || !decides(rule, { syntax, family })) continue
      const first = seen.firstOf(at, rule.span)
      if (first !== null && isRepeated(rule, first) && !hasOwnState(rule, family, syntax)) {
        one ??= { rule, first }
        count++
      }
      // What stands behind is unreachable, which is told elsewhere.
      if (isUnconditional(rule)) break
    }
    if (one === null) continue
    const more = count === 1 ? '' : `, and so do ${count - 1} more of this chain`
    problems.warn(
      say('rule/repeated', `the same rule stands above and leaves nothing for this one${more}`),
      one.rule.span,
      { span: one.first.span!, message: 'this is the first' },
    )
  }
}

/** Finds the first rule of a text, by the hash of the text: a table of numbers of rules, from 1. */
class RulesByText {
  readonly #rules: readonly Rule[]
  readonly #numbers: Int32Array
  readonly #hashes: Int32Array

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
    // At most half full.
    const size = 2 ** (33 - Math.clz32(rules.length))
    this.#numbers = new Int32Array(size)
    this.#hashes = new Int32Array(size)
  }

  /** The first rule whose text has the hash of this one; null when this is it. */
  firstOf(at: number, span: Span): Rule | null {
    const numbers = this.#numbers
    const hash = hashOf(span)
    const last = numbers.length - 1
    let slot = Math.imul(hash, 0x9e3779b1) >>> Math.clz32(last)
    while (numbers[slot] !== 0) {
      if (this.#hashes[slot] === hash) return this.#rules[numbers[slot]! - 1]!
      slot = (slot + 1) & last
    }
    numbers[slot] = at + 1
    this.#hashes[slot] = hash
    return null
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
  kinds: readonly Rule[],
  { family }: Ruleset,
  syntax: Syntax,
  profile: KernelProfile,
  problems: Problems,
): void {
  for (const rule of kinds) {
    for (const use of rule.matches) {
      if (use.kind === 'unknown') continue
      const advice = syntax.match(use.name, family)?.advise?.(use.data, rule, profile) ?? null
      if (advice !== null) problems.noteOnce(advice, spanOfUse(rule, use) ?? rule.span)
    }
    const { target } = rule
    if (target.kind !== 'extension') continue
    const advice = syntax.target(target.name, family)?.advise?.(target.data, rule, profile) ?? null
    if (advice !== null) problems.noteOnce(advice, spanOfUse(rule, target) ?? rule.span)
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
