/** Random files for iptables-restore: refused by us and by it, or saved alike. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { registry } from '../../src/ext/registry.ts'
import { printRuleset } from '../../src/lang/print.ts'
import { parseRules } from '../../src/lang/read.ts'
import { noCounters } from '../../src/lang/rule.ts'
import { SourceText } from '../../src/lang/source.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'

const often = <T>(...all: T[]): fc.Arbitrary<T> => fc.constantFrom(...all)

const line = fc.oneof(
  {
    arbitrary: often(
      '-A INPUT -j ACCEPT',
      '-A INPUT -p tcp --dport 22 -j DROP',
      '[1:2] -A INPUT -p udp',
      '[1:2]-A FORWARD -j a',
      '-A FORWARD -j a',
      '-A a -j b',
      '-A b -j a',
      '-A a -g b',
      '-A b -s 1.1.1.1,2.2.2.2',
      '-I a 1 -p udp -j RETURN',
      '-D a 1',
      '-N b',
      '-N a',
      '-F a',
      '-P INPUT DROP',
      '-A INPUT -m comment --comment "a \\"b\\" c"',
      '-A INPUT -m comment --comment "x""y"',
      "-A INPUT -m comment --comment it's",
      '\t-A  INPUT\t-p   tcp  ',
      '-4 -A INPUT -p tcp',
      '-6 -A INPUT -p tcp',
    ),
    weight: 12,
  },
  {
    arbitrary: often(
      ':a - [0:0]',
      ':b - [0:0]',
      ':a -',
      ':INPUT DROP [5:6]',
      ':INPUT - [0:0]',
      ':INPUT DROP',
      ':OUTPUT ACCEPT [x:y]',
      '# a comment',
      '',
    ),
    weight: 8,
  },
  {
    arbitrary: often(
      ':a ACCEPT [0:0]',
      ':INPUT',
      ':INPUT REJECT [0:0]',
      ':',
      ' # comment',
      ' ',
      '[1] -A INPUT',
      '[x:y] -A INPUT',
      '[1:2',
      'junk',
      'iptables -A INPUT -j ACCEPT',
      '-A none -j ACCEPT',
      '-A INPUT -j none',
      '-t nat -A INPUT',
      '-X none',
      ':abcdefghijklmnopqrstuvwxyz123 - [0:0]',
      '-A INPUT -m owner --uid-owner 0',
      'COMMIT ',
      '*filter',
      '-A INPUT -j ACCEPT\r',
    ),
    weight: 1,
  },
)

const section = fc
  .tuple(
    often('filter', 'filter', 'filter', 'mangle', 'raw', 'filter ', 'nope'),
    fc.array(line, { maxLength: 7 }),
  )
  .map(([table, lines]) => [`*${table}`, ':a - [0:0]', ...lines, 'COMMIT'])

const file = fc
  .tuple(
    fc.array(section, { minLength: 1, maxLength: 3 }),
    often<string[]>([], [], [], [], [], ['COMMIT'], ['junk'], ['# end'], ['*filter']),
    often('\n', '\n', '\n', '\n', ''),
  )
  .map(([sections, end, last]) => [...sections.flat(), ...end].join('\n') + last)

/** What the tables hold after loading the text, or `refused`. Sections before the one refused stay in force. */
function theirAnswers(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const script = 'iptables-legacy-restore 2>/dev/null; echo "## $?"; iptables-legacy-save | grep -v "^#"'
    const { stdout } = spawnSync('unshare', ['-n', 'sh', '-c', script], { input: text, encoding: 'utf8' })
    const end = stdout.indexOf('\n')
    return stdout.slice(0, end) === '## 0' ? stdout.slice(end + 1) : 'refused'
  })
}

function ourAnswer(text: string): string {
  const source = new SourceText('rules', text)
  const { ruleset, counts } = parseRules(source, { family: 'ipv4', syntax: registry, format: 'save' })
  return counts.error > 0 ? 'refused' : printRuleset(ruleset, registry, { counters: () => noCounters })
}

const reason = kernelIsOutOfReach
const count = runs(100)

it.skipIf(reason !== null)(
  `loads ${count} random files as iptables does${reason ? ` (${reason})` : ''}`,
  () => {
    const texts = fc.sample(file, { seed, numRuns: count })
    const theirs = theirAnswers(texts)
    const differences = texts.flatMap((text, at) => {
      const ours = ourAnswer(text)
      return ours === theirs[at] ? [] : [`${JSON.stringify(text)}\n  ours   ${ours}\n  theirs ${theirs[at]}`]
    })
    expect(differences.join('\n'), `seed ${seed}`).toBe('')
  },
)
