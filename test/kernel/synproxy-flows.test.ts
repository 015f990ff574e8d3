/** Connections through SYNPROXY, from the client's SYN to the end, on the engine and on the kernel, packet by packet. */
import { beforeAll, describe, expect, test } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { firstDifference, labLack, runOnKernel } from '../../src/linux/lab/index.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'

const notTracked = '-A PREROUTING -i eth0 -p tcp --syn --dport 80 -j CT --notrack'
const proxy = (chain: string, states: string, options = '--mss 1400') =>
  `-A ${chain} -i eth0 -p tcp --dport 80 -m conntrack --ctstate ${states} -j SYNPROXY ${options}`
const strict = `:FORWARD DROP [0:0]
    ${proxy('FORWARD', 'INVALID,UNTRACKED', '--sack-perm --timestamp --wscale 7 --mss 1400')}
    -A FORWARD -m conntrack --ctstate INVALID -j DROP
    -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT`

const host = (more = '', sysctls = '{ net.netfilter.nf_conntrack_tcp_loose: 0 }') => `
    interfaces:
      eth0: { address: [203.0.113.1/24, "2001:db8:1::1/64"] }
      eth1: { address: [192.168.1.1/24, "2001:db8:2::1/64"] }
    forwarding: true
    routes: [ default via 203.0.113.254, default via 2001:db8:1::fe ]
    sysctls: ${sysctls}
    ${more}`

const scene = (name: string, settings: string, rules: readonly string[], ...lines: readonly string[]) => `
- name: ${name}
  host: ${settings}
  rules${name === 'IPv6' ? '6' : ''}: |
    ${rules.join('\n    ')}
  steps:
${lines.map((line) => `  - { ${line} }`).join('\n')}`

const file = `cases:
${[
  scene(
    'through a gateway',
    host(),
    ['*raw', notTracked, 'COMMIT', '*filter', strict, 'COMMIT'],
    'flow: "web: connect eth0 198.51.100.7 > 192.168.1.9:80", expect: established',
    'flow: "web: request 2000 response 5000", expect: established',
    'flow: "web: close by server", expect: closed',
    'flow: "connect eth0 198.51.100.7 > 192.168.1.9:81", expect: dropped at syn',
  ),
  scene(
    'IPv6',
    host(),
    ['*raw', notTracked, 'COMMIT', '*filter', strict, 'COMMIT'],
    'flow: "connect eth0 2001:db8:9::7 > [2001:db8:2::9]:80 request 10 response 10 close", expect: closed',
  ),
  scene(
    'translated',
    host(),
    [
      '*raw',
      notTracked,
      'COMMIT',
      '*nat',
      '-A OUTPUT -p tcp -d 203.0.113.1 --dport 80 -j DNAT --to-destination 192.168.1.9:8080',
      'COMMIT',
      '*filter',
      proxy('INPUT', 'INVALID,UNTRACKED'),
      'COMMIT',
    ],
    'flow: "connect eth0 198.51.100.7 > 203.0.113.1:80 request 10 response 10 reset", expect: reset',
  ),
  scene(
    'a SYN that is tracked',
    host(),
    ['*filter', proxy('FORWARD', 'NEW,INVALID,UNTRACKED'), 'COMMIT'],
    'flow: "connect eth0 198.51.100.7 > 192.168.1.9:80 request 10 response 10 close", expect: closed',
  ),
  scene(
    'a server that the host does not reach',
    host(),
    ['*filter', proxy('FORWARD', 'NEW,INVALID,UNTRACKED'), '-A OUTPUT -p tcp --dport 80 -j REJECT', 'COMMIT'],
    'flow: "connect eth0 198.51.100.7 > 192.168.1.9:80", expect: refused at ack',
  ),
  scene(
    'past the proxy',
    host('', '{}'),
    ['*raw', notTracked, 'COMMIT', '*filter', proxy('FORWARD', 'INVALID,UNTRACKED'), 'COMMIT'],
    'flow: "connect eth0 198.51.100.7 > 192.168.1.9:80", expect: dropped at ack',
  ),
  scene(
    'sockets of the host',
    host('sockets: [ tcp 80, tcp 22 ]'),
    [
      '*raw',
      notTracked,
      'COMMIT',
      '*filter',
      proxy('INPUT', 'INVALID,UNTRACKED'),
      '-A INPUT -m conntrack --ctstate INVALID -j DROP',
      strict,
      'COMMIT',
    ],
    'flow: "web: connect eth0 198.51.100.7 > 203.0.113.1:80", expect: established',
    'flow: "web: request 10 response 3000 close", expect: closed',
    'flow: "connect eth0 198.51.100.7 > 203.0.113.1:22 request 10 response 10 close by server", expect: closed',
    'flow: "connect eth0 198.51.100.7 > 192.168.1.9:80 request 10 response 10 close", expect: closed',
  ),
  scene(
    'packets by themselves',
    host(),
    ['*filter', proxy('FORWARD', 'NEW,INVALID,UNTRACKED'), '-A FORWARD -j LOG', 'COMMIT'],
    'packet: "eth0 tcp 198.51.100.7:4000 > 192.168.1.9:80 syn", expect: { verdict: drop, by: "FORWARD:1" }',
    'packet: "eth0 tcp 198.51.100.7:4000 > 192.168.1.9:80 ack seq=1 ack=77", expect: { verdict: drop, by: "FORWARD:1" }',
    'packet: "eth0 tcp 198.51.100.7:4000 > 192.168.1.9:80 fin-ack", expect: { verdict: accept, by: policy }',
  ),
].join('')}
`

const lack = labLack('legacy')

describe('connections through SYNPROXY', () => {
  let cases: readonly Case[] = []
  const engine = new Map<Case, CaseReport>()
  beforeAll(async () => {
    const { scenario, diagnostics } = await readScenario(
      new SourceText('synproxy.yaml', file),
      async () => '',
    )
    expect(diagnostics).toEqual([])
    cases = scenario!.cases
    for (const part of cases) engine.set(part, await runCase(part, new EngineJudge(part)))
  })

  const unmet = ({ steps }: CaseReport) =>
    steps.flatMap(({ step, mismatches }) => mismatches.map((mismatch) => ({ step: step.text, ...mismatch })))

  test('on the engine', () => {
    expect(
      [...engine].flatMap(([{ name }, report]) => unmet(report).map((each) => ({ name, ...each }))),
    ).toEqual([])
  })

  test('who goes past the proxy is told why', () => {
    const part = cases.find(({ name }) => name === 'past the proxy')!
    expect(engine.get(part)!.steps[0]!.result.why).toContain('nf_conntrack_tcp_loose has to be 0')
  })

  test(`on the kernel${lack === null ? '' : ` (${lack.message})`}`, async ({ skip }) => {
    if (lack !== null) skip(lack.message)
    for (const backend of ['legacy', 'nft'] as const) {
      const kernel = await runOnKernel(cases, {
        backend,
        isGood: (part, report) => !report.failed && firstDifference(engine.get(part)!, report) === null,
      })
      for (const part of cases) {
        const report = kernel.get(part)!
        expect({ name: part.name, unmet: unmet(report) }).toEqual({ name: part.name, unmet: [] })
        expect({ name: part.name, parts: firstDifference(engine.get(part)!, report) }).toEqual({
          name: part.name,
          parts: null,
        })
      }
    }
  }, 60_000)
})
