import { describe, expect, it } from 'vitest'
import { fakeSyntax } from './_fixtures.ts'
import { parseRuleText, type RuleTextOptions } from './parse-rule.ts'
import { printRule } from './print.ts'

/** What becomes of `-A CHAIN text`: the rules as printed, or the codes of the errors with their fixes. */
function read(text: string, more: Partial<RuleTextOptions> = {}): string {
  const family = more.family ?? 'ipv4'
  const { rules, diagnostics } = parseRuleText(text, { family, syntax: fakeSyntax, chains: ['web'], ...more })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) {
    expect(rules).toEqual([])
    return errors.map(({ code, fix }) => code + (fix === undefined ? '' : ` > ${fix}`)).join(', ')
  }
  const prefix = `-A ${more.chain ?? 'FORWARD'} `
  return rules
    .map((rule) =>
      printRule(more.chain ?? 'FORWARD', rule, { family, syntax: fakeSyntax }).slice(prefix.length),
    )
    .join(' | ')
}

const table = (rows: Record<string, string>, more: Partial<RuleTextOptions> = {}) =>
  it.each(Object.entries(rows))('%s => %s', (text, expected) => expect(read(text, more)).toBe(expected))

describe('canonical order and forms', () => {
  table({
    '': '',
    '-j ACCEPT -s 10.11.12.13/8 -i eth0 -p tcp': '-s 10.0.0.0/8 -i eth0 -p tcp -j ACCEPT',
    '-f -p 17 -o eth1 -i eth0 -d 1.2.3.4 -s 4.3.2.1': '-s 4.3.2.1/32 -d 1.2.3.4/32 -i eth0 -o eth1 -p udp -f',
    '! -f ! -p udp ! -o eth+ ! -d 1.2.3.4 ! -s 1.0.0.0/255.0.255.0':
      '! -s 1.0.0.0/255.0.255.0 ! -d 1.2.3.4/32 ! -o eth+ ! -p udp ! -f',
    '-s 0.0.0.0/0': '',
    '! -s 0/0': '! -s 0.0.0.0/0',
    '-s 0.0.0.0': '-s 0.0.0.0/32',
    '-s junk/0': '',
    '-s 1.2.3 -d 10/8': '-s 1.2.3.0/32 -d 10.0.0.0/8',
    '-s 010.1.1.1': '-s 8.1.1.1/32',
    '-s 0x0a000001': '-s 10.0.0.1/32',
    '-s localhost -d loopback/8': '-s 127.0.0.1/32 -d 127.0.0.0/8',
    '-i + -j ACCEPT': '-j ACCEPT',
    '! -i + -j ACCEPT': '-j ACCEPT',
    '-p all': '',
    '-p ip': '',
    '-p ICMP': '-p icmp',
    '-p 0x11': '-p udp',
    '-p 58': '-p ipv6-icmp',
    '-p 4': '-p ipencap',
    '-p 253': '-p 253',
    '-g web': '-g web',
    '-j web': '-j web',
    '-c 5 6 -j ACCEPT': '-j ACCEPT',
    '-j LOG --log-prefix "it\'s: "': '-j LOG --log-prefix "it\\\'s: "',
    '-m comment --comment ""': '-m comment --comment ""',
    '-m comment --comment a_b-c1': '-m comment --comment a_b-c1',
    '-m comment --comment "a \\"b\\" \\\\"': '-m comment --comment "a \\"b\\" \\\\"',
  })
})

describe('getopt', () => {
  table({
    '--jump ACCEPT --protocol tcp': '-p tcp -j ACCEPT',
    '--jump=ACCEPT': 'target/unknown > --jump ACCEPT',
    '-jLOG --log-prefix x': 'target/unknown > -j LOG',
    '--protocol=tcp --dport 5': 'protocol/unknown > --protocol tcp',
    '-s1.2.3.4': 'address/bad > -s 1.2.3.4',
    '-s1.2.3.4/0': '',
    '-ieth0': '-i -ieth0',
    '--in-interface=eth0': 'interface/glued > --in-interface eth0',
    '--proto tcp --src 1.1.1.1 --dst 1.1.1.2': '-s 1.1.1.1/32 -d 1.1.1.2/32 -p tcp',
    '-p tcp --dport=22 -gweb -mtcp': '-p tcp -m tcp --dport 22 -m tcp -g web',
    '-p tcp --destination- 1': '-p tcp -m tcp --dport 1',
    '-p tcp --dest 1.1.1.1': '-d 1.1.1.1/32 -p tcp',
    '-p tcp --dport 5 --dest 6': 'option/ambiguous',
    '--s 1.1.1.1': 'option/ambiguous',
    '-ptcp': 'protocol/unknown > -p tcp',
    '-p tcp --syn=3': 'option/no-value',
    '-p tcp -dport 22': 'option/single-dash > --dport',
    '-p tcp --dprot 22 --sport 70000': 'option/unknown > --dport, tcp/bad-port',
    '--dport 22 -p tcp': 'option/unknown',
    '-m tcp --dport 1 -p tcp': '-p tcp -m tcp --dport 1',
    '-p tcp -m comment --comment x --dport 22': '-p tcp -m comment --comment x -m tcp --dport 22',
    '-p tcp -m tcp --dport 5 -m tcp --sport 6': '-p tcp -m tcp --dport 5 -m tcp --sport 6',
    '-p tcp --dport 5 -m tcp --sport 6': '-p tcp -m tcp --dport 5 -m tcp --sport 6',
    '-p tcp -m comment --comment x -j ACCEPT --sport 5':
      '-p tcp -m comment --comment x -m tcp --sport 5 -j ACCEPT',
    '-p tcp --tcp-flags SYN,ACK SYN': '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
    '-p tcp --tcp-flags SYN,ACK -j ACCEPT': 'option/missing-value',
    '-p tcp ! --syn': '-p tcp -m tcp ! --syn',
    '-j ACCEPT -j DROP': 'option/repeated',
    '-j ACCEPT -g web': 'option/repeated',
    '-s 1.1.1.1 -s 2.2.2.2': 'option/repeated',
    '-p tcp -p udp': 'option/repeated',
    '! ! -p tcp': 'syntax/double-bang',
    '-p tcp !': 'syntax/trailing-bang',
    '! -j ACCEPT': 'option/not-invertible',
    '! -m tcp': 'option/not-invertible',
    '-A INPUT': 'command/second',
    '-n': 'option/not-for-command',
    '--line-numbers': 'option/not-for-command',
    '-t nat': 'option/not-in-restore',
    '-w 5': 'option/not-in-restore',
    '-- -p tcp': 'syntax/bad-argument, syntax/bad-argument',
    junk: 'syntax/bad-argument',
    '-': 'syntax/bad-argument',
    '-p': 'option/missing-value',
    '-k': 'option/unknown',
    '-c 5': 'counters/bad',
    '-c 5,6': '',
    '-c x 6': 'counters/bad',
  })
})

describe('lists of addresses', () => {
  table({
    '-s 1.1.1.1,2.2.2.2 -d 3.3.3.3,4.4.4.4':
      '-s 1.1.1.1/32 -d 3.3.3.3/32 | -s 1.1.1.1/32 -d 4.4.4.4/32 | -s 2.2.2.2/32 -d 3.3.3.3/32 | -s 2.2.2.2/32 -d 4.4.4.4/32',
    '-s "1.1.1.1, 2.2.2.0/24"': '-s 1.1.1.1/32 | -s 2.2.2.0/24',
    '-s 1.1.1.1,': 'address/bad',
    '! -s 1.1.1.1,2.2.2.2': 'address/inverted-list',
    '-s 1.1.1.1,2.2.2.2 ! -d 3.3.3.3': 'address/inverted-list',
    '-s 1.1.1.1, 2.2.2.2': 'syntax/bad-argument, address/bad',
  })
})

describe('what iptables refuses', () => {
  table({
    '-s 300.1.1.1': 'address/bad',
    '-s 1.2.3.4/33': 'address/bad-mask',
    '-s ::1': 'address/family',
    '-d [server]': 'address/bad',
    '-p nope': 'protocol/unknown',
    '-p tpc': 'protocol/unknown > tcp',
    '-p 7070 --dport 80': 'protocol/unknown',
    '! -p all': 'protocol/never',
    '-i abcdefghijklmnop': 'interface/too-long',
    '-i ""': 'interface/empty',
    '-j ALLOW': 'target/unknown > ACCEPT',
    '-j accept': 'target/unknown > ACCEPT',
    '-j deny': 'target/unknown > DROP',
    '-j wbe': 'target/unknown > web',
    '-j NOWHERE': 'target/unknown',
    '-g ACCEPT': 'target/unknown',
    '-j INPUT': 'target/base-chain',
    '-j ""': 'target/bad-name',
    '-j abcdefghijklmnopqrstuvwxyz1234': 'target/bad-name',
    '-m nomatch': 'match/unknown',
    '-m comemnt --comment x': 'match/unknown > comment',
    '-m comment': 'comment/missing-option',
    '-m comment --comment a --comment b': 'comment/repeated',
    '-m comment ! --comment a': 'comment/not-invertible',
    '-m comment --comment a b': 'syntax/bad-argument',
    '-m recent': 'recent/no-mode',
    '-m recent --set --update': 'recent/excluded',
    '-m recent --rcheck --seconds 0': 'recent/out-of-range',
    '-m recent --rcheck --reap': 'recent/needs',
    '-m recent --name example --check --seconds 60': 'command/second > --rcheck',
    '-m icmp --icmp-type x': 'icmp/unknown-word',
    '-p tcp --dport 90:80': 'tcp/reversed-range > 80:90',
  })
  describe('in the nat table', () =>
    table({ '-j DROP': 'table/nat-drop' }, { table: 'nat', chain: 'PREROUTING' }))
  describe('in INPUT', () =>
    table({ '-o eth0': 'interface/wrong-chain', '-i eth0': '-i eth0' }, { chain: 'INPUT' }))
  describe('in OUTPUT', () => table({ '-i eth0': 'interface/wrong-chain' }, { chain: 'OUTPUT' }))
})

describe('IPv6', () => {
  table(
    {
      '-s 2001:DB8::1/32 -d ::/0': '-s 2001:db8::/32',
      '! -s ::/0': '! -s ::/0',
      '-s fe80::1/ffff::': '-s fe80::/16',
      '-s 1.2.3.4': 'address/family',
      '-f': 'fragment/ipv6',
      '-m icmp --icmp-type 8': 'match/unknown > icmp6',
      '-p icmpv6': '-p ipv6-icmp',
    },
    { family: 'ipv6' },
  )
})

describe('extensions that nobody here knows', () => {
  table({
    '-m time --timestart 08:00 --weekdays Mon,Tue -j ACCEPT':
      '-m time --timestart 08:00 --weekdays Mon,Tue -j ACCEPT',
    '-m string ! --string "a b" --algo bm -p tcp': '-p tcp -m string ! --string "a b" --algo bm',
    '-p tcp -m time --dport 5 --contiguous ! -s 1.1.1.1':
      '! -s 1.1.1.1/32 -p tcp -m time --contiguous -m tcp --dport 5',
    '-j DNAT --to-destination 1.1.1.1:80 --random': '-j DNAT --to-destination 1.1.1.1:80 --random',
    '-j DNAT --to-destination 1.1.1.1 -p tcp --dport 5':
      '-p tcp -m tcp --dport 5 -j DNAT --to-destination 1.1.1.1',
    '-p sctp ! --dport 5 -j ACCEPT': '-p sctp -m sctp ! --dport 5 -j ACCEPT',
    '-m set --match-set foo src,dst -j ACCEPT': '-m set --match-set foo src,dst -j ACCEPT',
  })
  it('are reported', () => {
    const { rules, diagnostics } = parseRuleText('-m time --utc -j DNAT --to 1.1.1.1', {
      family: 'ipv4',
      syntax: fakeSyntax,
    })
    expect(diagnostics.map(({ code, severity }) => `${severity} ${code}`)).toEqual([
      'warning match/unsupported',
      'warning target/unsupported',
    ])
    expect(rules[0]?.matches[0]).toMatchObject({ kind: 'unknown', name: 'time', words: ['--utc'] })
  })
})

describe('places', () => {
  const spanned = (text: string) =>
    parseRuleText(text, { family: 'ipv4', syntax: fakeSyntax }).diagnostics.map(({ span }) =>
      span === null ? null : span.source.text.slice(span.start, span.end),
    )
  it.each([
    ['-s 1.1.1.1,2.2.2.300 -j ACCEPT', '2.2.2.300'],
    ['-p tcp --dport=70000', '70000'],
    ['-m recent --rcheck --seconds 0', '0'],
    ['-m recent --name "a b" -j DROP', '-m recent --name "a b"'],
    ['-j ALLOW', 'ALLOW'],
    ['-p tcp --dprot 5', '--dprot'],
    ['-s "300.1.1.1"', '"300.1.1.1"'],
  ])('%s points at %s', (text, expected) => expect(spanned(text)).toEqual([expected]))
})
