/** What a host with sockets answers, and whole flows, on the engine and by the kernel's own sockets, packet by packet. */
import { describe, expect, test } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { firstDifference, labLack, runOnKernel } from '../../src/linux/lab/index.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'

const host = `host:
  interfaces:
    eth0: { address: [203.0.113.1/24, "2001:db8:1::1/64"] }
    eth1: { address: [192.168.1.1/24, "2001:db8:2::1/64"] }
  forwarding: true
  routes: [ default via 203.0.113.254, "default via 2001:db8:1::fe" ]
  # No connection may end while a slow machine is at it.
  sysctls: { net.netfilter.nf_conntrack_tcp_timeout_close: 300, net.netfilter.nf_conntrack_udp_timeout: 300 }
  sockets: [ tcp 22, "tcp 127.0.0.1:3306", "tcp 192.168.1.1:8080 uid 33", tcp 80 dev eth1, udp 53, "udp [::]:123" ]
`

const stateful = (prefix = '') => `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp -m tcp --dport 2222 -j REDIRECT --to-ports 22
-A PREROUTING -i eth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${prefix === '' ? '192.168.1.1' : '[2001:db8:2::1]'}:22
-A PREROUTING -i eth0 -p udp -m udp --dport 5353 -j REDIRECT --to-ports 53
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 7 -j DROP
-A INPUT -p tcp -m tcp --dport 9 -j REJECT --reject-with tcp-reset
-A INPUT -m conntrack --ctstate NEW -j ACCEPT
-A OUTPUT -p tcp -m tcp --sport 80 --tcp-flags SYN,ACK SYN,ACK -j DROP
-A OUTPUT -m owner --uid-owner 33 -j LOG --log-prefix "web: "
COMMIT
`

const [far, near, outside, inside] = ['198.51.100.7', '192.168.1.20', '203.0.113.1', '192.168.1.1']

const flows = (a: string, n: string, o: string, i: string, to: (address: string, port: number) => string) => [
  `s: connect eth0 ${a} > ${to(o, 22)}`,
  's: request 200 response 5000',
  's: request 4000',
  's: response 35000 response 2920 response 1',
  's: close',
  `t: connect eth0 ${a} > ${to(o, 22)} request 10 close by server`,
  `connect eth0 ${a} > ${to(o, 22)} reset`,
  `connect eth0 ${a} > ${to(o, 22)} response 20000 reset by server`,
  `connect eth0 ${a} > ${to(o, 2222)} request 3000 response 3000 close`,
  `connect eth0 ${a} > ${to(o, 8080)} request 10 response 10 close`,
  `connect eth1 ${n} > ${to(i, 80)}`,
  `connect eth0 ${a} > ${to(o, 80)}`,
  `connect eth0 ${a} > ${to(o, 7)}`,
  `connect eth0 ${a} > ${to(o, 9)}`,
  `connect eth1 ${n} > ${to(i, 8080)} request 5 response 5 close`,
  `connect eth1 ${n} > ${to(o, 3306)}`,
  `d: udp eth0 ${a} > ${to(o, 53)} request 40 response 1200`,
  'd: request 40 response 10',
  `udp eth0 ${a} > ${to(o, 5353)} request 40 response 1200`,
  `udp eth0 ${a} > ${to(o, 123)} request 48 response 48`,
  `udp eth0 ${a} > ${to(o, 54)} request 40`,
  `p: ping eth0 ${a} > ${o}`,
  'p: ping ping',
  `connect eth1 ${n} > ${to(a, 80)} request 100 response 6000 close`,
  `connect out ${o} > ${to(a, 443)} request 100 response 3000 close`,
  `udp out ${o} > ${to(a, 53)} request 100 response 300`,
  `ping out ${o} > ${a}`,
]

/** One packet after the other, to sockets that listen, to none, and to connections that are half there. */
const oddPackets = (a: string, o: string, icmp: string) => {
  const end = (address: string, port: number) =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  const tcp = (from: number, to: number, words: string) => `eth0 tcp ${end(a, from)} > ${end(o, to)} ${words}`
  return [
    tcp(1000, 23, 'syn seq=5 tos=0x10'),
    tcp(1000, 23, 'ack seq=5 ack=77'),
    tcp(1000, 23, 'fin-ack seq=5 ack=77 tos=0x13'),
    tcp(1000, 23, 'fin seq=5 payload="xyz"'),
    tcp(1000, 23, 'rst seq=5'),
    tcp(1000, 23, 'syn-ack seq=5 ack=9'),
    tcp(1001, 22, 'ack seq=5 ack=77 tos=8'),
    tcp(1001, 22, 'fin seq=5'),
    tcp(1001, 22, 'syn-rst seq=5'),
    tcp(1001, 22, 'none seq=5'),
    tcp(1001, 22, 'syn-fin seq=5'),
    tcp(1001, 22, 'syn-ack seq=5 ack=9'),
    tcp(1002, 22, 'syn seq=5 tos=0x10'),
    tcp(1002, 22, 'syn seq=5 tos=0x10'),
    tcp(1002, 22, 'ack seq=6 ack=77 tos=0x10'),
    tcp(1002, 22, 'syn seq=9'),
    tcp(1002, 22, 'syn seq=100'),
    tcp(1002, 22, 'rst seq=6'),
    tcp(1003, 22, 'syn seq=5 mss=100 payload="early"'),
    tcp(1004, 22, 'syn seq=5 mss=1460 wscale=7 sackok ts=1:0'),
    tcp(1005, 22, 'syn seq=5 mss=1460 badsum'),
    `eth0 udp ${end(a, 1000)} > ${end(o, 54)} payload="what" tos=0x14`,
    `eth0 udp ${end(a, 1000)} > ${end(o, 54)} payload="what" badsum`,
    `eth0 udp ${end(a, 1000)} > ${end(o, 53)} payload="what"`,
    `eth0 udplite ${end(a, 1000)} > ${end(o, 53)} payload="what"`,
    `eth0 ${icmp} ${a} > ${o} echo-request id=7 seq=1 payload="abcd" tos=0x17`,
    `eth0 ${icmp} ${a} > ${o} echo-request id=7 seq=1 badsum`,
    `eth0 ${icmp} ${a} > ${o} echo-reply id=7 seq=1`,
    `eth0 proto=99 ${a} > ${o} payload=00000000`,
    `eth0 proto=103 ${a} > ${o} payload=00000000`,
    `eth0 proto=132 ${a} > ${o} payload=000000000000000000000000`,
  ]
}

const onlyFour = [
  'eth0 icmp 198.51.100.7 > 203.0.113.255 echo-request dmac=ff:ff:ff:ff:ff:ff',
  'eth0 icmp 198.51.100.7 > 224.0.0.1 echo-request',
  'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request dmac=ff:ff:ff:ff:ff:ff',
  'eth0 udp 198.51.100.7:9 > 203.0.113.255:54 dmac=ff:ff:ff:ff:ff:ff',
  'eth0 udp 198.51.100.7:9 > 203.0.113.255:53 dmac=ff:ff:ff:ff:ff:ff',
  'eth0 tcp 198.51.100.7:9 > 203.0.113.255:22 syn dmac=ff:ff:ff:ff:ff:ff',
  'eth0 tcp 198.51.100.7:9 > 203.0.113.1:22 syn dmac=ff:ff:ff:ff:ff:ff',
  'eth0 icmp 198.51.100.7 > 203.0.113.1 type=8 code=3 id=1 seq=2',
  'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request opts=0707040000000000 id=1',
  'eth0 proto=2 198.51.100.7 > 203.0.113.1 payload=00000000',
  'out icmp 203.0.113.1 > 203.0.113.1 echo-request id=1',
  'out tcp 127.0.0.1:4000 > 127.0.0.1:3306 syn seq=9',
  'out tcp 127.0.0.1:4000 > 127.0.0.1:3307 syn seq=9',
  'out udp 127.0.0.1:4000 > 127.0.0.1:54',
]

const onlySix = [
  'eth0 icmp6 2001:db8:9::7 > ff02::1 echo-request id=1',
  'eth0 udp [2001:db8:9::7]:9 > [2001:db8:1::1]:54 ext=dst',
  'eth0 proto=99 2001:db8:9::7 > 2001:db8:1::1 ext=dst payload=00000000',
  'eth0 icmp6 2001:db8:9::7 > 2001:db8:1:: echo-request id=1',
]

interface Run {
  readonly rules: string
  readonly family: 'ipv4' | 'ipv6'
  readonly steps: readonly string[]
  readonly withNft?: boolean
}

const bracketed = (address: string, port: number) => `[${address}]:${port}`
const plain = (address: string, port: number) => `${address}:${port}`
const six = ['2001:db8:9::7', '2001:db8:2::20', '2001:db8:1::1', '2001:db8:2::1'] as const
const fourFlows = flows(far!, near!, outside!, inside!, plain)
const sixFlows = flows(...six, bracketed)
const open = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'

const runs: Record<string, Run> = {
  'flows, translated and tracked': { family: 'ipv4', rules: stateful(), steps: fourFlows, withNft: true },
  'flows without tracking': { family: 'ipv4', rules: open, steps: fourFlows },
  'IPv6 flows': { family: 'ipv6', rules: stateful('six'), steps: sixFlows },
  'odd packets': { family: 'ipv4', rules: open, steps: [...oddPackets(far!, outside!, 'icmp'), ...onlyFour] },
  'odd packets, tracked': {
    family: 'ipv4',
    rules: stateful(),
    // Whether a number that is out of a window lies before or behind it, chance decides.
    steps: [...oddPackets(far!, outside!, 'icmp'), ...onlyFour].filter((text) => !/:1002 /.test(text)),
  },
  'odd IPv6 packets': {
    family: 'ipv6',
    rules: open,
    steps: [...oddPackets(six[0], six[2], 'icmp6'), ...onlySix],
  },
}

/** Between steps: conntrack counts seconds, and the kernel needs some milliseconds for each packet. */
const everyMs = 250

async function caseOf({ family, rules, steps }: Run): Promise<Case> {
  const block = rules.replace(/^(?=.)/gm, '  ')
  const list = steps.map((text, at) => {
    const isPacket = /^(eth\d|out) /.test(text)
    return `  - { at: ${at * everyMs}ms, ${isPacket ? 'packet' : 'flow'}: ${JSON.stringify(text)} }\n`
  })
  const key = family === 'ipv4' ? 'rules' : 'rules6'
  const source = new SourceText('test', `${host}${key}: |\n${block}steps:\n${list.join('')}`)
  const { scenario, diagnostics } = await readScenario(source, async () => '')
  expect(diagnostics).toEqual([])
  return scenario!.cases[0]!
}

/** How long connections have left says how fast the machine is. */
const withoutTimeouts = (report: CaseReport): CaseReport => {
  const conntrack = report.end.conntrack.map((line) => line.replace(/^(\S+ +\d+ \S+ +\d+) \d+/, '$1 0'))
  return { ...report, end: { ...report.end, conntrack } }
}

const differenceOf = (engine: CaseReport, kernel: CaseReport) =>
  firstDifference(withoutTimeouts(engine), withoutTimeouts(kernel))

describe.each([
  'legacy',
  'nft',
] as const)('a host with sockets answers as the kernel does (%s)', (backend) => {
  test('flows and odd packets', async ({ skip }) => {
    const lack = labLack(backend)
    if (lack !== null) skip(lack.message)
    const named = Object.entries(runs).filter(([, run]) => backend === 'legacy' || run.withNft)
    const parts = await Promise.all(named.map(([, run]) => caseOf(run)))
    const engine = new Map<Case, CaseReport>()
    for (const part of parts) engine.set(part, await runCase(part, new EngineJudge(part)))
    const isGood = (part: Case, report: CaseReport) => differenceOf(engine.get(part)!, report) === null
    const kernel = await runOnKernel(parts, { backend, isGood })
    const differences = parts.flatMap((part, at) => {
      const difference = differenceOf(engine.get(part)!, kernel.get(part)!)
      if (difference === null) return []
      const step = difference.step === null ? 'the end' : part.steps[difference.step - 1]!.text
      return [`${named[at]![0]}: ${step}: ${difference.what.replace(/(00){30,}/g, '…')}`]
    })
    expect(differences).toEqual([])
    for (const [at, part] of parts.entries()) {
      const sent = kernel.get(part)!.steps.flatMap(({ result }) => result.sent)
      expect(sent.length, named[at]![0]).toBeGreaterThan(8)
    }
  })
})
