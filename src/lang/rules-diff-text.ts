/** What changes between two rulesets, as lines for people: what a line tells of, and its text without colours. */
import type { ChainChange } from './rules-diff.ts'

export interface DiffLine {
  readonly kind: 'table' | 'chain' | 'new' | 'gone' | 'added' | 'removed'
  readonly text: string
}

/** A head for each table, then its chains: `+` and `-` with the numbers of rules. */
export function rulesDiffLines(changes: readonly ChainChange[]): DiffLine[] {
  const lines: DiffLine[] = []
  let head = ''
  for (const change of changes) {
    const text = `${change.family === 'ipv4' ? 'IPv4' : 'IPv6'} ${change.table}`
    if (text !== head) lines.push({ kind: 'table', text })
    head = text
    lines.push(...chainLines(change))
  }
  return lines
}

function chainLines({ chain, kind, policy, rules }: ChainChange): DiffLine[] {
  const title: DiffLine =
    kind === 'new'
      ? { kind, text: `  ${chain} (new chain)` }
      : kind === 'gone'
        ? { kind, text: `  ${chain} (chain goes)` }
        : {
            kind: 'chain',
            text: `  ${chain}${policy === null ? '' : `: policy ${policy.from} becomes ${policy.to}`}`,
          }
  const width = String(Math.max(0, ...rules.map(({ number }) => number))).length
  return [
    title,
    ...rules.map(({ kind: way, number, rule }) => ({
      kind: way,
      text: `  ${way === 'added' ? '+' : '-'} ${String(number).padStart(width)} ${rule}`,
    })),
  ]
}

/** `3 rules come, 1 goes, 2 policies change`. */
export function summarizeRulesDiff(changes: readonly ChainChange[]): string {
  const rules = changes.flatMap((change) => change.rules)
  const count = (kind: 'added' | 'removed'): number => rules.filter((rule) => rule.kind === kind).length
  const policies = changes.filter(({ policy }) => policy !== null).length
  const parts = [
    plural(count('added'), 'rule comes', 'rules come'),
    plural(count('removed'), 'rule goes', 'rules go'),
    plural(policies, 'policy changes', 'policies change'),
  ].filter((part) => part !== null)
  return parts.length === 0 ? (changes.length === 0 ? 'nothing changes' : 'chains change') : parts.join(', ')
}

const plural = (count: number, one: string, many: string): string | null =>
  count === 0 ? null : count === 1 ? `1 ${one}` : `${count} ${many}`
