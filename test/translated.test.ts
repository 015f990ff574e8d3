/** Rules behind a translation that ask for what is changed by then: what `check` says, with the real extensions. */
import { describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { parseRules } from '../src/lang/read.ts'
import { SourceText } from '../src/lang/source.ts'

/** Rules of nat and of filter, apart by ` || `, each list by ` | `. */
function findings(text: string): string[] {
  const [nat, filter] = text.split(' || ').map((part) => part.split(' | ').map((rule) => `-A ${rule}`))
  const chains = [...new Set(text.match(/(?<= )c\d\b/g) ?? [])].map((name) => `:${name} - [0:0]`)
  const rules = ['*nat', ...chains, ...nat!, 'COMMIT', '*filter', ...chains, ...filter!, 'COMMIT', ''].join(
    '\n',
  )
  const { diagnostics } = parseRules(new SourceText('rules', rules), { syntax: registry })
  return diagnostics.map(({ severity, code, span, message, related, help }) => {
    const text = (place: typeof span) => place?.source.text.slice(place.start, place.end).slice(3)
    expect(code).toBe('rule/translated-before')
    expect(nat!.map((rule) => rule.slice(3))).toContain(text(related?.span ?? null))
    return `${severity}: ${text(span)}: ${message} (${help})`
  })
}

const web = 'PREROUTING -i eth0 -p tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80'
const anywhere = 'PREROUTING -p tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80'
const ssh = 'PREROUTING -d 203.0.113.1 -p tcp --dport 22 -j DNAT --to-destination 192.168.1.9'

describe('a rule that never meets what it asks for', () => {
  it.each([
    [`${web} || FORWARD -i eth0 -p tcp --dport 7070 -j ACCEPT`, 'warning', 'has port 80 here (--dport 80)'],
    [`${web} || FORWARD -d 192.168.1.43 -p tcp --dport 7070 -j ACCEPT`, 'warning', 'has port 80 here'],
    [`${web} || FORWARD -p tcp --dport 7070 -j ACCEPT`, 'warning', 'has port 80 here'],
    [`${web} || FORWARD -p tcp -m multiport --dports 7070,7070 -j ACCEPT`, 'warning', 'has port 80 here'],
    [
      `${anywhere} || FORWARD -p tcp -m state --state NEW --dport 7070 -j ACCEPT`,
      'warning',
      'has port 80 here',
    ],
    [`${anywhere} || FORWARD -j c1 | c1 -p tcp --dport 7070 -j ACCEPT`, 'warning', 'has port 80 here'],
    [
      `PREROUTING -i eth0 -j c1 | c1 -p tcp --dport 81 -j DNAT --to 10.0.0.1:80 || FORWARD -i eth0 -p tcp --dport 81 -j DROP`,
      'warning',
      'has port 80 here',
    ],
    [
      `PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128 || INPUT -p tcp --dport 80 -j ACCEPT`,
      'warning',
      'has port 3128 here',
    ],
    [
      `OUTPUT -p tcp --dport 80 -j DNAT --to 10.0.0.1:3128 || OUTPUT -p tcp --dport 80 -j ACCEPT`,
      'warning',
      'has port 3128 here',
    ],
    [
      `${ssh} || FORWARD -d 203.0.113.1 -p tcp --dport 22 -j ACCEPT`,
      'warning',
      'is for 192.168.1.9 here (-d 192.168.1.9)',
    ],
    [
      `${anywhere} || INPUT -p tcp --dport 7070 -j ACCEPT`,
      'warning',
      'what is sent to port 7070 does not get here',
    ],
    [
      `${web} || INPUT -p tcp --dport 7070 -j ACCEPT`,
      'note',
      'comes in by eth0 does not get here (a rule in FORWARD: -d 192.168.1.43 --dport 80)',
    ],
  ])('%s', (rules, severity, words) => {
    const [first, ...others] = findings(rules)
    expect(first).toMatch(new RegExp(`^${severity}: `))
    expect(first).toContain(words)
    expect(others).toEqual([])
  })
})

describe('nothing is said of a rule that may meet packets', () => {
  it.each([
    `${web} || FORWARD -d 192.168.1.43 -p tcp --dport 80 -j ACCEPT`,
    // The other interface, another protocol, another port, another network.
    `${web} || FORWARD -i eth1 -p tcp --dport 7070 -j ACCEPT`,
    `${web} || FORWARD ! -i eth0 -p tcp --dport 7070 -j ACCEPT`,
    `${web} || FORWARD -i eth0 -p udp --dport 7070 -j ACCEPT`,
    `${web} || FORWARD -i eth0 -p tcp --dport 7000:7100 -j ACCEPT`,
    `${web} || INPUT -i eth1 -p tcp --dport 7070 -j ACCEPT`,
    // From inside out to that port, while the translated packets have a rule of their own.
    `${web} || FORWARD -p tcp --dport 7070 -j ACCEPT | FORWARD -d 192.168.1.43 -p tcp --dport 80 -j ACCEPT`,
    // The port stays; only some are translated; a rule in front takes some away; another translation leads there.
    `${ssh} || FORWARD -p tcp --dport 22 -j ACCEPT`,
    `PREROUTING -p tcp --dport 81 -m limit --limit 1/s -j DNAT --to :80 || FORWARD -p tcp --dport 81 -j ACCEPT`,
    `PREROUTING -s 10.0.0.0/8 -j ACCEPT | ${anywhere} || FORWARD -p tcp --dport 7070 -j ACCEPT`,
    `${web} | PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 192.168.1.44:7070 || FORWARD -p tcp --dport 7070 -j ACCEPT`,
    `PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128 || INPUT -p tcp --dport 3128 -j ACCEPT`,
    `POSTROUTING -o eth0 -j MASQUERADE || FORWARD -p tcp --dport 7070 -j ACCEPT`,
  ])('%s', (rules) => {
    expect(findings(rules)).toEqual([])
  })
})
