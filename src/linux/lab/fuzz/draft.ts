/** A random case while it can still be taken apart: rules in clauses, steps one by one. */

import type { Policy, TableName } from '../../../lang/rule.ts'
import { SourceText } from '../../../lang/source.ts'
import type { Family } from '../../../net/address.ts'
import type { Action, Case, HostConfig, Step } from '../../../scenario/scenario.ts'

export interface RuleDraft {
  /** `-s 198.51.100.7`, `-m recent --name a --set`: each can be left out, some only together with others. */
  readonly clauses: readonly string[]
  /** `-j LOG --log-prefix x`; '' for none. */
  readonly target: string
}

export interface TargetDraft {
  readonly text: string
  /** A protocol that the rule must name. */
  readonly needs?: string
}

export interface ChainDraft {
  readonly name: string
  /** Null for user chains. */
  readonly policy: Policy | null
  readonly rules: readonly RuleDraft[]
}

export interface TableDraft {
  readonly name: TableName
  readonly chains: readonly ChainDraft[]
}

export interface RulesDraft {
  readonly family: Family
  readonly tables: readonly TableDraft[]
}

export interface StepDraft {
  readonly atMs: number
  readonly action: Action
}

export interface CaseDraft {
  readonly seed: number
  readonly host: HostConfig
  readonly rules: readonly RulesDraft[]
  readonly steps: readonly StepDraft[]
}

/** What iptables-restore reads. */
export function saveTextOf({ tables }: RulesDraft): string {
  return tables.map(tableText).join('')
}

function tableText({ name, chains }: TableDraft): string {
  const declared = chains.map((chain) => `:${chain.name} ${chain.policy ?? '-'} [0:0]`)
  const rules = chains.flatMap((chain) =>
    chain.rules.map(({ clauses, target }) =>
      [`-A ${chain.name}`, ...clauses, target].filter((part) => part !== '').join(' '),
    ),
  )
  return `${[`*${name}`, ...declared, ...rules, 'COMMIT'].join('\n')}\n`
}

export function caseOf(draft: CaseDraft): Omit<Case, 'steps'> & { readonly steps: readonly Step[] } {
  return {
    name: `seed ${draft.seed}`,
    host: draft.host,
    rules: draft.rules.map((rules) => ({
      family: rules.family,
      source: new SourceText(`rules (${rules.family})`, saveTextOf(rules)),
    })),
    steps: draft.steps.map(({ atMs, action }, at) => ({
      number: at + 1,
      atNs: BigInt(atMs) * 1_000_000n,
      action,
      expect: null,
      text: action.kind,
      span: null,
    })),
  }
}

/** Whether anything in the rules is decided by time. */
export const isTimed = ({ host, rules }: CaseDraft): boolean =>
  rules.some(({ tables }) =>
    tables.some(({ chains }) =>
      chains.some((chain) =>
        chain.rules.some(({ clauses }) =>
          clauses.some(
            (clause) =>
              clause.startsWith('-m limit') ||
              clause.startsWith('-m hashlimit') ||
              clause.includes('--seconds'),
          ),
        ),
      ),
    ),
  ) || /timeout [12]\b/.test(host.sets ?? '')
