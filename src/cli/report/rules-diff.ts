/** What changes between two rulesets, as lines for people. */
import type { ChainChange } from '../../lang/rules-diff.ts'
import type { Palette } from '../style.ts'

/** A head for each table, then its chains: `+` and `-` with the numbers of rules. */
export function renderRulesDiff(changes: readonly ChainChange[], colors: Palette): string[] {
  const lines: string[] = []
  let head = ''
  for (const change of changes) {
    const table = `${change.family === 'ipv4' ? 'IPv4' : 'IPv6'} ${change.table}`
    if (table !== head) lines.push(colors.bold(table))
    head = table
    lines.push(...renderChain(change, colors))
  }
  return lines
}

function renderChain({ chain, kind, policy, rules }: ChainChange, colors: Palette): string[] {
  const title =
    kind === 'new'
      ? colors.green(`  ${chain} (new chain)`)
      : kind === 'gone'
        ? colors.red(`  ${chain} (chain goes)`)
        : `  ${chain}${policy === null ? '' : `: policy ${policy.from} becomes ${policy.to}`}`
  const width = String(Math.max(0, ...rules.map(({ number }) => number))).length
  return [
    title,
    ...rules.map(({ kind: way, number, rule }) => {
      const line = `  ${way === 'added' ? '+' : '-'} ${String(number).padStart(width)} ${rule}`
      return way === 'added' ? colors.green(line) : colors.red(line)
    }),
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
