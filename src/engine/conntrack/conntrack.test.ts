import { describe, expect, test } from 'vitest'
import { readOptions } from '../../ext/_testing/read-options.ts'
import type { HostServices, Skb, TargetContext } from '../../ext/context.ts'
import { CT } from '../../ext/target/CT.ts'
import { skbOf } from './_testing/timeline.ts'
import { connectionStatus, tickAt } from './connection.ts'
import { Conntrack } from './conntrack.ts'
import { printConnection } from './listing.ts'
import { readSettings } from './settings.ts'

const second = 1_000_000_000n

const tracker = (sysctls: Readonly<Record<string, string>> = {}): Conntrack => {
  const full = Object.entries(sysctls).map(
    ([name, value]) => [`net.netfilter.nf_conntrack_${name}`, value] as const,
  )
  return new Conntrack(readSettings(250, new Map(full)), 1)
}

const udp = (source: string, destination: string): string => `eth0 udp ${source} > ${destination}`
const question = udp('198.51.100.7:4000', '203.0.113.1:53')
const answer = udp('203.0.113.1:53', '198.51.100.7:4000')

/** Sends one packet all the way through, behind `-j CT` with these options. */
function pass(conntrack: Conntrack, line: string, nowNs = 0n, template: string | null = null): Skb {
  const skb = skbOf(line)
  if (template !== null) wish(skb, template)
  conntrack.in(skb, 'PREROUTING', nowNs)
  conntrack.confirm(skb, nowNs)
  return skb
}

function wish(skb: Skb, options: string): void {
  const data = readOptions(CT, options)
  const host = { family: skb.packet.family } as HostServices
  CT.act(data, skb, { note: null } as TargetContext, CT.load!(data, host))
}

const lines = (conntrack: Conntrack, nowNs = 0n): string[] =>
  conntrack
    .list(nowNs)
    .map((connection) => printConnection(connection, tickAt(nowNs, 250), conntrack.settings))

describe('the listing is that of /proc/net/nf_conntrack', () => {
  test.each([
    [
      question,
      'ipv4     2 udp      17 30 src=198.51.100.7 dst=203.0.113.1 sport=4000 dport=53 [UNREPLIED] src=203.0.113.1 dst=198.51.100.7 sport=53 dport=4000 mark=0 zone=0 use=2',
    ],
    [
      'eth0 tcp [2001:db8::7]:4000 > [2001:db8:1::1]:22 syn',
      'ipv6     10 tcp      6 120 SYN_SENT src=2001:0db8:0000:0000:0000:0000:0000:0007 dst=2001:0db8:0001:0000:0000:0000:0000:0001 sport=4000 dport=22 [UNREPLIED] src=2001:0db8:0001:0000:0000:0000:0000:0001 dst=2001:0db8:0000:0000:0000:0000:0000:0007 sport=22 dport=4000 mark=0 zone=0 use=2',
    ],
    [
      'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request id=7',
      'ipv4     2 icmp     1 30 src=198.51.100.7 dst=203.0.113.1 type=8 code=0 id=7 [UNREPLIED] src=203.0.113.1 dst=198.51.100.7 type=0 code=0 id=7 mark=0 zone=0 use=2',
    ],
    [
      'eth0 gre 198.51.100.7 > 203.0.113.1',
      'ipv4     2 gre      47 30 timeout=30, stream_timeout=180 src=198.51.100.7 dst=203.0.113.1 srckey=0x0 dstkey=0x0 [UNREPLIED] src=203.0.113.1 dst=198.51.100.7 srckey=0x0 dstkey=0x0 mark=0 zone=0 use=2',
    ],
    [
      'eth0 esp 198.51.100.7 > 203.0.113.1 spi=1',
      'ipv4     2 unknown  50 600 src=198.51.100.7 dst=203.0.113.1 [UNREPLIED] src=203.0.113.1 dst=198.51.100.7 mark=0 zone=0 use=2',
    ],
  ])('%s', (packet, line) => {
    const conntrack = tracker()
    pass(conntrack, packet)
    expect(lines(conntrack)).toEqual([line])
  })

  test('with counters where nf_conntrack_acct is 1', () => {
    const conntrack = tracker({ acct: '1' })
    pass(conntrack, `${question} payload="hello"`)
    pass(conntrack, answer)
    pass(conntrack, answer)
    expect(lines(conntrack)[0]).toContain(
      'dport=53 packets=1 bytes=33 src=203.0.113.1 dst=198.51.100.7 sport=53 dport=4000 packets=2 bytes=56 mark=0',
    )
  })
})

test('what the packet is told', () => {
  const conntrack = tracker()
  const first = pass(conntrack, question)
  const { connection } = first.conntrack!
  expect(first.conntrack).toMatchObject({ state: 'NEW', isReply: false })
  expect(connection!.original.source.words).toEqual([0xc6336407])
  expect(connection!.original).toMatchObject({ protocol: 17, sourcePort: 4000, destinationPort: 53 })
  expect(connection!.reply).toMatchObject({ protocol: 17, sourcePort: 53, destinationPort: 4000 })
  expect(connection!.timeoutSeconds(10n * second)).toBe(20)
  const second_ = pass(conntrack, answer)
  expect(second_.conntrack).toMatchObject({ state: 'ESTABLISHED', isReply: true })
  expect(second_.conntrack!.connection).toBe(connection)
  expect(connection!.status).toBe(connectionStatus.seenReply | connectionStatus.confirmed)
})

test('a packet that comes back by lo keeps its connection, one marked untracked has none', () => {
  const conntrack = tracker()
  const skb = pass(conntrack, question)
  const before = skb.conntrack
  conntrack.in(skb, 'PREROUTING', 0n)
  expect(conntrack.confirm(skb, 0n)).toBe('accept')
  expect(skb.conntrack).toBe(before)
  const untracked = skbOf(question)
  untracked.untracked = true
  conntrack.in(untracked, 'PREROUTING', 0n)
  expect(untracked.conntrack).toMatchObject({ state: 'UNTRACKED', connection: null })
  expect(conntrack.count).toBe(1)
})

describe('zones', () => {
  const stateOf = (skb: Skb) => `${skb.conntrack!.state}${skb.conntrack!.isReply ? ' reply' : ''}`

  // The first packet's wish, then for each answer the wish it comes with and what it is.
  test.each([
    ['--zone 1', { '--zone 2': 'NEW', '--zone 1': 'ESTABLISHED reply' }],
    ['--zone 1', { '--zone-reply 1': 'ESTABLISHED reply', '--zone 0': 'NEW' }],
    ['--zone-orig 1', { '--zone 1': 'NEW', '--zone 0': 'ESTABLISHED reply' }],
    ['--zone-orig 1', { '--zone-orig 1': 'ESTABLISHED reply' }],
    ['--zone-orig 1', { '--zone-orig 2': 'ESTABLISHED reply' }],
    ['--zone-reply 1', { '--zone 0': 'NEW', '--zone 1': 'ESTABLISHED reply' }],
    ['--zone 0', { '--zone-orig 3': 'ESTABLISHED reply' }],
  ])('%s: %o', (first, answers) => {
    const conntrack = tracker()
    pass(conntrack, question, 0n, first)
    for (const [wish, state] of Object.entries(answers)) {
      expect([wish, stateOf(pass(conntrack, answer, 0n, wish))]).toEqual([wish, state])
    }
  })

  test.each([
    ['--zone 7', 'mark=0 zone=7 use=2'],
    ['--zone-orig 7', 'dport=53 zone-orig=7 [UNREPLIED]'],
    ['--zone-reply 7', 'dport=4000 zone-reply=7 mark=0 use=2'],
    ['--zone-orig 0', 'dport=53 zone-orig=0 [UNREPLIED]'],
  ])('%s is listed as %s', (wish, part) => {
    const conntrack = tracker()
    pass(conntrack, question, 0n, wish)
    expect(lines(conntrack).join()).toContain(part)
  })

  test('come from the low half of the mark', () => {
    const conntrack = tracker()
    const skb = pass(conntrack, question, 0n, '--zone mark')
    expect(skb.conntrack!.connection!.zone).toEqual({ id: 0, direction: 'both' })
    const marked = skbOf(question)
    marked.mark = 0x30005
    wish(marked, '--zone mark')
    conntrack.in(marked, 'PREROUTING', 0n)
    expect(marked.conntrack!.connection!.zone).toEqual({ id: 5, direction: 'both' })
  })
})

test('a helper is for those who begin connections', () => {
  const conntrack = tracker()
  const first = pass(conntrack, question, 0n, '--helper tftp')
  expect(first.conntrack!.connection).toMatchObject({ helper: 'tftp', template: null })
  expect(first.conntrack!.connection!.status & connectionStatus.helper).not.toBe(0)
  const other = udp('198.51.100.7:4001', '203.0.113.1:53')
  pass(conntrack, other)
  expect(pass(conntrack, other, 0n, '--helper tftp').conntrack!.connection!.helper).toBe(null)
})

test('a reset of the host belongs to the connection it resets, and closes it', () => {
  const conntrack = tracker()
  const syn = pass(conntrack, 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn seq=5')
  const reset = skbOf('out tcp 203.0.113.1:22 > 198.51.100.7:4000 rst-ack ack=6')
  conntrack.attach(reset, syn)
  conntrack.close(syn, 0n)
  expect(reset.conntrack).toMatchObject({ state: 'RELATED', isReply: true })
  expect(conntrack.in(reset, 'OUTPUT', 0n)).toBe('accept')
  expect(reset.conntrack!.state).toBe('RELATED')
  expect(lines(conntrack)[0]).toMatch(/tcp {6}6 10 CLOSE /)
})

describe('two packets begin the same connection before either is confirmed', () => {
  const both = (line: string): [Skb, Skb, Conntrack] => {
    const conntrack = tracker()
    const [winner, loser] = [skbOf(line), skbOf(line)]
    for (const skb of [winner, loser]) conntrack.in(skb, 'PREROUTING', 0n)
    expect(conntrack.confirm(winner, 0n)).toBe('accept')
    return [winner, loser, conntrack]
  }

  test('UDP: the later joins the earlier', () => {
    const [winner, loser, conntrack] = both(question)
    expect(conntrack.confirm(loser, 0n)).toBe('accept')
    expect(loser.conntrack!.connection).toBe(winner.conntrack!.connection)
    expect(conntrack.count).toBe(1)
  })

  test('TCP: the later is dropped', () => {
    const [, loser, conntrack] = both('eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn')
    expect(conntrack.confirm(loser, 0n)).toBe('drop')
    expect(conntrack.count).toBe(1)
  })
})

describe('a full table', () => {
  const other = (number: number): string => udp(`198.51.100.7:${number}`, '203.0.113.1:53')

  test('with buckets in reach gives up a connection that is not assured', () => {
    const conntrack = tracker({ max: '2', buckets: '4' })
    for (let port = 1; port <= 20; port++) {
      expect(pass(conntrack, other(port)).conntrack!.state).toBe('NEW')
      expect(conntrack.count).toBeLessThanOrEqual(2)
    }
    expect(lines(conntrack)).toHaveLength(conntrack.count)
  })

  test('drops what would be new otherwise, and takes it when time has made room', () => {
    const conntrack = tracker({ max: '2' })
    pass(conntrack, other(1))
    pass(conntrack, other(2))
    const full = skbOf(other(3))
    expect(conntrack.in(full, 'PREROUTING', second)).toBe('drop')
    expect(pass(conntrack, other(1), second).conntrack!.state).toBe('NEW')
    expect(conntrack.in(skbOf(other(3)), 'PREROUTING', 31n * second)).toBe('accept')
  })

  test('0 is no limit', () => {
    const conntrack = tracker({ max: '0' })
    for (let port = 1; port <= 100; port++) pass(conntrack, other(port))
    expect(conntrack.count).toBe(100)
  })
})

test('what has ended is swept away while packets pass', () => {
  const conntrack = tracker()
  for (let port = 1; port <= 5000; port++) pass(conntrack, udp(`198.51.100.7:${port}`, '203.0.113.1:53'))
  expect(conntrack.count).toBe(5000)
  expect(conntrack.list(31n * second)).toEqual([])
  const line = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn'
  for (let packet = 0; packet < 3000; packet++) pass(conntrack, line, 31n * second)
  expect(conntrack.count).toBe(1)
})

describe('bad packets never throw', () => {
  test('every prefix of an ICMP error, of either family', () => {
    for (const line of [
      'eth0 icmp 203.0.113.1 > 198.51.100.7 port-unreachable [ udp 198.51.100.7:4000 > 203.0.113.1:53 ]',
      'eth0 icmp6 2001:db8:1::1 > 2001:db8::7 no-route [ udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 ext=hop:010400000000,dst ]',
    ]) {
      const conntrack = tracker({ checksum: '0' })
      const whole = skbOf(line)
      const { endOffset } = whole.packet
      for (let end = 0; end <= endOffset; end++) {
        const skb = skbOf(line)
        skb.packet.endOffset = end
        conntrack.in(skb, 'PREROUTING', 0n)
        expect(skb.conntrack!.connection).toBeNull()
      }
    }
  })
})
