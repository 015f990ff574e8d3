/**
 * What a recipe makes: chains of its own, the rules that lead into them, and where those belong. Rules are texts here,
 * what stands behind `-A CHAIN`; `piece.ts` reads them as any other rules.
 */
import type { Family, Hook, TableName } from '../lang/rule.ts'

export interface PlannedChain {
  readonly table: TableName
  readonly name: string
  readonly rules: readonly string[]
  /** Others keep rules in it, too: they stay when the recipe is put in again. Default false. */
  readonly isShared?: boolean
}

/**
 * Where a rule belongs in a base chain: before all others, or before the first rule that decides about one of these
 * packets (and before what is logged just before that), so that they get to it.
 */
export type Place = 'first' | { readonly reachedBy: readonly Probe[] }

/** A packet that has to get to the recipe, without its ends: `tcp 3306`, `udp 53`, `icmp`. */
export interface Probe {
  readonly way: 'in' | 'out' | 'through'
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  /** Destination port; 0 for ICMP. */
  readonly port: number
  /** The destination, where it is not any that suits. */
  readonly to?: string
}

export interface PlannedJump {
  readonly table: TableName
  readonly chain: Hook
  readonly rule: string
  readonly place: Place
}

export interface Plan {
  readonly family: Family
  /** Of the recipe. */
  readonly recipe: string
  /** Of this use of it: the same recipe may stand in a ruleset several times. */
  readonly name: string
  readonly chains: readonly PlannedChain[]
  /** In the order in which they stand where several go to one place. */
  readonly jumps: readonly PlannedJump[]
  /** Sets of ipset that must be there before, as `ipset restore` reads them. */
  readonly sets: string
  /** What whoever puts it in force should know, a sentence each. */
  readonly remarks: readonly string[]
}

/** What marks each rule of a recipe, as the text of its comment. */
export const markOf = ({ recipe, name }: Pick<Plan, 'recipe' | 'name'>): string => `recipe:${recipe}:${name}`

/** The rule with its mark, before the target so that what matters to the eye stands at the ends. */
export function marked(rule: string, plan: Pick<Plan, 'recipe' | 'name'>): string {
  const comment = `-m comment --comment ${markOf(plan)}`
  const at = rule.search(/(^| )-[jg] /)
  if (at < 0) return `${rule} ${comment}`
  return `${rule.slice(0, at)} ${comment} ${rule.slice(at).trim()}`.trim()
}

/** Names of a family's lists and sets: a list keeps the mask of the rule that was first, so families share none. */
export const inFamily = (family: Family, name: string): string => (family === 'ipv4' ? name : `${name}6`)
