import { describe, test } from 'vitest'
import { play } from './_testing/timeline.ts'

describe('UDP', () => {
  test('a question, its answer, and a stream after two seconds', () =>
    play(`
  0s    > udp payload="hi"       | NEW                       | 30 unreplied
  1s    > udp payload="hi"       | NEW                       | 30 unreplied
  1.9s  < udp payload="ho"       | ESTABLISHED reply         | 30
  2s    > udp payload="hi"       | ESTABLISHED               | 30
  2.1s  > udp payload="hi"       | ESTABLISHED assured       | 120 assured
  100s  < udp payload="ho"       | ESTABLISHED reply assured | 120 assured
  220s  < udp payload="ho"       | NEW                       | 30 unreplied`))

  test('the answer may be late, then it is no answer', () =>
    play(
      `
  0s    > udp                    | NEW                       | 2 unreplied
  2s    < udp                    | NEW                       | 2 unreplied`,
      { udp_timeout: 2 },
    ))

  test.each([
    ['a wrong checksum', '> udp badsum', 'INVALID |'],
    ['no checksum', '> udp sum=0', 'NEW | 30 unreplied'],
    ['half a header', '> proto=17 payload=0fa00016', 'INVALID |'],
    ['a length beyond the packet', '> udp udplen=9', 'INVALID |'],
    ['a length within the header', '> udp udplen=7', 'INVALID |'],
    ['a length short of the packet', '> udp payload="hello" udplen=10', 'NEW | 30 unreplied'],
  ])('%s', (_, packet, outcome) => play(`0s ${packet} | ${outcome}`))
})

describe('UDP-Lite', () => {
  test.each([
    ["what the kernel takes for a wrong sum: UDP-Lite's own pseudo header", '> udplite', 'INVALID |'],
    ['the host sends it', 'out > udplite', 'NEW | 30 unreplied'],
    ['without a sum', 'out > udplite sum=0', 'INVALID |'],
    ['covering less than its header', 'out > udplite coverage=7', 'INVALID |'],
    ['covering more than there is', 'out > udplite coverage=9', 'INVALID |'],
  ])('%s', (_, packet, outcome) => play(`0s ${packet} | ${outcome}`))
})

describe('ICMP questions', () => {
  test('an echo and its answers', () =>
    play(`
  0s    > icmp echo-request id=7 seq=1    | NEW               | 30 unreplied
  1s    < icmp echo-reply id=7 seq=1      | ESTABLISHED reply | 30
  2s    > icmp echo-request id=7 seq=2    | ESTABLISHED       | 30
  3s    < icmp echo-reply id=8 seq=2      | INVALID           | 29
  33s   < icmp echo-reply id=7 seq=2      | INVALID           |`))

  test('ICMPv6', () =>
    play(`
  0s    > icmp6 echo-request id=7         | NEW               | 30 unreplied
  1s    < icmp6 echo-reply id=7           | ESTABLISHED reply | 30`))

  test.each([
    ['timestamps ask', '> icmp timestamp-request', 'NEW | 30 unreplied'],
    ['answers do not', '> icmp timestamp-reply', 'INVALID |'],
    ['types that neither ask nor answer', '> icmp type=9 code=0', 'INVALID |'],
    ['unknown types', '> icmp type=19 code=0', 'INVALID |'],
    ['a wrong checksum', '> icmp echo-request badsum', 'INVALID |'],
    ['ICMPv6 in IPv4', '> proto=58 payload=80000000000700010000', 'INVALID |'],
    ['neighbour discovery is not tracked', '> icmp6 neighbour-solicitation', 'UNTRACKED |'],
    ['nor are listener reports', '> icmp6 type=143 code=0', 'UNTRACKED |'],
    ['redirects are', '> icmp6 redirect', 'INVALID |'],
  ])('%s', (_, packet, outcome) => play(`0s ${packet} | ${outcome}`))
})

describe('ICMP errors', () => {
  const asked = '0s > udp payload="hi" | NEW | 30 unreplied'
  const quote = '[ udp 198.51.100.7:4000 > 203.0.113.1:22 payload="hi" ]'

  test('belong to the packet that they quote, and change nothing about it', () =>
    play(`${asked}
  1s  < icmp port-unreachable ${quote}                               | RELATED reply | 29 unreplied
  1s  < icmp 192.0.2.1 > 198.51.100.7 time-exceeded ${quote}         | RELATED reply | 29 unreplied`))

  test('an error about an answer goes with the direction of the question', () =>
    play(`${asked}
  1s  > icmp port-unreachable [ udp 203.0.113.1:22 > 198.51.100.7:4000 ] | RELATED | 29 unreplied`))

  test.each([
    ['about nothing known', 'icmp port-unreachable [ udp 198.51.100.7:4001 > 203.0.113.1:22 ]'],
    ['to somebody else', `icmp 203.0.113.1 > 198.51.100.8 port-unreachable ${quote}`],
    [
      'about a later fragment',
      'icmp port-unreachable [ proto=17 198.51.100.7 > 203.0.113.1 frag=1 payload=0fa00016 ]',
    ],
    ['with too little of it', 'icmp port-unreachable [ proto=17 198.51.100.7 > 203.0.113.1 payload=0fa0 ]'],
    ['with a wrong checksum', `icmp port-unreachable badsum ${quote}`],
    ['about an error', `icmp port-unreachable [ icmp 198.51.100.7 > 203.0.113.1 port-unreachable ]`],
  ])('%s', (_, packet) =>
    play(`${asked}
  1s  < ${packet} | INVALID | 29 unreplied`))

  test('ICMPv6', () =>
    play(`
  0s  > icmp6 echo-request id=7  | NEW | 30 unreplied
  1s  < icmp6 no-route [ icmp6 2001:db8::7 > 2001:db8:1::1 echo-request id=7 ] | RELATED reply | 29 unreplied`))
})

describe('other protocols', () => {
  test('GRE is one flow between two hosts, but for the calls of PPTP', () =>
    play(`
  0s  > gre                                      | NEW               | 30 unreplied
  1s  < gre                                      | ESTABLISHED reply | 30
  1s  > gre                                      | ESTABLISHED assured | 180 assured
  2s  > proto=47 payload=3001880b00000001        | NEW               | 179 assured, 30 unreplied
  2s  > proto=47 payload=3001080000000001        | INVALID           | 179 assured, 30 unreplied`))

  test('anything else too, and never assured', () =>
    play(`
  0s  > esp spi=1                                | NEW               | 600 unreplied
  1s  < esp spi=2                                | ESTABLISHED reply | 600`))
})
