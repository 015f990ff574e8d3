/**
 * What iptables takes without a word and people regret: chains that nothing enters or that hold nothing, recency
 * lists that cannot do what their rules ask, a machine that no longer hears itself.
 */
import { say } from './diagnostic.ts'
import type { Problems } from './problems.ts'
import { isUnconditional } from './reach.ts'
import type { Chain, Rule, Ruleset, Table } from './rule.ts'
import type { MemoryUse, Syntax } from './syntax.ts'

export function advise(ruleset: Ruleset, syntax: Syntax, problems: Problems): void {
  for (const table of ruleset.tables.values()) adviseOnChains(table, problems)
  adviseOnMemory(ruleset, syntax, problems)
  const filter = ruleset.tables.get('filter')
  if (filter !== undefined) adviseOnLoopback(filter, problems)
}

const rulesOf = (table: Table): Rule[] => [...table.chains.values()].flatMap(({ rules }) => rules)

function adviseOnChains(table: Table, problems: Problems): void {
  const jumps = new Map<string, Rule>()
  for (const rule of rulesOf(table)) {
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

interface Used {
  readonly rule: Rule
  readonly use: MemoryUse
}

function adviseOnMemory(ruleset: Ruleset, syntax: Syntax, problems: Problems): void {
  const lists = new Map<string, Used[]>()
  for (const rule of [...ruleset.tables.values()].flatMap(rulesOf)) {
    for (const match of rule.matches) {
      if (match.kind === 'unknown') continue
      const use = syntax.match(match.name, ruleset.family)?.remembers?.(match.data) ?? null
      if (use === null) continue
      const known = lists.get(use.list)
      if (known === undefined) lists.set(use.list, [{ rule, use }])
      else known.push({ rule, use })
    }
  }
  const written = [...lists].flatMap(([name, used]) => (used.some(({ use }) => use.writes) ? [name] : []))
  for (const [name, used] of lists) {
    if (written.includes(name)) continue
    const near = written.find((other) => isOneLetterOff(other, name))
    const { rule, use } = used[0]!
    const counts = used.find((each) => each.use.counts)
    if (near !== undefined) {
      problems.warn(
        say('recent/list-misspelt', `no rule puts anything into the list "${name}", but into "${near}"`, {
          help: near,
        }),
        rule.span,
        relatedTo(lists.get(near)!),
      )
    } else if (counts !== undefined) {
      problems.warn(
        say('recent/never-set', `no rule puts anything into the list "${name}", so it never counts`, {
          notes: ['--update stamps only addresses that are in the list already'],
          help: `--set --name ${name} in a rule of its own`,
        }),
        counts.rule.span,
      )
    } else if (use.list !== use.defaultList) {
      problems.note(
        say('recent/set-elsewhere', `no rule puts anything into the list "${name}"`, {
          notes: [`it stays empty unless somebody writes to /proc/net/xt_recent/${name}`],
        }),
        rule.span,
      )
    }
  }
  for (const [name, used] of lists) {
    const { use, rule } = used[0]!
    if (name !== use.defaultList || used.length < 2 || lists.size < 2) continue
    problems.note(
      say('recent/shared-default', `${used.length} rules share the list "${name}", for they name none`, {
        help: '--name of its own for each purpose',
      }),
      rule.span,
    )
  }
}

function relatedTo(used: readonly Used[]) {
  const span = used.find(({ use }) => use.writes)?.rule.span ?? null
  return span === null ? undefined : { span, message: 'this rule does' }
}

/** Whether one letter was changed, left out, added, or swapped with its neighbour. */
export function isOneLetterOff(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const [restA, restB] = [a.slice(start), b.slice(start)]
  return (
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  )
}

/** Programs of a machine talk to each other by lo, and INPUT hears that as well. */
function adviseOnLoopback(filter: Table, problems: Problems): void {
  const input = filter.chains.get('INPUT')
  if (input === undefined || input.rules.length === 0 || !endsShut(input)) return
  if (input.rules.some(mayHearItself)) return
  problems.note(
    say('chain/no-loopback', 'INPUT lets nothing in by lo', {
      notes: ['programs of this machine reach each other by it: name servers, databases, mail'],
      help: '-A INPUT -i lo -j ACCEPT',
    }),
    input.rules.at(-1)!.span,
  )
}

const endsShut = ({ policy, rules }: Chain): boolean => {
  const last = rules.at(-1)
  const shuts = last?.target.kind === 'verdict' && last.target.verdict === 'DROP' && isUnconditional(last)
  return policy === 'DROP' || shuts === true
}

/** Whether a rule may be what lets packets of lo in: by its name, by its addresses, or in another chain. */
const mayHearItself = ({ inInterface, source, target, ...rest }: Rule): boolean =>
  inInterface?.value.startsWith('lo') === true ||
  source !== null ||
  target.kind === 'chain' ||
  (target.kind === 'verdict' &&
    target.verdict === 'ACCEPT' &&
    isUnconditional({ ...rest, inInterface, source, target }))
