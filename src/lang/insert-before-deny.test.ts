import { describe, expect, it } from 'vitest'
import { registry } from '../ext/registry.ts'
import { insertBeforeDeny } from './insert-before-deny.ts'
import { printRule } from './print.ts'
import { parseRules } from './read.ts'
import type { Ruleset } from './rule.ts'
import { SourceText } from './source.ts'

/** `INPUT: -p tcp -j ACCEPT; -j DROP | deny: -j DROP`: chains of table filter. */
function rules(text: string): Ruleset {
  const chains = text.split('|').map((each) => each.split(/:(.*)/s) as [string, string])
  const save = [
    '*filter',
    ...chains.map(([name]) => `:${name.trim()} ${/^[A-Z]+$/.test(name.trim()) ? 'ACCEPT' : '-'} [0:0]`),
    ...chains.flatMap(([name, list]) =>
      list.split(';').flatMap((rule) => (rule.trim() === '' ? [] : [`-A ${name.trim()} ${rule.trim()}`])),
    ),
    'COMMIT',
  ]
  const source = new SourceText('rules', `${save.join('\n')}\n`)
  const { ruleset, diagnostics, counts } = parseRules(source, { syntax: registry, format: 'save' })
  expect(counts.error, JSON.stringify(diagnostics.map(({ message }) => message))).toBe(0)
  return ruleset
}

const print = (ruleset: Ruleset): string =>
  [...ruleset.tables.get('filter')!.chains.values()]
    .filter(({ name, rules }) => rules.length > 0 || name !== name.toUpperCase())
    .map(({ name, rules }) => {
      const lines = rules.map((rule) =>
        printRule(name, rule, { family: 'ipv4', syntax: registry }).slice(`-A ${name} `.length),
      )
      return `${name}: ${lines.join('; ')}`
    })
    .join(' | ')

describe('rules come before what refuses the rest', () => {
  const added = 'INPUT: -p udp -j ACCEPT'
  it.each([
    [
      'before a drop',
      'INPUT: -p tcp -j ACCEPT; -j DROP',
      'INPUT: -p tcp -j ACCEPT; -p udp -j ACCEPT; -j DROP',
    ],
    [
      'at the end, where the policy decides',
      'INPUT: -p tcp -j ACCEPT',
      'INPUT: -p tcp -j ACCEPT; -p udp -j ACCEPT',
    ],
    [
      'before what logs the rest',
      'INPUT: -i lo -j ACCEPT; -m limit --limit 5/min -j LOG; -p tcp -j LOG; -j REJECT',
      'INPUT: -i lo -j ACCEPT; -p udp -j ACCEPT; -m limit --limit 5/min -j LOG; -p tcp -j LOG; -j REJECT --reject-with icmp-port-unreachable',
    ],
    ['before a log, where the policy decides', 'INPUT: -j LOG', 'INPUT: -p udp -j ACCEPT; -j LOG'],
    [
      'before a chain that refuses all',
      'INPUT: -i lo -j ACCEPT; -j deny | deny: -j LOG; -j DROP',
      'INPUT: -i lo -j ACCEPT; -p udp -j ACCEPT; -j deny | deny: -j LOG; -j DROP',
    ],
    [
      'behind a chain that some leave',
      'INPUT: -j bans; -j DROP | bans: -s 192.0.2.1 -j DROP; -p tcp -j RETURN; -j DROP',
      'INPUT: -j bans; -p udp -j ACCEPT; -j DROP | bans: -s 192.0.2.1/32 -j DROP; -p tcp -j RETURN; -j DROP',
    ],
    ['not twice', 'INPUT: -p udp -j ACCEPT; -j DROP', 'INPUT: -p udp -j ACCEPT; -j DROP'],
  ])('%s', (_, base, expected) => {
    const once = insertBeforeDeny(rules(base), rules(added), registry)
    expect(print(once)).toBe(expected)
    expect(print(insertBeforeDeny(once, rules(added), registry))).toBe(print(once))
  })

  it('new chains come as they are, and the rules given stay as they were', () => {
    const base = rules('INPUT: -j DROP')
    const more = rules('INPUT: -j knock | knock: -p tcp -j ACCEPT; -j RETURN')
    expect(print(insertBeforeDeny(base, more, registry))).toBe(
      'INPUT: -j knock; -j DROP | knock: -p tcp -j ACCEPT; -j RETURN',
    )
    expect(print(base)).toBe('INPUT: -j DROP')
  })
})
