/** What the kernel's tables hold at one moment: chains, rules, where they lead, and counters. */
import type { Family } from '../../net/address.ts'

export interface TableCounters {
  readonly family: Family
  readonly name: string
  readonly chains: readonly ChainCounters[]
}

export interface ChainCounters {
  readonly name: string
  /** The policy of a base chain; null for user chains. */
  readonly policy: {
    readonly verdict: 'accept' | 'drop'
    readonly packets: number
    /** False where the kernel does not count: in chains that iptables-nft made on the way, for a rule. */
    readonly counts?: boolean
  } | null
  readonly rules: readonly RuleCounters[]
}

export interface RuleCounters {
  readonly packets: number
  readonly target: RuleTarget
}

export type RuleTarget =
  | { readonly kind: 'none' | 'accept' | 'drop' | 'queue' | 'return' }
  | { readonly kind: 'chain'; readonly chain: string; readonly goto: boolean }
  | { readonly kind: 'extension'; readonly name: string }

/** Reads all tables of the namespace it was made in, of both families. */
export interface CounterReader {
  read(): TableCounters[]
  close(): void
}

/** A chain or a rule by the name that results use: `filter/INPUT` or `filter/INPUT:3`. */
export const chainKey = (table: TableCounters, chain: ChainCounters): string => `${table.name}/${chain.name}`
