import { expect, it } from 'vitest'
import { registry } from '../ext/registry.ts'
import { parseRules } from '../lang/read.ts'
import type { Family } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { reviewRules } from './review.ts'

function review(lines: string, family: Family): string[] {
  const text = `*filter\n:INPUT DROP [0:0]\n${lines.replaceAll(' | ', '\n')}\nCOMMIT\n`
  const { diagnostics } = parseRules(new SourceText('rules', text), {
    family,
    syntax: registry,
    advice: true,
    review: reviewRules,
    silence: ['recent/list-cap', 'chain/no-loopback'],
  })
  return diagnostics.map(({ code, span }) => `${code} ${span?.source.locate(span.start).line ?? 0}`)
}

const established = '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT'
const knock = (first: number, second: number, rest = '') =>
  `${established} | -A INPUT -p tcp --dport ${first} -m recent --name a --set -j DROP` +
  ` | -A INPUT -p tcp --dport ${second} -m recent --name a --rcheck -m recent --name b --set -j DROP` +
  ` | -A INPUT -p tcp --dport 22 -m recent --name b --rcheck -j ACCEPT${rest}`

it.each<[Family, string, string[]]>([
  ['ipv4', '-A INPUT -p tcp --dport 22 -j ACCEPT', ['policy/no-answers 2']],
  ['ipv4', established, []],
  ['ipv4', '-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT', ['state/old-form 3']],
  ['ipv4', '-A INPUT -p tcp ! --syn -j ACCEPT', []],
  ['ipv4', '-A INPUT -d 192.0.2.9 -p tcp --sport 443 -j ACCEPT', []],
  ['ipv4', '-A INPUT -i wan -p tcp --sport 443 -j ACCEPT', []],
  ['ipv4', '-A INPUT -i lo -j ACCEPT | :OUTPUT DROP [0:0] | -A OUTPUT -p tcp --sport 22 -j ACCEPT', []],
  ['ipv4', '-A INPUT -i lo -j ACCEPT | -A INPUT -j REJECT', []],
  ['ipv4', '-A INPUT -p icmp -j ACCEPT | -A INPUT -j REJECT', ['policy/no-answers 2']],
  ['ipv6', established, ['policy/no-neighbours 2']],
  ['ipv6', `${established} | -A INPUT -p ipv6-icmp -j ACCEPT`, []],
  ['ipv6', `${established} | -A INPUT -p ipv6-icmp --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT`, []],
  // What is forwarded must come back.
  [
    'ipv4',
    `${established} | :FORWARD DROP [0:0] | -A FORWARD -i eth1 -j ACCEPT`,
    ['policy/no-answers-forwarded 4'],
  ],
  [
    'ipv4',
    `${established} | -A FORWARD -p udp --dport 53 -j ACCEPT | -A FORWARD -j REJECT`,
    ['policy/no-answers-forwarded 5'],
  ],
  [
    'ipv4',
    `${established} | :FORWARD DROP [0:0] | -A FORWARD -s 10.0.0.0/8 -j ACCEPT | -A FORWARD -d 10.0.0.0/8 -j ACCEPT`,
    [],
  ],
  [
    'ipv4',
    `${established} | :FORWARD DROP [0:0] | -A FORWARD -i lan+ -o wan -j ACCEPT | -A FORWARD -m state --state ESTABLISHED -i wan -j ACCEPT`,
    ['state/old-form 6'],
  ],
  ['ipv4', `${established} | :FORWARD DROP [0:0] | -A FORWARD -p icmp -j ACCEPT`, []],
  [
    'ipv6',
    `${established} | -A INPUT -p ipv6-icmp -j ACCEPT | :FORWARD DROP [0:0] | -A FORWARD ! -o wan -i lan -p tcp -j ACCEPT`,
    ['policy/no-answers-forwarded 5'],
  ],
  ['ipv4', knock(7000, 8000), ['recent/opened-by-scan 6']],
  ['ipv4', knock(8000, 7000), ['recent/opened-by-scan 6']],
  // Whatever else comes makes the knock forgotten.
  [
    'ipv4',
    knock(7000, 8000, ' | -A INPUT -m recent --name a --remove | -A INPUT -m recent --name b --remove'),
    [],
  ],
  // Passed by on the way down, and tried again after the scan.
  ['ipv4', `${knock(8000, 7000).replace('--dport 22', '--dport 9000')} `, ['recent/opened-by-scan 6']],
])('%s %s', (family, lines, expected) => expect(review(lines, family)).toEqual(expected))
