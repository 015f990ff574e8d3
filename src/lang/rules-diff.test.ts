import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { registry } from '../ext/registry.ts'
import { parseRules } from './read.ts'
import type { Ruleset } from './rule.ts'
import { commonLines, diffRules, withCountersOf } from './rules-diff.ts'
import { SourceText } from './source.ts'

/** Rules of table filter: `INPUT DROP: -p tcp -j ACCEPT; -j LOG`, a chain a line. */
function rules(text: string): Ruleset {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => /^\s*(\S+) (\S+):(.*)$/.exec(line)!.slice(1) as [string, string, string])
  const save = [
    '*filter',
    ...lines.map(([chain, policy]) => `:${chain} ${policy} [0:0]`),
    ...lines.flatMap(([chain, , list]) =>
      list
        .split(';')
        .filter((each) => each.trim() !== '')
        .map((each) => {
          const [, counters = '', words = ''] = /^\s*(\[\d+:\d+\])?\s*(.*)$/.exec(each)!
          return `${counters} -A ${chain} ${words.trim()}`.trim()
        }),
    ),
    'COMMIT',
  ]
  const source = new SourceText('rules', `${save.join('\n')}\n`)
  const { ruleset, counts } = parseRules(source, { syntax: registry, format: 'save' })
  expect(counts.error).toBe(0)
  return ruleset
}

/** One line a change: `INPUT policy ACCEPT>DROP`, `INPUT +2 -A INPUT -j LOG`. */
const changes = (from: string, to: string): string[] =>
  diffRules(rules(from), rules(to), registry).flatMap(({ chain, kind, policy, rules }) => [
    ...(kind === 'changed' ? [] : [`${chain} ${kind}`]),
    ...(policy === null ? [] : [`${chain} policy ${policy.from}>${policy.to}`]),
    ...rules.map(({ kind, number, rule }) => `${chain} ${kind === 'added' ? '+' : '-'}${number} ${rule}`),
  ])

describe('what changes between two rulesets', () => {
  it.each([
    ['INPUT ACCEPT: -j LOG', 'INPUT ACCEPT: -j LOG', []],
    ['INPUT ACCEPT:', 'INPUT DROP:', ['INPUT policy ACCEPT>DROP']],
    [
      'INPUT ACCEPT: -p tcp -j ACCEPT; -j DROP',
      'INPUT ACCEPT: -p tcp -j ACCEPT; -p udp -j ACCEPT; -j DROP',
      ['INPUT +2 -A INPUT -p udp -j ACCEPT'],
    ],
    [
      'INPUT ACCEPT: -p tcp -j ACCEPT; -p udp -j ACCEPT; -j DROP',
      'INPUT ACCEPT: -p udp -j ACCEPT; -p tcp -j ACCEPT; -j DROP',
      ['INPUT -1 -A INPUT -p tcp -j ACCEPT', 'INPUT +2 -A INPUT -p tcp -j ACCEPT'],
    ],
    [
      'INPUT ACCEPT:\n old -: -j DROP',
      'INPUT ACCEPT:\n new -: -j ACCEPT',
      ['new new', 'new +1 -A new -j ACCEPT', 'old gone', 'old -1 -A old -j DROP'],
    ],
  ])('%s  ->  %s', (from, to, expected) => expect(changes(from, to)).toEqual(expected))

  it('a table that was not there has empty chains, whose policy is ACCEPT', () => {
    const empty: Ruleset = { family: 'ipv4', tables: new Map() }
    expect(diffRules(empty, rules('INPUT DROP:'), registry)).toMatchObject([
      { chain: 'INPUT', kind: 'changed', policy: { from: 'ACCEPT', to: 'DROP' } },
    ])
    expect(diffRules(rules('INPUT DROP:'), empty, registry)).toEqual([])
  })

  it('rules that stay keep their counters, wherever they stand', () => {
    const kept = withCountersOf(
      rules('INPUT ACCEPT: [1:10] -p tcp -j ACCEPT; [2:20] -p udp -j ACCEPT; [3:30] -j DROP'),
      rules('INPUT ACCEPT: -p icmp -j ACCEPT; -p udp -j ACCEPT; -j DROP'),
      registry,
    )
    const { rules: list } = kept.tables.get('filter')!.chains.get('INPUT')!
    expect(list.map(({ counters }) => counters.packets)).toEqual([0n, 2n, 3n])
  })

  it('what stays is a longest common subsequence', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
    fc.assert(
      fc.property(lines, lines, (from, to) => {
        const pairs = commonLines(from, to)
        for (const [old, young] of pairs) expect(from[old]).toBe(to[young])
        for (const [at, [old, young]] of pairs.entries()) {
          expect(at === 0 || (pairs[at - 1]![0] < old && pairs[at - 1]![1] < young)).toBe(true)
        }
        expect(pairs.length).toBe(longest(from, to))
      }),
      { numRuns: 2000 },
    )
  })
})

/** The slow way. */
function longest(from: readonly string[], to: readonly string[]): number {
  const table = Array.from({ length: from.length + 1 }, () => new Array<number>(to.length + 1).fill(0))
  for (let old = from.length - 1; old >= 0; old--)
    for (let young = to.length - 1; young >= 0; young--)
      table[old]![young] =
        from[old] === to[young]
          ? 1 + table[old + 1]![young + 1]!
          : Math.max(table[old + 1]![young]!, table[old]![young + 1]!)
  return table[0]![0]!
}
