/** What people regret about recency lists: lists that nothing fills, that others share, that are asked too late. */
import { conditionsOf, isWithin, mayMeet } from './conditions-compared.ts'
import { say } from './diagnostic.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import type { Rule, Ruleset } from './rule.ts'
import type { MemoryUse, Syntax } from './syntax.ts'
import { decides } from './verify.ts'

interface Used {
  readonly rule: Rule
  readonly use: MemoryUse
  /** The chain of the rule, and its number from 0. */
  readonly rules: readonly Rule[]
  readonly at: number
}

type Lists = ReadonlyMap<string, readonly Used[]>

interface Scene {
  readonly ruleset: Ruleset
  readonly syntax: Syntax
  readonly profile: KernelProfile
  readonly problems: Problems
}

export function adviseOnMemory(scene: Scene): void {
  const lists = listsOf(scene)
  if (lists.size === 0) return
  reportUnfilled(lists, scene)
  reportShared(lists, scene)
  reportAskedTooLate(lists, scene)
  reportCap(lists, scene)
}

function listsOf({ ruleset, syntax }: Scene): Lists {
  const lists = new Map<string, Used[]>()
  for (const table of ruleset.tables.values()) {
    for (const { rules } of table.chains.values()) {
      for (let at = 0; at < rules.length; at++) {
        const rule = rules[at]!
        for (const match of rule.matches) {
          if (match.kind === 'unknown') continue
          const use = syntax.match(match.name, ruleset.family)?.remembers?.(match.data) ?? null
          if (use === null) continue
          const known = lists.get(use.list)
          if (known === undefined) lists.set(use.list, [{ rule, use, rules, at }])
          else known.push({ rule, use, rules, at })
        }
      }
    }
  }
  return lists
}

function reportUnfilled(lists: Lists, { problems }: Scene): void {
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
}

/** Rules without a name share one list, whatever they are for. */
function reportShared(lists: Lists, { ruleset, syntax, problems }: Scene): void {
  for (const [name, used] of lists) {
    const { use, rule } = used[0]!
    if (name !== use.defaultList) continue
    const first = conditionsOf(rule, syntax, ruleset.family)
    const stranger = used.find((each) => !mayMeet(first, conditionsOf(each.rule, syntax, ruleset.family)))
    if (stranger === undefined && (used.length < 2 || lists.size < 2)) {
      problems.note(
        say('recent/no-name', `the list has no name of its own: it is "${name}"`, {
          notes: ['every rule without --name shares it, those of other scripts on the machine included'],
          help: '--name of its own',
        }),
        rule.span,
      )
      continue
    }
    const span = stranger?.rule.span ?? null
    const refusal = say(
      'recent/shared-default',
      `${used.length} rules share the list "${name}", for they name none`,
      {
        help: '--name of its own for each purpose',
      },
    )
    if (span === null) problems.note(refusal, rule.span)
    else problems.warn(refusal, rule.span, { span, message: 'this rule is about other packets' })
  }
}

/** `--set -j ACCEPT` in front of `--update --hitcount -j DROP`: whoever is stamped is never asked. */
function reportAskedTooLate(lists: Lists, { ruleset, syntax, problems }: Scene): void {
  const conditions = ({ rule }: Used) => {
    const others = rule.matches.filter(
      (use) => use.kind === 'unknown' || syntax.match(use.name, ruleset.family)?.remembers === undefined,
    )
    return conditionsOf({ ...rule, matches: others }, syntax, ruleset.family)
  }
  for (const [name, used] of lists) {
    for (const asking of used.filter(({ use }) => use.asks)) {
      const before = used.find(
        (each) =>
          each.use.writes &&
          each.rules === asking.rules &&
          each.at < asking.at &&
          decides(each.rule, { syntax, family: ruleset.family }) &&
          isWithinWithPorts(conditions(asking), conditions(each)),
      )
      if (before === undefined) continue
      problems.warn(
        say('recent/asked-too-late', `no packet gets to this question about the list "${name}"`, {
          notes: ['an earlier rule puts the address into the list, and decides about the packet'],
          help: 'this rule in front of the other',
        }),
        asking.rule.span,
        before.rule.span === null ? undefined : { span: before.rule.span, message: 'this rule comes first' },
      )
    }
  }
}

type Conditions = ReturnType<typeof conditionsOf>

const isWithinWithPorts = (inner: Conditions, outer: Conditions): boolean =>
  isWithin(inner, outer) &&
  (outer.ports === null || JSON.stringify(inner.ports) === JSON.stringify(outer.ports))

/** A list that anybody fills holds few addresses: who knocks with many pushes the others out. */
function reportCap(lists: Lists, { profile, problems }: Scene): void {
  if (profile.recentListTotal > 1000) return
  for (const [name, used] of lists) {
    const open = used.find(({ use, rule }) => use.writes && rule.source === null)
    if (open === undefined || !used.some(({ use }) => use.asks)) continue
    problems.noteOnce(
      say(
        'recent/list-cap',
        `the list "${name}" holds ${profile.recentListTotal} addresses, and anybody enters it`,
        {
          notes: [
            `packets from ${profile.recentListTotal} other addresses, forged ones too, push everybody else out of it`,
          ],
          help: 'modprobe xt_recent ip_list_tot=10000',
        },
      ),
      open.rule.span,
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
