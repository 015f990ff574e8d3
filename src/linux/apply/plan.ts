/** What a change of the firewall will do, worked out before anything is touched. */
import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { registry } from '../../ext/registry.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import { printTable } from '../../lang/print.ts'
import { type Chain, noCounters, type Ruleset, type TableName } from '../../lang/rule.ts'
import { type ChainChange, diffRules, withCountersOf } from '../../lang/rules-diff.ts'
import { copyRuleset } from '../../lang/ruleset.ts'
import { bootId } from './clock.ts'
import type { InForce } from './in-force.ts'
import type { ListNeeds } from './recency.ts'
import { type Change, networkNamespace, type Pending, type State } from './state.ts'
import { withoutCounters } from './tables.ts'
import { type Family, families } from './tools.ts'

/** What is to be in force: tables that a ruleset names replace those in force, all others stay as they are. */
export interface Wanted {
  readonly rulesets: ReadonlyMap<Family, Ruleset>
  /** Sets to be made or filled before the rules are loaded, as `ipset save` prints them. */
  readonly sets?: string
}

export interface PlanOptions {
  /** Seconds until everything is put back unless somebody confirms. */
  readonly confirmSeconds: number
  /** Rules that stay keep their counters; all others begin at zero in either case. */
  readonly keepCounters: boolean
  /** For the record: a file's name, a recipe's. */
  readonly why: string
}

export interface Plan {
  readonly change: Change
  /** By name in the folder of the change. */
  readonly files: Readonly<Record<string, string>>
  /** What will change, rule by rule. */
  readonly diff: readonly ChainChange[]
  /** Recency lists that the kernel will empty, since the new rules ask for a longer history. */
  readonly emptied: readonly string[]
}

/** Works out a change. Nothing is written. */
export function planChange(wanted: Wanted, inForce: InForce, options: PlanOptions): Plan {
  const { tools, texts, lists } = inForce
  const id = newId()
  const asked = families.flatMap((family) => {
    const ruleset = wanted.rulesets.get(family)
    return ruleset === undefined || ruleset.tables.size === 0 ? [] : [{ family, ruleset }]
  })
  const diff = asked.flatMap(({ family, ruleset }) =>
    diffRules(inForce.rulesets.get(family)!, ruleset, registry),
  )
  const names = (family: Family): string[] | undefined => {
    const tables = asked.find((each) => each.family === family)?.ruleset.tables
    return tables && [...tables.keys()]
  }
  const held = Object.keys(lists).filter(isPlainWord)
  const chain = `POSTERN-HOLD-${id.slice(-4)}`
  const [first] = asked
  const holder =
    held.length === 0 || first === undefined
      ? null
      : { family: first.family, table: names(first.family)![0]!, chain }
  const files: Record<string, string> = {}
  for (const { family, ruleset } of asked) {
    const counted = options.keepCounters
      ? withCountersOf(inForce.rulesets.get(family)!, ruleset, registry)
      : withoutCounts(ruleset)
    const loaded = holder?.family === family ? withHolder(counted, holder, held) : counted
    files[`after/rules.${family === 'ipv4' ? 'v4' : 'v6'}`] = textOf(loaded)
  }
  if (wanted.sets !== undefined) files['after/sets'] = wanted.sets
  const perFamily = <Value>(value: (family: Family) => Value): Partial<Record<Family, Value>> =>
    Object.fromEntries(asked.map(({ family }) => [family, value(family)]))
  const change: Change = {
    id,
    who: whoIsThis(),
    when: new Date().toISOString(),
    why: options.why,
    tools,
    tables: perFamily((family) => names(family)!),
    confirmSeconds: options.confirmSeconds,
    seen: perFamily((family) => withoutCounters(texts[family], names(family)!)),
    holder,
    listNeeds: listNeeds([...inForce.rulesets.values()]),
    namespace: networkNamespace(),
    bootId: bootId(),
  }
  return { change, files, diff, emptied: emptiedLists(wanted, inForce) }
}

/** Begins a change that was planned; null when another one is under way. */
export const beginChange = (state: State, { change, files }: Plan): Pending | null =>
  state.begin(change, { 'after/rules.v4': '', 'after/rules.v6': '', ...files })

/** Sorts by time, and four digits tell apart what comes in one second. */
const newId = (): string =>
  `${new Date().toISOString().replace(/[-:]|\..*/g, '')}-${randomBytes(2).toString('hex')}`

/** The account, and where its login comes from. */
export function whoIsThis(): string {
  const { SUDO_USER, SSH_CONNECTION } = process.env
  let name = `uid ${process.getuid?.() ?? 0}`
  try {
    name = userInfo().username
  } catch {
    // An account without a name.
  }
  const behind = SUDO_USER === undefined || SUDO_USER === name ? name : `${SUDO_USER} as ${name}`
  const from = SSH_CONNECTION?.split(' ')[0]
  return from === undefined ? behind : `${behind} from ${from}`
}

/** A name of a list that iptables-restore reads as it stands. */
const isPlainWord = (name: string): boolean => /^[^\s"'\\]+$/.test(name)

function withoutCounts(ruleset: Ruleset): Ruleset {
  const copy = copyRuleset(ruleset)
  for (const table of copy.tables.values())
    for (const chain of table.chains.values()) {
      chain.counters = noCounters
      chain.rules = chain.rules.map((rule) => ({ ...rule, counters: noCounters }))
    }
  return copy
}

/** With a chain that no rule leads to, whose rules name the lists: the kernel keeps a list as long as a rule names it. */
function withHolder(
  ruleset: Ruleset,
  { table: tableName, chain: name }: NonNullable<Change['holder']>,
  lists: readonly string[],
): Ruleset {
  const copy = copyRuleset(ruleset)
  const chain: Chain = {
    name,
    policy: null,
    counters: noCounters,
    span: null,
    // One hit asks for the shortest history: more could make the kernel empty the list.
    rules: lists.flatMap((list) => [
      ...parseRuleText(`-m recent --rcheck --hitcount 1 --name ${list}`, {
        family: ruleset.family,
        syntax: registry,
      }).rules,
    ]),
  }
  copy.tables.get(tableName as TableName)!.chains.set(name, chain)
  return copy
}

/** In the order of the map, which is that of loading. */
const textOf = ({ family, tables }: Ruleset): string =>
  [...tables.values()]
    .map((table) => printTable(table, { family, syntax: registry }, { withCounters: true }))
    .join('')

/** A use of a list by a rule. */
interface ListUse {
  readonly list: string
  readonly asks: boolean
  readonly windowSeconds: number | null
  readonly hits: number
}

export function listUses(rulesets: Iterable<Ruleset>): ListUse[] {
  return [...rulesets].flatMap(({ family, tables }) =>
    [...tables.values()].flatMap(({ chains }) =>
      [...chains.values()].flatMap(({ rules }) =>
        rules.flatMap(({ matches }) =>
          matches.flatMap((use) => {
            if (use.kind === 'unknown') return []
            const memory = registry.match(use.name, family)?.remembers?.(use.data)
            return memory === undefined ? [] : [memory]
          }),
        ),
      ),
    ),
  )
}

function listNeeds(rulesets: readonly Ruleset[]): Record<string, ListNeeds> {
  const needs: Record<string, ListNeeds> = {}
  for (const { list, asks, windowSeconds } of listUses(rulesets)) {
    if (!asks) continue
    const known = needs[list]
    const longest =
      windowSeconds === null || known?.windowSeconds === null
        ? null
        : Math.max(windowSeconds, known?.windowSeconds ?? 0)
    needs[list] = { windowSeconds: longest }
  }
  return needs
}

/** Stamps that a rule makes the kernel keep of an address. Source: recent_mt_check(), Linux 6.18. */
const slotsOf = ({ hits }: ListUse): number => (hits === 0 ? 32 : 2 ** Math.ceil(Math.log2(hits)))

function emptiedLists({ rulesets }: Wanted, inForce: InForce): string[] {
  const most = (uses: readonly ListUse[], list: string): number =>
    Math.max(0, ...uses.filter((use) => use.list === list).map(slotsOf))
  const old = listUses(inForce.rulesets.values())
  const young = listUses(rulesets.values())
  return Object.entries(inForce.lists).flatMap(([list, lines]) =>
    lines.length > 0 && most(old, list) < most(young, list) ? [list] : [],
  )
}
