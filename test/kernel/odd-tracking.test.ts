/**
 * What tracking makes of input that nobody means well with: fragments without end, quotes that are cut or made up, ranges of
 * ports that are used up. Each case on the kernel by both backends, held against the engine step by step.
 */
import { describe, expect, test } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { firstDifference, labLack, runOnKernel } from '../../src/linux/lab/index.ts'
import { encodePacketLine, parsePacketLine } from '../../src/net/notation.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'
import type { HostFile, StepFile } from '../../src/scenario/schema.ts'

const gateway: HostFile = {
  interfaces: {
    eth0: { address: ['203.0.113.1/24', '2001:db8:1::1/64'] },
    eth1: { address: ['192.168.1.1/24', '2001:db8:2::1/64'] },
  },
  forwarding: true,
  routes: ['default via 203.0.113.254', 'default via 2001:db8:1::fe'],
}

/** Says what a packet is to tracking: each rule counts a state. */
const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']
const counting = `*mangle\n${states.map((state) => `-A PREROUTING -m conntrack --ctstate ${state}\n`).join('')}COMMIT\n`

interface Story {
  readonly name: string
  readonly rules: string
  readonly rules6?: string
  readonly sysctls?: HostFile['sysctls']
  readonly packets: readonly string[]
  /** Ports are drawn by chance: what is sent, and which connections there are, is not compared. */
  readonly isByChance?: boolean
  /** How often each state was counted, and what became of the packets: that the case is about something. */
  readonly meets: (report: CaseReport) => void
}

const verdictsOf = ({ steps }: CaseReport): string[] => steps.map(({ result }) => result.verdict!)
const timesHit = ({ steps }: CaseReport, rule: string): number =>
  steps.filter(({ result }) => result.hits.includes(rule)).length

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The first bytes of a packet, as an ICMP error may quote them. */
function firstBytes(line: string, count: number): string {
  const parsed = parsePacketLine(`eth0 ${line}`)
  if ('error' in parsed) throw new Error(`${line}: ${parsed.error.message}`)
  return hexOf(encodePacketLine(parsed.line).subarray(0, count))
}

const quoted = 'udp 203.0.113.1:4000 > 198.51.100.7:53 ttl=60 len=60'
const quoted6 = 'udp [2001:db8:2::9]:4000 > [2001:db8:1::7]:53 ttl=60 payload="question"'
const range = (count: number) => Array.from({ length: count }, (_, at) => at)

const stories: readonly Story[] = [
  {
    name: 'ICMP errors that quote less and less, or lie',
    rules: `${counting}*nat\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n`,
    rules6: counting,
    packets: [
      'eth1 udp 192.168.1.9:4000 > 198.51.100.7:53 len=60',
      'eth1 udp [2001:db8:2::9]:4000 > [2001:db8:1::7]:53 payload="question"',
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ ${quoted} ]`,
      // Of the quote: from nothing to the whole header of UDP, and a few bytes behind.
      ...range(34).map(
        (bytes) => `eth0 icmp 198.51.100.7 > 203.0.113.1 type=3 code=3 payload=${firstBytes(quoted, bytes)}`,
      ),
      ...range(52).map(
        (bytes) =>
          `eth0 icmp6 2001:db8:1::7 > 2001:db8:2::9 type=1 code=4 payload=${firstBytes(quoted6, bytes)}`,
      ),
      // From anybody on the way, but to nobody else than who is quoted.
      `eth0 icmp 203.0.113.99 > 203.0.113.1 ttl-exceeded [ ${quoted} ]`,
      `eth0 icmp 198.51.100.7 > 192.168.1.9 port-unreachable [ ${quoted} ]`,
      `eth0 icmp 198.51.100.7 > 203.0.113.77 port-unreachable [ ${quoted} ]`,
      `eth1 icmp 192.168.1.9 > 198.51.100.7 port-unreachable [ ${quoted} ]`,
      // Of connections that do not exist, of other protocols, of errors, of fragments.
      'eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ udp 203.0.113.1:4001 > 198.51.100.7:53 ]',
      'eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ tcp 203.0.113.1:4000 > 198.51.100.7:53 ]',
      'eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ proto=41 203.0.113.1 > 198.51.100.7 ]',
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ icmp 203.0.113.1 > 198.51.100.7 port-unreachable [ ${quoted} ] ]`,
      'eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ proto=17 203.0.113.1 > 198.51.100.7 frag=1+ payload=0fa00035ffff0000 ]',
      'eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ udp 198.51.100.7:53 > 203.0.113.1:4000 ]',
      // Wrong sums: of the message it counts, of what is quoted it does not.
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable badsum [ ${quoted} ]`,
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ ${quoted} badsum ]`,
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ ${quoted} badipsum ]`,
      `eth0 icmp 198.51.100.7 > 203.0.113.1 port-unreachable [ ${quoted} opts=94040000 ]`,
      `eth0 icmp6 2001:db8:1::7 > 2001:db8:2::9 port-unreachable badsum [ ${quoted6} ]`,
      `eth0 icmp6 2001:db8:1::7 > 2001:db8:2::9 port-unreachable [ ${quoted6} ext=hop:050200000100 ]`,
      `eth0 icmp6 2001:db8:1::7 > 2001:db8:2::77 port-unreachable [ ${quoted6} ]`,
    ],
    meets: (report) => {
      expect(timesHit(report, 'mangle/PREROUTING:3')).toBeGreaterThan(10)
      expect(timesHit(report, 'mangle/PREROUTING:4')).toBeGreaterThan(60)
    },
  },
  {
    name: 'the message itself is cut',
    rules: counting,
    packets: [
      'eth1 udp 192.168.1.9:4000 > 198.51.100.7:53 len=60',
      ...['0303fcfc00000000', '0800f7ff00000000'].flatMap((message) =>
        range(9).map(
          (bytes) => `eth0 proto=1 198.51.100.7 > 192.168.1.9 payload=${message.slice(0, 2 * bytes)}`,
        ),
      ),
      ...range(8).map(
        (bytes) => `eth0 icmp 198.51.100.7 > 192.168.1.9 echo-request len=28 cut=${20 + bytes}`,
      ),
    ],
    meets: (report) => expect(verdictsOf(report)).toContain('drop'),
  },
  {
    name: 'fragments without end leave room for nobody, and packets that are whole pass',
    rules: counting,
    rules6: counting,
    sysctls: {
      // The kernel takes no upper bound below the lower one, which changes nothing else.
      'net.ipv4.ipfrag_low_thresh': 30_000,
      'net.ipv4.ipfrag_high_thresh': 60_000,
      'net.netfilter.nf_conntrack_frag6_low_thresh': 30_000,
      'net.netfilter.nf_conntrack_frag6_high_thresh': 60_000,
    },
    packets: [
      ...twoParts(1),
      ...range(120).flatMap((at) => [
        `eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 id=${1000 + at} frag=0+ len=1020`,
        `eth0 udp [2001:db8:1::7]:4000 > [2001:db8:2::9]:53 id=${1000 + at} frag=0+ len=1048`,
      ]),
      ...twoParts(2),
      'eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 len=60',
    ],
    meets: (report) => {
      const verdicts = verdictsOf(report)
      expect(verdicts.slice(0, 4)).toEqual(['drop', 'accept', 'drop', 'accept'])
      expect(verdicts.slice(-5)).toEqual(['drop', 'drop', 'drop', 'drop', 'accept'])
    },
  },
  {
    name: 'fragments that overlap, again and again, and a packet longer than any may be',
    rules: counting,
    rules6: counting,
    packets: [
      ...range(60).flatMap((at) => [
        `eth0 proto=17 198.51.100.7 > 192.168.1.9 id=7 frag=${at}+ len=1020`,
        `eth0 proto=17 2001:db8:1::7 > 2001:db8:2::9 id=7 frag=${at}+ len=1048`,
      ]),
      'eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 id=7 frag=0+ len=100',
      ...range(3).map((at) => `eth0 proto=17 198.51.100.7 > 192.168.1.9 id=9 frag=${8060 + at}+ len=1020`),
      'eth0 proto=17 198.51.100.7 > 192.168.1.9 id=9 frag=8191 payload=0011223344556677',
      ...twoParts(10),
    ],
    meets: (report) => expect(verdictsOf(report).filter((verdict) => verdict === 'accept')).toHaveLength(2),
  },
  ...['udp', 'tcp'].map(
    (protocol): Story => ({
      name: `a range of three ports for four connections to one place, ${protocol}`,
      rules: `${counting}*nat\n-A POSTROUTING -o eth0 -p ${protocol} -j SNAT --to-source 203.0.113.1:5000-5002\nCOMMIT\n`,
      packets: [
        ...range(4).map((at) => `eth1 ${protocol} 192.168.1.9:${4000 + at} > 198.51.100.7:53`),
        `eth1 ${protocol} 192.168.1.9:4009 > 198.51.100.8:53`,
        `eth1 ${protocol} 192.168.1.9:4000 > 198.51.100.7:53`,
      ],
      isByChance: true,
      meets: (report) => {
        const verdicts = verdictsOf(report)
        expect([verdicts[0], verdicts[1], verdicts[2], verdicts[4]]).toEqual(Array(4).fill('accept'))
      },
    }),
  ),
  {
    name: 'one port for two clients: masqueraded, redirected, pinged',
    rules: `${counting}*nat
-A PREROUTING -i eth0 -p udp --dport 7 -j DNAT --to-destination 192.168.1.9:9
-A POSTROUTING -o eth0 -p udp -j MASQUERADE --to-ports 5000
-A POSTROUTING -o eth0 -p tcp -j MASQUERADE --to-ports 5000
-A POSTROUTING -o eth0 -p icmp -j SNAT --to-source 203.0.113.1
-A POSTROUTING -o eth1 -p udp -j SNAT --to-source 192.168.1.1:6000
COMMIT
`,
    packets: [
      ...['192.168.1.9', '192.168.1.10', '192.168.1.9'].flatMap((client) => [
        `eth1 udp ${client}:4000 > 198.51.100.7:53`,
        `eth1 tcp ${client}:4000 > 198.51.100.7:53 syn`,
      ]),
      'eth0 udp 198.51.100.7:4000 > 203.0.113.1:7',
      'eth0 udp 198.51.100.8:4000 > 203.0.113.1:7',
      'eth1 icmp 192.168.1.9 > 198.51.100.7 echo-request id=7',
    ],
    meets: (report) => expect(verdictsOf(report)).toContain('drop'),
  },
]

/** A packet in two pieces, of either family. */
function twoParts(id: number): string[] {
  return [
    `eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 id=${id} frag=0+ len=60 udplen=48 sum=0`,
    `eth0 proto=17 198.51.100.7 > 192.168.1.9 id=${id} frag=5 payload=0011223344556677`,
    `eth0 udp [2001:db8:1::7]:4000 > [2001:db8:2::9]:53 id=${id} frag=0+ len=88 udplen=48 badsum`,
    `eth0 proto=17 2001:db8:1::7 > 2001:db8:2::9 id=${id} frag=5 payload=0011223344556677`,
  ]
}

async function caseOf({ name, rules, rules6, sysctls, packets }: Story): Promise<Case> {
  const steps = packets.map((packet): StepFile => ({ packet }))
  const host = { ...gateway, ...(sysctls !== undefined && { sysctls }) }
  const file = { host, rules, ...(rules6 !== undefined && { rules6 }), cases: [{ name, steps }] }
  const source = new SourceText('case.json', JSON.stringify(file))
  const { scenario, diagnostics } = await readScenario(source, () => Promise.reject(new Error('no file')))
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  expect(errors.map(({ message, span }) => [message, source.text.slice(span?.start, span?.end)])).toEqual([])
  return scenario!.cases[0]!
}

/** A busy machine takes seconds for what the stories do at once. */
const withoutSeconds = (report: CaseReport): CaseReport => ({
  ...report,
  end: {
    ...report.end,
    conntrack: report.end.conntrack.map((line) =>
      line.replace(/^(ipv[46] +\d+ \w+ +\d+) \d+ /, (_, head) => `${head} 1 `),
    ),
  },
})

/** Verdicts and how many connections there are at the end; else everything. */
function differenceOf(story: Story, engine: CaseReport, kernel: CaseReport): unknown {
  if (story.isByChance !== true) return firstDifference(withoutSeconds(engine), withoutSeconds(kernel))
  const seen = [engine, kernel].map((report) =>
    [...verdictsOf(report), report.end.conntrack.length].join(' '),
  )
  return seen[0] === seen[1] ? null : seen
}

describe('input that means no good', () => {
  for (const backend of ['legacy', 'nft'] as const) {
    test(`${backend} agrees with the engine`, async ({ skip }) => {
      const lack = labLack(backend)
      if (lack !== null) skip(lack.message)
      const parts = await Promise.all(stories.map(caseOf))
      const engine = await Promise.all(parts.map((part) => runCase(part, new EngineJudge(part))))
      const reports = await runOnKernel(parts, { backend })
      const differences = stories.map((story, at) => {
        const kernel = reports.get(parts[at]!)!
        story.meets(engine[at]!)
        return { story: story.name, difference: differenceOf(story, engine[at]!, kernel) }
      })
      expect(differences.filter(({ difference }) => difference !== null)).toEqual([])
    })
  }
})
