// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are of a shell.
import { describe, expect, it } from 'vitest'
import { fakeSyntax } from './_fixtures.ts'
import { printRuleset } from './print.ts'
import { guessFormat, parseRules, type ReadOptions } from './read.ts'
import { SourceText } from './source.ts'

const parse = (text: string, more: Partial<ReadOptions> = {}) =>
  parseRules(new SourceText('rules', text), { family: 'ipv4', syntax: fakeSyntax, ...more })

/** What is found, a line each: `SEVERITY CODE at LINE "MARKED TEXT" > FIX`. */
function findings(text: string, more: Partial<ReadOptions> = {}): string[] {
  return parse(text, more).diagnostics.map(({ severity, code, span, fix }) => {
    const { line } = span === null ? { line: 0 } : span.source.locate(span.start)
    const marked = span === null ? '' : text.slice(span.start, Math.min(span.end, span.start + 40))
    const shown = fix === undefined ? '' : ` > ${JSON.stringify(fix)}`
    return `${severity} ${code} ${line} ${JSON.stringify(marked)}${shown}`
  })
}

/** The rules of all tables, without their heads. */
const rules = (text: string, more: Partial<ReadOptions> = {}): string[] =>
  printRuleset(parse(text, more).ruleset, fakeSyntax)
    .split('\n')
    .filter((line) => line.startsWith('-A'))

const filter = (...lines: string[]): string => `*filter\n${lines.join('\n')}\nCOMMIT\n`

describe('save text', () => {
  it('prints back canonically', () => {
    const text = filter(
      ':INPUT DROP [5:6]',
      ':web - [0:0]',
      ':Alpha - [0:0]',
      '[1:2] -A INPUT -p tcp --dport 22 -j web',
      '-A web -s 10.0.0.1/8 -g Alpha',
    )
    const { ruleset, diagnostics } = parse(`# made by hand\n\n${text}`)
    expect(diagnostics.map(({ code }) => code)).toEqual(['address/host-bits'])
    expect(printRuleset(ruleset, fakeSyntax, { withCounters: true })).toBe(
      [
        '*filter',
        ':INPUT DROP [5:6]',
        ':FORWARD ACCEPT [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        ':Alpha - [0:0]',
        ':web - [0:0]',
        '[1:2] -A INPUT -p tcp -m tcp --dport 22 -j web',
        '[0:0] -A web -s 10.0.0.0/8 -g Alpha',
        'COMMIT',
        '',
      ].join('\n'),
    )
  })

  it('prints tables in the reverse order of their first use', () => {
    const text = '*nat\nCOMMIT\n*filter\nCOMMIT\n*raw\nCOMMIT\n'
    expect(printRuleset(parse(text).ruleset, fakeSyntax).match(/^\*.*/gm)).toEqual([
      '*raw',
      '*filter',
      '*nat',
    ])
  })

  it('takes every command in a section', () => {
    const text = filter(
      '-N a',
      '-A a -j ACCEPT',
      '-A a -j DROP -s 1.1.1.1',
      '-I a 1 -p udp',
      '-I a -s 2.2.2.2,3.3.3.3',
      '-R a 4 -j RETURN -p tcp',
      '-D a -s 1.1.1.1 -j DROP',
      '-E a b',
      '-A FORWARD -j b',
      '-P INPUT DROP',
      '-D b 1',
    )
    expect(findings(text)).toEqual([])
    expect(rules(text)).toEqual([
      '-A FORWARD -j b',
      '-A b -s 2.2.2.2/32',
      '-A b -p udp',
      '-A b -p tcp -j RETURN',
    ])
  })

  it.each([
    ['*filter\n-A INPUT', ['error file/missing-commit 2 "T"']],
    ['*filter\n*nat\nCOMMIT\n', ['error file/missing-commit 2 "*nat"']],
    ['*fliter\n-A INPUT -x\nCOMMIT\n', ['error table/unknown 1 "fliter" > "filter"']],
    ['-A INPUT -j DROP\n', ['error file/outside-table 1 "-A INPUT -j DROP"']],
    ['eggs\nmilk\n*filter\nCOMMIT\n', ['error file/outside-table 1 "eggs"']],
    ['*filter\nCOMMIT\nCOMMIT\n', ['error file/outside-table 3 "COMMIT"']],
    ['*filter\ncommit \n', ['error file/bad-commit 2 "commit " > "COMMIT"']],
    ['*filter\nCOMMIT', ['error file/no-final-newline 2 "COMMIT" > "COMMIT\\n"']],
    [filter(':INPUT'), ['error file/no-policy 2 ":INPUT" > ":INPUT ACCEPT [0:0]"']],
    [filter(':INPUT REJECT [0:0]'), ['error chain/bad-policy 2 "REJECT"']],
    [filter(':INPUT accept [0:0]'), ['error chain/bad-policy 2 "accept" > "ACCEPT"']],
    [filter(':web ACCEPT [0:0]'), ['error chain/no-policy 2 "ACCEPT" > "-"']],
    [filter(':web - [0:0]', ':web - [0:0]'), ['error chain/exists 3 "web"']],
    [filter(':abcdefghijklmnopqrstuvwxyz123 -'), ['error chain/too-long 2 "abcdefghijklmnopqrstuvwxyz123"']],
    [filter('-A POSTROUTING -j ACCEPT'), ['error chain/missing 2 "-A POSTROUTING -j ACCEPT"']],
    ['*nat\n:PREROUTING DROP\nCOMMIT\n', ['warning table/nat-policy 2 "DROP"']],
    [
      filter('-A INPUT -m time', '-A INPUT -m time', '-A INPUT -j TEE'),
      ['warning match/unsupported 2 "time"', 'warning target/unsupported 4 "TEE"'],
    ],
    [filter('-A nochain -j DROP'), ['error chain/missing 2 "-A nochain -j DROP"']],
    [filter('-A INPTU -j DROP'), ['error chain/missing 2 "INPTU" > "INPUT"']],
    [filter('-A INPUT -j later', ':later - [0:0]'), ['error target/chain-later 2 "later"']],
    [filter('-I INPUT 3 -j DROP'), ['error rule/number-too-big 2 "-I INPUT 3 -j DROP"']],
    [filter('-I 12 INPUT -j DROP'), ['error command/swapped 2 "12 INPUT" > "INPUT 12"']],
    [filter(':OUTPUT DROP [0:0]', '-A INPUT -j ACCEPT'), ['warning policy/no-way-out 2 "DROP"']],
    [filter(':OUTPUT DROP [0:0]', '-A INPUT -j ACCEPT', '-A OUTPUT -p tcp -j ACCEPT'), []],
    [filter(':INPUT DROP [0:0]', ':OUTPUT DROP [0:0]'), []],
    [filter('-A INPUT -p 7070 -j ACCEPT'), ['error protocol/unknown 2 "7070"']],
    [filter('-A INPUT -p 7070 -p tcp --dport 80 -j ACCEPT'), ['error protocol/unknown 2 "7070"']],
    [filter('-A INPUT -p tcp -p 7070'), ['error option/repeated 2 "-p 7070"']],
    [filter('-D INPUT -j DROP'), ['error rule/missing 2 "-D INPUT -j DROP"']],
    [filter('-N LOG'), ['error chain/bad-name 2 "LOG"']],
    [filter('-X INPUT'), ['error chain/base 2 "-X INPUT"']],
    [filter(':a - [0:0]', '-A INPUT -j a', '-X a'), ['error chain/in-use 4 "-X a"']],
    [filter('iptables -A INPUT -j DROP'), ['error file/program-name 2 "iptables" > ""']],
    [
      filter('sudo /sbin/iptables -A INPUT -j DROP'),
      ['error file/program-name 2 "sudo /sbin/iptables" > ""'],
    ],
    [filter('   '), ['error file/blank-line 2 "   " > ""']],
    [filter('  # x'), ['error file/indented-comment 2 "#"']],
    [filter('[1:2 -A INPUT'), ['error counters/bad 2 "[1:2 -A INPUT"']],
    [filter('[1] -A INPUT'), ['error counters/bad 2 "[1]"']],
    [filter('[x:y] -A INPUT'), ['warning counters/bad 2 "[x:y]"']],
    [filter('-A INPUT -m comment --comment "abc'), ['error text/open-quote 2 "\\""']],
    [
      filter(`-A INPUT -m comment --comment ${'x'.repeat(1100)}`),
      [expect.stringContaining('error text/long-word 2')],
    ],
    [
      filter(`-A INPUT -s ${'1.1.1.1,'.repeat(2000)}1.1.1.1`),
      [expect.stringContaining('error file/long-line 2')],
    ],
    [
      filter(':a - [0:0]', ':b - [0:0]', '-A INPUT -j a', '-A a -j b', '-A b -j a'),
      ['error chain/loop 6 "a"'],
    ],
    [filter(':a - [0:0]', '-A a -j a'), []],
    [filter('-A INPUT -m owner --uid-owner 0'), ['error owner/hook 2 "-m owner --uid-owner 0"']],
    [
      filter('-A INPUT -j DROP', '-A INPUT -m owner --uid-owner 0'),
      ['warning rule/unreachable 3 "-A INPUT -m owner --uid-owner 0"'],
    ],
    [filter(':a - [0:0]', '-A a -m owner --uid-owner 0'), []],
    [
      filter(':a - [0:0]', '-A a -m owner --uid-owner 0', '-A OUTPUT -j a', '-A FORWARD -j a'),
      ['error owner/hook 3 "-m owner --uid-owner 0"'],
    ],
    ['*filter\nCOMMIT\n*filter\nCOMMIT\n', ['warning file/table-twice 3 "*filter"']],
    // Told of once, and read past.
    ['\ufeff*filter\nCOMMIT\n', ['error file/bom 1 "\ufeff" > ""']],
    ['*filter\r\n-A INPUT -j DROP\r\nCOMMIT\r\n', ['error file/crlf 1 "\\r"']],
    ['\x7fELF\0\0\0', ['error file/binary 1 ""']],
    ['', []],
  ] as [string, string[]][])('%j', (text, expected) => expect(findings(text)).toEqual(expected))

  it('skips lines of the other family', () => {
    expect(rules(filter('-4 -A INPUT -s 1.1.1.1', '-6 -A INPUT -s ::1'))).toEqual(['-A INPUT -s 1.1.1.1/32'])
    expect(rules(filter('-4 -A INPUT -s 1.1.1.1', '-6 -A INPUT -s ::1'), { family: 'ipv6' })).toEqual([
      '-A INPUT -s ::1/128',
    ])
  })
})

describe('scripts', () => {
  it('set variables, chain commands and expand', () => {
    const text = [
      '#!/bin/sh',
      'IPT="/sbin/iptables -w 5"',
      'export WAN=eth0 LAN=192.168.1.0/24',
      '$IPT -F; $IPT -X',
      '$IPT -P INPUT DROP && \\',
      '  sudo -n $IPT -A INPUT -i lo -j ACCEPT # local',
      'iptables -A INPUT -i $WAN ! -s "${LAN}" -m comment --comment \'from "out"\' -j DROP >/dev/null 2>&1',
      'iptables -C INPUT -p tcp -j ACCEPT || iptables -A INPUT -p tcp -j ACCEPT',
      'iptables -C INPUT -p tcp -j ACCEPT || iptables -A INPUT -p udp -j ACCEPT',
      'ip6tables -A INPUT -s ::1 -j ACCEPT',
      'iptables-save > /etc/rules',
    ].join('\n')
    const { diagnostics, rulesets, ruleset } = parse(text)
    expect(diagnostics).toEqual([])
    expect(rules(text)).toEqual([
      '-A INPUT -i lo -j ACCEPT',
      '-A INPUT ! -s 192.168.1.0/24 -i eth0 -m comment --comment "from \\"out\\"" -j DROP',
      '-A INPUT -p tcp -j ACCEPT',
    ])
    expect(ruleset.tables.get('filter')?.chains.get('INPUT')?.policy).toBe('DROP')
    expect([...rulesets.keys()]).toEqual(['ipv4', 'ipv6'])
    expect(rules(text, { family: 'ipv6' })).toEqual(['-A INPUT -s ::1/128 -j ACCEPT'])
  })

  it('feed here-documents to iptables-restore', () => {
    const text =
      'iptables-restore <<EOF\n*filter\n-A INPUT -j ALLOW\n-A INPUT -j DROP\nCOMMIT\nEOF\niptables -A OUTPUT -j DROP\n'
    expect(findings(text)).toEqual(['error target/unknown 3 "ALLOW" > "ACCEPT"'])
    expect(rules(text)).toEqual(['-A INPUT -j DROP', '-A OUTPUT -j DROP'])
  })

  it.each([
    ['iptables -A INPUT -j ALLOW', ['error target/unknown 1 "ALLOW" > "ACCEPT"']],
    ['/etc/rc.d/init.d/iptables restart', ['note script/other-commands 1 "/etc/rc.d/init.d/iptables"']],
    ['sudo /sbin/iptables -I 12 INPUT -p tcp', ['error command/swapped 1 "12 INPUT" > "INPUT 12"']],
    ['iptables -A FORWARD -p 7070 -p tcp --dport 80', ['error protocol/unknown 1 "7070"']],
    ['iptables -A INPUT -j LOG --log-prefix “a b”', ['error text/curly-quote 1 "“a b”" > "\\"a b\\""']],
    ['iptables -A INPUT -j LOG --log-prefix ‘a b’', ['error text/curly-quote 1 "‘a b’" > "\\"a b\\""']],
    ['iptables -A INPUT -m comment --comment "it’s “fine”"', []],
    [
      'iptables –A INPUT –p tcp –dport 22',
      [
        'error text/long-dash 1 "–A" > "-A"',
        'error text/long-dash 1 "–p" > "-p"',
        'error text/long-dash 1 "–dport" > "--dport"',
      ],
    ],
    ['sudo iptables -A INPUT -p tcp \\<br />\n --dport 22', ['error text/html 1 "<br />" > ""']],
    [
      'iptables -A INPUT -m comment --comment &quot;a b&quot;',
      ['error text/html 1 "&quot;" > "\\""', 'error text/html 1 "&quot;" > "\\""'],
    ],
    ['iptables\u00a0-A INPUT', ['error text/invisible 1 "\u00a0" > " "']],
    ['$ iptables -A INPUT -j DROP', ['error script/prompt 1 "$" > ""']],
    ['root@gate:~# iptables -A INPUT', ['error script/prompt 1 "root@gate:~#" > ""']],
    ['  2. iptables -N ADD_ECHO', ['error script/prompt 1 "2." > ""']],
    [
      '# iptables -A INPUT -j DROP',
      ['warning script/commented 1 "# iptables -A INPUT -j DROP" > "iptables -A INPUT -j DROP"'],
    ],
    ['# iptables -A INPUT -j DROP\niptables -F', []],
    ['iptables -A INPUT -s $NET', ['error script/needs-shell 1 "$NET"']],
    ['NET=$(cat net)\niptables -A INPUT -s $NET', ['error script/needs-shell 2 "$NET"']],
    ['$IPTABLES -A INPUT -j DROP', ['error script/needs-shell 1 "$IPTABLES"']],
    [
      'for p in 22 80; do iptables -A INPUT -p tcp --dport $p -j ACCEPT; done\niptables -F',
      ['error script/needs-shell 1 "for"'],
    ],
    ['if [ -f x ]; then\n echo y\nfi\niptables -F', []],
    [
      'start() {\n iptables -F\n}\nstart',
      ['error script/needs-shell 1 "start"', 'note script/other-commands 4 "start"'],
    ],
    ['case $1 in\n start) iptables -F ;;\nesac', ['error script/needs-shell 1 "case"']],
    ['( iptables -F )', ['error script/needs-shell 1 "("']],
    ['[ -x /sbin/iptables ] && iptables -F', ['error script/needs-shell 1 "iptables -F"']],
    ['[ -x /sbin/iptables ] || exit 0\niptables -F', []],
    ['modprobe x && iptables -F', ['note script/other-commands 1 "modprobe"']],
    ['iptables-restore < /etc/rules', ['error script/needs-shell 1 "<"']],
    [
      'cat rules | iptables-restore',
      ['note script/other-commands 1 "cat"', 'error script/needs-shell 1 "iptables-restore"'],
    ],
    ['iptables -D INPUT -j DROP 2>/dev/null', ['warning rule/missing 1 "-D INPUT -j DROP"']],
    ['iptables -X web', ['warning chain/missing 1 "-X web"']],
    ['iptables -L -n -v', []],
    ["iptables -A INPUT -m comment --comment 'abc\niptables -F\n", ['error text/open-quote 1 "\'"']],
    ['iptables -t nat -A PREROUTING -j DROP', ['error table/nat-drop 1 "DROP"']],
    ['iptables -t nat -P PREROUTING DROP', ['error table/nat-drop 1 "DROP"']],
    ['iptables -t nta -A PREROUTING', ['error table/unknown 1 "nta" > "nat"']],
    ['iptables -A INPUT -m recent --name x --check', ['error command/second 1 "--check" > "--rcheck"']],
    [
      'echo 1.2.3.4 > /proc/net/xt_recent/ok\niptables -F',
      ['note script/other-commands 1 "echo"', 'warning script/recent-write 1 "1.2.3.4"'],
    ],
    ['echo +1.2.3.4 > /proc/net/xt_recent/ok\niptables -F', ['note script/other-commands 1 "echo"']],
    ['iptables', ['error command/missing 1 "iptables"']],
    [
      'iptables-restore <<E\n*filter\n-A INPUT -m owner --uid-owner 0\nCOMMIT\nE',
      ['error owner/hook 3 "-m owner --uid-owner 0"'],
    ],
  ] as [string, string[]][])('%j', (text, expected) =>
    expect(findings(text, { format: 'script' })).toEqual(expected))
})

it.each([
  ['*filter\nCOMMIT\n', 'save'],
  ['# c\n#!/sbin/iptables-restore\n*filter\n', 'save'],
  [':INPUT ACCEPT [0:0]', 'save'],
  ['-A INPUT -j DROP', 'save'],
  ['*filter\niptables -A INPUT\n', 'save'],
  ['#!/bin/sh\n*x', 'script'],
  ['iptables -F', 'script'],
  ['sudo /sbin/ip6tables -F', 'script'],
  ['echo a; iptables -F', 'script'],
  ['IPT=iptables\n$IPT -F', 'script'],
  ['# iptables -F', 'script'],
  ['hello', 'save'],
  ['', 'save'],
])('%j looks like %s', (text, format) => expect(guessFormat(text)).toBe(format))

describe('bad input is bounded', () => {
  it.each([
    ['garbage in no table', 'hello world\n'.repeat(200_000)],
    ['bad rules', `*filter\n${'-A INPUT -q\n'.repeat(100_000)}`],
    ['bad commands', 'iptables -q\n'.repeat(100_000)],
    ['open quotes', 'iptables "\n'.repeat(100_000)],
    ['endless substitutions', 'iptables $(((\n'.repeat(100_000)],
    ['endless blocks', 'if iptables -F; then\n'.repeat(100_000)],
    ['curly quotes', 'iptables “x\n'.repeat(100_000)],
    ['one line', 'x'.repeat(5_000_000)],
    ['one line of script', `iptables ${'x '.repeat(2_000_000)}`],
  ])('%s', (_, text) => {
    const { diagnostics, counts, omitted } = parse(text)
    expect(diagnostics.length).toBeLessThanOrEqual(200)
    expect(counts.error).toBeGreaterThan(0)
    expect(diagnostics.length + omitted).toBe(counts.error + counts.warning + counts.note)
  })

  it('says how many are left out', () => {
    const { diagnostics, omitted } = parse(`*filter\n${'-A INPUT -q\n'.repeat(300)}COMMIT\n`)
    expect([diagnostics.length, omitted]).toEqual([200, 100])
  })

  it('keeps silent where asked, but never about errors', () => {
    const text = filter('-A INPUT -j DROP', '-A INPUT -j DROP', '-A INPUT -q')
    expect(findings(text, { silence: ['rule/unreachable', 'option/unknown'] })).toEqual([
      'error option/unknown 4 "-q"',
    ])
  })
})

describe('a file of the other family', () => {
  const helpOf = (family: 'ipv4' | 'ipv6', ...lines: string[]) =>
    parseRules(new SourceText('rules', `*filter\n${lines.join('\n')}\nCOMMIT\n`), {
      family,
      syntax: fakeSyntax,
    })
      .diagnostics.filter(({ code }) => code === 'address/family')
      .map(({ help }) => help)
  const six = '-A INPUT -s 2001:db8::1 -j DROP'

  it('is told of at its first address', () => {
    const asRule = 'put the rule among those of ip6tables'
    expect(helpOf('ipv4', six, six)).toEqual(['-6, or a name like rules.v6: then it is read as IPv6', asRule])
    expect(helpOf('ipv6', '-A INPUT -d 192.0.2.1')).toEqual([
      '-4, or a name without a 6: then it is read as IPv4',
    ])
  })

  it('is none where an address is of the family', () => {
    expect(helpOf('ipv4', six, '-A INPUT -s 192.0.2.1')).toEqual(['put the rule among those of ip6tables'])
  })
})
