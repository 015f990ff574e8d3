/** Random rulesets: every table and kind of chain, every match and target that the engine has. */

import { registry } from '../../../ext/registry.ts'
import { type Hook, type Policy, type TableName, tableHooks } from '../../../lang/rule.ts'
import type { Family } from '../../../net/address.ts'
import { protocolClauses, statefulClauses, statelessClauses } from './clauses.ts'
import type { ChainDraft, RuleDraft, RulesDraft, TableDraft } from './draft.ts'
import { withEstimates } from './estimates.ts'
import type { Random } from './random.ts'
import { randomRareMatch } from './rare-matches.ts'
import { randomTarget } from './targets.ts'
import { prefixes } from './world.ts'

/** Where a rule stands, as far as it limits what may stand in it. */
export interface Room {
  readonly family: Family
  readonly table: TableName
  readonly hooks: readonly Hook[]
  /** User chains that the rule may lead to. */
  readonly chains: readonly string[]
}

export interface Taste {
  /** Leave out what the nft backend is known to do otherwise than legacy. */
  readonly avoidsNftDifferences: boolean
}

export function randomRules(random: Random, family: Family, taste: Taste): RulesDraft {
  const names: TableName[] = ['filter']
  if (random.chance(0.35)) names.push('mangle')
  if (random.chance(0.35)) names.push('raw')
  if (random.chance(0.15)) names.push('security')
  // iptables-nft puts security behind nat where legacy has it before.
  const mayTranslate = !taste.avoidsNftDifferences || !names.includes('security')
  if (random.chance(0.3) && mayTranslate) names.push('nat')
  const present = random.chance(0.95) ? names : names.slice(1)
  const tables = present.map((name) => randomTable(random, family, name, taste))
  return withEstimates(random, { family, tables })
}

/** A user chain and the base chains that may lead to it. */
interface UserChain {
  readonly name: string
  readonly hooks: readonly Hook[]
}

function randomTable(random: Random, family: Family, name: TableName, taste: Taste): TableDraft {
  const hooks = tableHooks[name]
  const isMain = name === 'filter'
  const userChains: UserChain[] = Array.from({ length: random.between(0, isMain ? 4 : 1) }, (_, at) => ({
    name: `u${at + 1}`,
    hooks: random.chance(0.4) ? hooks : random.some(hooks, 1, 2),
  }))
  const chainsBehind = (from: number, own: readonly Hook[]): string[] =>
    userChains
      .slice(from)
      .filter((chain) => own.every((hook) => chain.hooks.includes(hook)))
      .map((chain) => chain.name)
  const fill = (room: Room, low: number, high: number): RuleDraft[] =>
    Array.from({ length: random.between(low, high) }, () => randomRule(random, room, taste))

  const base = hooks.map((hook): ChainDraft => {
    const room: Room = { family, table: name, hooks: [hook], chains: chainsBehind(0, [hook]) }
    const isBusy = isMain && (hook === 'INPUT' || hook === 'FORWARD')
    // Who asks nat to drop is refused.
    const dropping = isMain ? 0.25 : name === 'nat' ? 0 : 0.06
    const policy: Policy = random.chance(dropping) ? 'DROP' : 'ACCEPT'
    return { name: hook, policy, rules: fill(room, 0, isBusy ? 7 : isMain ? 4 : 3) }
  })
  // A chain leads only to later ones, so there are no loops.
  const user = userChains.map((chain, at): ChainDraft => {
    const room: Room = { family, table: name, hooks: chain.hooks, chains: chainsBehind(at + 1, chain.hooks) }
    return { name: chain.name, policy: null, rules: fill(room, 1, 4) }
  })
  return { name, chains: [...base, ...user] }
}

function randomRule(random: Random, room: Room, taste: Taste): RuleDraft {
  const target = randomTarget(random, room, taste)
  const clauses = [...baseClauses(random, room)]
  const drawn = random.chance(0.15) ? randomRareMatch(random, room) : null
  const isBoth = target.needs !== undefined && drawn?.needs !== undefined && target.needs !== drawn.needs
  const rare = isBoth ? null : drawn
  const needed = target.needs ?? rare?.needs
  const protocol = needed ?? randomProtocol(random, room.family)
  if (protocol !== null) {
    const isInverted = needed === undefined && random.chance(0.08)
    clauses.push(`${isInverted ? '! ' : ''}-p ${protocol}`)
    // iptables-nft makes one match of two of the same kind.
    const isDouble = taste.avoidsNftDifferences && target.text.startsWith('-m tcp')
    if (!isInverted && !isDouble && random.chance(0.7))
      clauses.push(...protocolClauses(random, room.family, protocol, taste))
  }
  if (rare !== null) clauses.push(rare.text)
  if (room.family === 'ipv4' && random.chance(0.04)) clauses.push(random.chance(0.5) ? '-f' : '! -f')
  if (random.chance(0.35)) clauses.push(...statelessClauses(random, room, taste))
  if (random.chance(0.5)) clauses.push(...statefulClauses(random, room, taste))
  return { clauses: clauses.filter((clause) => isKnown(clause, room.family)), target: target.text }
}

/** Matches that the engine does not have are left out, so that a new one is tried as soon as it is there. */
function isKnown(clause: string, family: Family): boolean {
  const match = /^-m (\S+)/.exec(clause)
  return match === null || registry.match(match[1]!, family) !== null
}

function randomProtocol(random: Random, family: Family): string | null {
  return random.weighted([
    [6, null],
    [5, 'tcp'],
    [4, 'udp'],
    [2, family === 'ipv4' ? 'icmp' : 'ipv6-icmp'],
    [0.3, family === 'ipv4' ? 'ipv6-icmp' : 'icmp'],
    [0.4, 'sctp'],
    [0.3, 'udplite'],
    [0.3, 'gre'],
    [0.2, '99'],
    [0.2, 'dccp'],
  ])
}

function* baseClauses(random: Random, { family, hooks }: Room): Generator<string> {
  const not = (probability: number): string => (random.chance(probability) ? '! ' : '')
  if (random.chance(0.25)) yield `${not(0.25)}-s ${random.pick(prefixes[family])}`
  if (random.chance(0.15)) yield `${not(0.25)}-d ${random.pick(prefixes[family])}`
  const devices = ['eth0', 'eth1', 'eth+', 'lo', 'e+', 'eth']
  const mayHaveInput = hooks.every((hook) => hook !== 'OUTPUT' && hook !== 'POSTROUTING')
  const mayHaveOutput = hooks.every((hook) => hook !== 'PREROUTING' && hook !== 'INPUT')
  if (mayHaveInput && random.chance(0.12)) yield `${not(0.3)}-i ${random.pick(devices)}`
  if (mayHaveOutput && random.chance(0.12)) yield `${not(0.3)}-o ${random.pick(devices)}`
}
