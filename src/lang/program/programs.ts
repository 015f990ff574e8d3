/** The programs by name, without what they do: short to load. */
import type { Family } from '../rule.ts'

export interface RuleProgram {
  readonly name: string
  readonly family: Family
  readonly kind: 'command' | 'save' | 'restore'
}

export type Program = RuleProgram | { readonly name: 'ipset'; readonly kind: 'sets' }

const rulePrograms: readonly RuleProgram[] = (['ipv4', 'ipv6'] as const).flatMap((family) => {
  const name = family === 'ipv4' ? 'iptables' : 'ip6tables'
  return [
    { name, family, kind: 'command' },
    { name: `${name}-save`, family, kind: 'save' },
    { name: `${name}-restore`, family, kind: 'restore' },
  ]
})

/** Every program under its own name; `-legacy` and `-nft` of Debian's alternatives mean the same here. */
export const programs: readonly Program[] = [...rulePrograms, { name: 'ipset', kind: 'sets' }]

/** The program that a name stands for; null for others. */
export const programNamed = (name: string): Program | null =>
  programs.find((program) => program.name === name.replace(/-(legacy|nft)(?=-|$)/, '')) ?? null
