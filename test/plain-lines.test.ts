/** Lines as iptables-save prints them are read a part at a time; the same must come of them as of all their words. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { printRule } from '../src/lang/print.ts'
import { Problems } from '../src/lang/problems.ts'
import { linux618 } from '../src/lang/profile.ts'
import { readRestore } from '../src/lang/restore.ts'
import { type Family, newRuleset, type Rule, spanOfUse, type TableName } from '../src/lang/rule.ts'
import { SourceText } from '../src/lang/source.ts'

function read(family: Family, table: TableName, lines: readonly string[]) {
  const text = `*${table}\n:web - [0:0]\n${lines.join('\n')}\nCOMMIT\n`
  const problems = new Problems(10_000)
  const ruleset = newRuleset(family)
  readRestore(new SourceText('rules', text), ruleset, { syntax: registry, profile: linux618, problems })
  const { rules } = ruleset.tables.get(table)!.chains.get('web')!
  return { rules, said: problems.list.map(({ code, message }) => `${code} ${message}`) }
}

/** A rule without its place, with the texts of its parts. */
function meaning(rule: Rule, family: Family) {
  const textOf = (use: Rule['target'] | Rule['matches'][number]) => {
    const span = spanOfUse(rule, use)
    return span === null ? null : span.source.text.slice(span.start, span.end)
  }
  const { span: _, matches, target, ...rest } = rule
  return {
    ...rest,
    matches: matches.map((use) => ({ ...use, span: textOf(use) })),
    target: { ...target, span: textOf(target) },
    printed: printRule('web', rule, { family, syntax: registry }),
  }
}

/** Two blanks behind the chain make a line that is read in full. */
const inFull = (line: string) => line.replace('-A web', '-A web ')

describe.each(['ipv4', 'ipv6'] as const)('%s', (family) => {
  const net = family === 'ipv4' ? '10.1.0.0/16' : '2001:db8::/32'
  const protocols = [
    '',
    ' -p tcp',
    ' -p udp',
    ' ! -p 47',
    ' -p icmp',
    ' -p ipv6-icmp',
    ' -p sctp',
    ' -p dccp',
    ' -p esp',
    ' -p ah',
  ]
  const parts = [
    ...registry.matches.flatMap(({ name, families, examples }) =>
      families.includes(family) ? examples.map((example) => ` -m ${name} ${example}`.trimEnd()) : [],
    ),
    ' -m tcp --dport 1 --dport 2',
    ' -m comment --comment "a -m \\" b"',
    ' -m comment --comment',
    ' -m tcp --dp 80',
    ' -m tcp --dport',
    ' -m tcp -m udp --dport 7',
    ' -m nonsense --x 1',
    ' -m state --state NEW',
  ]
  const targets = [
    ...registry.targets.flatMap(({ name, families, examples }) =>
      families.includes(family) ? examples.map((example) => ` -j ${name} ${example}`.trimEnd()) : [],
    ),
    ' -j DROP',
    ' -j RETURN',
    ' -g web',
    ' -j web',
    ' -j INPUT',
    ' -j nowhere',
    ' -j DROP --x',
    ' -j LOG --log-level nonsense',
    '',
  ]
  const interfaces = ['', ' -i eth0', ' ! -i eth+ -o ppp0', ' -i +', ' -o "eth 1"', ' -f']

  it('every example in its own line', () => {
    const lines = protocols.flatMap((protocol) => [
      ...parts.map((part) => `-A web -s ${net}${protocol}${part} -j ACCEPT`),
      ...targets.map((target) => `-A web -d ${net}${protocol}${target}`),
    ])
    for (const table of ['filter', 'mangle'] as const) {
      const plain = read(family, table, lines)
      const full = read(family, table, lines.map(inFull))
      expect(plain.said).toEqual(full.said)
      expect(plain.rules.length).toBeGreaterThan(500)
      expect(plain.rules.map((rule) => meaning(rule, family))).toEqual(
        full.rules.map((rule) => meaning(rule, family)),
      )
    }
  })

  it('any of them together, again and again', () => {
    const line = fc
      .tuple(
        fc.constantFrom('', ` -s ${net}`, ` ! -s ${net} -d ${net}`),
        fc.constantFrom(...interfaces),
        fc.constantFrom(...protocols),
        fc.array(fc.constantFrom(...parts), { maxLength: 3 }),
        fc.constantFrom(...targets),
      )
      .map(([addresses, devices, protocol, some, target]) =>
        ['-A web', addresses, devices, protocol, ...some, target].join(''),
      )
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), (some) => {
        const lines = [...some, ...some]
        const plain = read(family, 'filter', lines)
        const full = read(family, 'filter', lines.map(inFull))
        expect(plain.said).toEqual(full.said)
        expect(plain.rules.map((rule) => meaning(rule, family))).toEqual(
          full.rules.map((rule) => meaning(rule, family)),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('what is plain is shared by the lines that say it', () => {
    const { rules } = read(family, 'filter', [
      '-A web -p tcp -m tcp --dport 22 -m comment --comment "a b" -j ACCEPT',
      `-A web -s ${net} -p tcp -m tcp --dport 22 -m comment --comment "a b" -j ACCEPT`,
      // Read in full, and remembered.
      `-A web -s ${net} -p tcp --dport 22 -j ACCEPT`,
      `-A web -p tcp --dport 22 -j ACCEPT`,
    ])
    expect(rules[1]!.matches).toBe(rules[0]!.matches)
    expect(rules[3]!.matches).toBe(rules[2]!.matches)
  })
})
