import { describe, expect, it } from 'vitest'
import { rulesOf } from '../../engine/_testing/journey-case.ts'
import { Host } from '../../engine/host.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import { printRuleBody } from '../../lang/print.ts'
import type { Family } from '../../net/address.ts'
import { actingHost } from '../_testing/compare-acts.ts'
import { registry } from '../registry.ts'
import { set } from './set.ts'

const sets = new Map<string, Family | null>([
  ['a', 'ipv4'],
  ['six', 'ipv6'],
  ['ports', null],
])

/** The match as it is printed, or iptables' own words of the refusal. */
function read(text: string): string {
  const { rules, diagnostics } = parseRuleText(`-m set ${text}`, { family: 'ipv4', syntax: registry, sets })
  const [rule] = rules
  return rule === undefined
    ? (diagnostics[0]!.said ?? diagnostics[0]!.code)
    : printRuleBody(rule, { family: 'ipv4', syntax: registry })
        .trim()
        .replace(/^-m set /, '')
}

// Read from iptables 1.8.9 with sets of these names.
describe('text', () => {
  it.each([
    ['--match-set a src', '--match-set a src'],
    ['! --match-set a src,dst', '! --match-set a src,dst'],
    ['--set a srcdst', '--match-set a src'],
    ['--match-set ports dst', '--match-set ports dst'],
    ['--match-set a src --return-nomatch', '--match-set a src --return-nomatch'],
    ['--match-set a src --update-counters', '--match-set a src'],
    [
      '! --update-subcounters --match-set a src ! --update-counters',
      '--match-set a src ! --update-counters ! --update-subcounters',
    ],
    ['--match-set a src ! --packets-eq 5', '--match-set a src ! --packets-eq 5'],
    ['--match-set a src --bytes-gt 7 --packets-lt 0x5', '--match-set a src --packets-lt 5 --bytes-gt 7'],
    ['--match-set a src,src,src,src,src,src,src', "Can't be more src/dst options than 6."],
    ['--match-set none src', "Set none doesn't exist.\n"],
    ['--match-set six src', 'The protocol family of set six is IPv6, which is not applicable.\n'],
    ['--match-set a bar', "You must spefify (the comma separated list of) 'src' or 'dst'."],
    ['--match-set a src --match-set a dst', '--match-set can be specified only once'],
    ['--match-set a src ! --return-nomatch', '--return-nomatch flag cannot be inverted'],
    ['--match-set a src ! --bytes-lt 5', '--bytes-lt option cannot be inverted'],
    ['--match-set a src --packets-eq x', 'Cannot parse x as a counter value'],
    ['--match-set a src --packets-lt 1 --packets-gt 2', 'only one of the --packets-[eq|lt|gt] is allowed\n'],
    ['--packets-eq 5', "You must specify `--match-set' with proper arguments"],
  ])('%s', (text, expected) => expect(read(text)).toBe(expected))

  it.each([
    ['--match-set a src', ' match-set a src'],
    ['! --match-set a src,dst --return-nomatch', ' ! match-set a src,dst return-nomatch'],
    [
      '--match-set a src ! --update-counters ! --packets-eq 5',
      ' match-set a src ! update-counters ! packets-eq 5',
    ],
  ])('lists %s', (text, expected) => {
    const { rules } = parseRuleText(`-m set ${text}`, { family: 'ipv4', syntax: registry, sets })
    const [use] = rules[0]!.matches
    expect(set.list!((use as unknown as { data: never }).data, {} as never)).toBe(expected)
  })
})

describe('on a host', () => {
  const config = { ...actingHost, sets: 'create a hash:ip timeout 5\nadd a 198.51.100.7\ncreate b hash:ip\n' }
  const rules = rulesOf('*filter\n-A INPUT -m set --match-set a src\nCOMMIT', 'ipv4')

  it('is refused without its set', () => {
    const codes = new Host(actingHost).load(rules).map(({ code }) => code)
    expect(codes).toEqual(['set/no-set'])
  })

  it('holds the set, so that it cannot be destroyed', () => {
    const host = new Host(config)
    expect(host.load(rules)).toEqual([])
    expect(host.setsAt(0n).destroy('a', false)).toBe('BUSY')
    expect(host.setsAt(0n).rename('a', 'c')).toBe('REFERENCED')
    expect(host.setsAt(0n).destroy('b', false)).toBe(null)
    host.load(rulesOf('*filter\nCOMMIT', 'ipv4'))
    expect(host.setsAt(0n).destroy('a', false)).toBe(null)
  })

  it('forgets what its time is over for', () => {
    const kernel = (seconds: number) => new Host(config).setsAt(BigInt(seconds) * 1_000_000_000n)
    const element = { ip: [0xc6336407] }
    expect([4, 5, 6].map((seconds) => kernel(seconds).test('a', element))).toEqual([true, true, false])
  })
})
