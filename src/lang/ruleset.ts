/**
 * What the commands do to a ruleset, with the refusals of the kernel and of libiptc. Each function changes the table
 * only when it returns null.
 *
 * Source: libiptc/libiptc.c, iptables 1.8.9; measured with iptables-legacy on Linux 6.18.
 */
import type { Action } from './command.ts'
import { type Refusal, say } from './diagnostic.ts'
import { sortedChains } from './print.ts'
import type { Chain, Counters, Policy, Rule, Ruleset, Table, TableName } from './rule.ts'
import { newTable, noCounters, tableHooks } from './rule.ts'
import type { Span } from './source.ts'
import { nearest } from './suggest.ts'

/** The table, made with its base chains when nobody used it before. */
export function useTable(ruleset: Ruleset, name: TableName): Table {
  let table = ruleset.tables.get(name)
  if (table === undefined) {
    table = newTable(name)
    ruleset.tables.set(name, table)
  }
  return table
}

function missingChain(table: Table, name: string): Refusal {
  const others = (Object.keys(tableHooks) as TableName[]).filter((other) =>
    tableHooks[other].some((hook) => hook === name),
  )
  if (others.length > 0) {
    return say('chain/missing', `the ${table.name} table has no ${name}`, {
      notes: [`${others.join(', ')} ${others.length === 1 ? 'has' : 'have'} it`],
      help: name.endsWith('ROUTING') ? '-t nat, for address translation' : `-t ${others[0]}`,
    })
  }
  const near = nearest(name, table.chains.keys())
  return say('chain/missing', `the ${table.name} table has no chain "${name}"`, {
    ...(near === null ? { help: `-N ${name}` } : { help: near, fix: near }),
  })
}

export function appendRules(table: Table, chain: string, rules: readonly Rule[]): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  // No spread: a list of addresses can make more rules than a call takes arguments.
  for (const rule of rules) found.rules.push(rule)
  return null
}

/** Each rule goes in at the same number, so that a list ends up in reverse order. */
export function insertRules(
  table: Table,
  chain: string,
  number: number,
  rules: readonly Rule[],
): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  if (found.rules.length + 1 < number) return numberTooBig(found, number, found.rules.length + 1)
  found.rules.splice(number - 1, 0, ...rules.toReversed())
  return null
}

const numberTooBig = ({ name, rules }: Chain, number: number, last: number): Refusal =>
  say('rule/number-too-big', `there is no place ${number} in ${name}`, {
    notes: [`${name} has ${rules.length === 1 ? '1 rule' : `${rules.length} rules`}`],
    ...(last > 0 ? { help: `a number from 1 to ${last}` } : {}),
  })

export function replaceRule(table: Table, chain: string, number: number, rule: Rule): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  if (found.rules.length < number) return numberTooBig(found, number, found.rules.length)
  found.rules[number - 1] = rule
  return null
}

export function deleteNumber(table: Table, chain: string, number: number): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  if (found.rules.length < number) return numberTooBig(found, number, found.rules.length)
  found.rules.splice(number - 1, 1)
  return null
}

/** Deletes the first rule equal to each given one; all or nothing. */
export function deleteRules(table: Table, chain: string, rules: readonly Rule[]): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  const left = [...found.rules]
  for (const rule of rules) {
    const at = left.findIndex((each) => sameRule(each, rule))
    if (at < 0) return noSuchRule(found, rule)
    left.splice(at, 1)
  }
  found.rules = left
  return null
}

/** Null when the chain has each of the rules. */
export function checkRules(table: Table, chain: string, rules: readonly Rule[]): Refusal | null {
  const found = table.chains.get(chain)
  if (found === undefined) return missingChain(table, chain)
  const absent = rules.find((rule) => !found.rules.some((each) => sameRule(each, rule)))
  return absent === undefined ? null : noSuchRule(found, absent)
}

function noSuchRule(chain: Chain, rule: Rule): Refusal {
  // A rule that differs by its target only is what people mean most often.
  const near = chain.rules.findIndex((each) => sameRule({ ...each, target: rule.target }, rule))
  return say('rule/missing', `${chain.name} has no such rule`, {
    notes: near < 0 ? [] : [`rule ${near + 1} has the same conditions and another target`],
  })
}

export function newChain(table: Table, name: string, span: Chain['span']): Refusal | null {
  if (table.chains.has(name)) return say('chain/exists', `the chain "${name}" exists already`)
  table.chains.set(name, { name, policy: null, counters: noCounters, rules: [], span })
  return null
}

export function deleteChain(table: Table, name: string): Refusal | null {
  const chain = table.chains.get(name)
  if (chain === undefined) return missingChain(table, name)
  if (chain.policy !== null) return say('chain/base', `${name} is a base chain and cannot be deleted`)
  const user = [...table.chains.values()].find(({ rules }) =>
    rules.some(({ target }) => target.kind === 'chain' && target.chain === name),
  )
  if (user !== undefined) {
    return say('chain/in-use', `the chain "${name}" is still used`, {
      notes: [`a rule of ${user.name} jumps to it`],
    })
  }
  if (chain.rules.length > 0) {
    return say('chain/not-empty', `the chain "${name}" still has rules`, { help: `-F ${name} before` })
  }
  table.chains.delete(name)
  return null
}

/** `-X` alone: every user chain, or none when one of them cannot go. */
export function deleteAllChains(table: Table): Refusal | null {
  const users = sortedChains(table).filter(({ policy }) => policy === null)
  const trial: Table = { name: table.name, chains: new Map(table.chains) }
  for (const { name } of users) {
    const refusal = deleteChain(trial, name)
    if (refusal !== null) return refusal
  }
  for (const { name } of users) table.chains.delete(name)
  return null
}

/** Renames a user chain and the jumps to it. */
export function renameChain(table: Table, name: string, to: string): Refusal | null {
  const chain = table.chains.get(name)
  if (table.chains.has(to) || ['ACCEPT', 'DROP', 'QUEUE', 'RETURN'].includes(to))
    return say('chain/exists', `the chain "${to}" exists already`)
  if (chain === undefined) return missingChain(table, name)
  if (chain.policy !== null) return say('chain/base', `${name} is a base chain and cannot be renamed`)
  table.chains.delete(name)
  table.chains.set(to, { ...chain, name: to })
  for (const each of table.chains.values()) {
    each.rules = each.rules.map((rule) =>
      rule.target.kind === 'chain' && rule.target.chain === name
        ? { ...rule, target: { ...rule.target, chain: to } }
        : rule,
    )
  }
  return null
}

/** Sets a policy and its counters (to zero when none are given). */
export function setPolicy(
  table: Table,
  name: string,
  policy: string,
  counters: Counters = noCounters,
  span: Span | null = null,
): Refusal | null {
  const chain = table.chains.get(name)
  if (chain === undefined || chain.policy === null) {
    return say(
      'chain/no-policy',
      `${name} is not a base chain of ${table.name}, and only those have a policy`,
      {
        help: `a last rule: -A ${name} -j ${policy}`,
      },
    )
  }
  if (policy !== 'ACCEPT' && policy !== 'DROP') {
    const near = policy.toUpperCase() === 'ACCEPT' ? 'ACCEPT' : 'DROP'
    return say('chain/bad-policy', `"${policy}" is not a policy: it is ACCEPT or DROP`, {
      ...(policy === 'REJECT'
        ? { help: `DROP, and a last rule: -A ${name} -j REJECT` }
        : { help: near, fix: near }),
    })
  }
  chain.policy = policy as Policy
  if (span !== null) chain.policySpan = span
  chain.counters = counters
  return null
}

/** Empties one chain, or all when null. */
export function flush(table: Table, name: string | null): Refusal | null {
  if (name !== null && !table.chains.has(name)) return missingChain(table, name)
  for (const chain of chosenChains(table, name)) chain.rules = []
  return null
}

/** Zeroes the counters of a rule, a chain or all. */
export function zero(table: Table, name: string | null, number: number | null = null): Refusal | null {
  const chain = name === null ? undefined : table.chains.get(name)
  if (name !== null && chain === undefined) return missingChain(table, name)
  if (chain !== undefined && number !== null) {
    const rule = chain.rules[number - 1]
    if (rule === undefined) return numberTooBig(chain, number, chain.rules.length)
    chain.rules[number - 1] = { ...rule, counters: noCounters }
    return null
  }
  for (const each of chosenChains(table, name)) {
    each.counters = noCounters
    each.rules = each.rules.map((rule) => ({ ...rule, counters: noCounters }))
  }
  return null
}

function chosenChains(table: Table, name: string | null): Chain[] {
  return [...table.chains.values()].filter((chain) => name === null || chain.name === name)
}

/** Carries out one command; listings change nothing. */
export function applyAction(table: Table, action: Action): Refusal | null {
  switch (action.kind) {
    case 'append':
      return appendRules(table, action.chain.text, action.rules)
    case 'insert':
      return insertRules(table, action.chain.text, action.number, action.rules)
    case 'replace':
      return replaceRule(table, action.chain.text, action.number, action.rule)
    case 'delete':
      return deleteRules(table, action.chain.text, action.rules)
    case 'check':
      return checkRules(table, action.chain.text, action.rules)
    case 'delete-number':
      return deleteNumber(table, action.chain.text, action.number)
    case 'new-chain':
      return newChain(table, action.chain.text, action.chain.span)
    case 'delete-chain':
      return action.chain === null ? deleteAllChains(table) : deleteChain(table, action.chain.text)
    case 'rename-chain':
      return renameChain(table, action.chain.text, action.to.text)
    case 'policy':
      return setPolicy(
        table,
        action.chain.text,
        action.policy.text,
        action.counters ?? noCounters,
        action.policy.span,
      )
    case 'flush':
      return flush(table, action.chain?.text ?? null)
    case 'zero':
      return zero(table, action.chain?.text ?? null)
    case 'zero-number':
      return zero(table, action.chain.text, action.number)
    case 'list':
    case 'list-rules':
      return action.chain === null || table.chains.has(action.chain.text)
        ? null
        : missingChain(table, action.chain.text)
    case 'help':
    case 'version':
      return null
  }
}

/** Whether the command leaves the kernel's table alone. */
export const isReading = ({ kind }: Action): boolean => readingKinds.has(kind)

const readingKinds: ReadonlySet<Action['kind']> = new Set(['list', 'list-rules', 'check', 'help', 'version'])

/**
 * Whatever iptables-legacy changes in a table, the counters of all its policies begin at zero again, while those of
 * rules go on; `-P CHAIN POLICY -c` sets those of one chain. Measured with 1.8.9 on Linux 6.18.
 */
export function zeroPolicies(table: Table, action: Action): void {
  const kept = action.kind === 'policy' && action.counters !== null ? action.chain.text : null
  for (const chain of table.chains.values()) if (chain.name !== kept) chain.counters = noCounters
}

/** The same table, to be changed without changing the first. */
export const copyTable = ({ name, chains }: Table): Table => ({
  name,
  chains: new Map([...chains].map(([key, chain]) => [key, { ...chain, rules: [...chain.rules] }])),
})

/** The same ruleset, to be changed without changing the first. */
export const copyRuleset = <Given extends Ruleset | undefined>(ruleset: Given): Given =>
  (ruleset && {
    family: ruleset.family,
    tables: new Map([...ruleset.tables].map(([name, table]) => [name, copyTable(table)])),
  }) as Given

/**
 * Whether the kernel holds two rules for the same: equal conditions, the same sequence of matches with equal data,
 * and the same target. Counters and places do not matter.
 */
export function sameRule(a: Rule, b: Rule): boolean {
  return sameValue(essence(a), essence(b))
}

const essence = ({ source, destination, matches, target, ...rule }: Rule) => ({
  ...rule,
  source: plainCondition(source),
  destination: plainCondition(destination),
  counters: null,
  span: null,
  matches: matches.map((use) => ({ ...use, span: null })),
  target: 'span' in target ? { ...target, span: null } : target,
})

/** The same whoever made it: see `Ipv4Network`. */
const plainCondition = (condition: Rule['source']): Rule['source'] =>
  condition === null ? null : { value: condition.value, inverted: condition.inverted }

/** Deep equality of plain data. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      sameValue((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}
