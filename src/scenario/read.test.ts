/** Places of what a scenario says, and what it says without effect. */
import { describe, expect, test } from 'vitest'
import { SourceText } from '../lang/source.ts'
import { EngineJudge } from './engine-judge.ts'
import { readScenario } from './read.ts'
import { RulesRefused } from './rules.ts'

const noFile = async () => Promise.reject(new Error('no such file'))
const read = (text: string) => readScenario(new SourceText('test.yaml', text), noFile)
const host = 'host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }'
const steps = 'steps: [ { packet: "eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request" } ]'

/** Where the first mistake in the rules is, as a reader is told. */
async function placeOfMistake(text: string): Promise<string> {
  const { scenario, diagnostics } = await read(text)
  expect(diagnostics).toEqual([])
  try {
    for (const part of scenario!.cases) new EngineJudge(part)
    return 'none'
  } catch (error) {
    if (!(error instanceof RulesRefused)) throw error
    const { source, start } = error.diagnostics[0]!.span!
    const { line, column } = source.locate(start)
    expect(source.line(line).slice(column - 1)).toMatch(/^NOWHERE/)
    return `${source.name}:${line}:${column}`
  }
}

describe('places in blocks of rules', () => {
  test.each<[string, string, string]>([
    [
      'lines count from the file',
      `${host}\nrules: |\n  *filter\n  -A INPUT -j NOWHERE\n  COMMIT\n${steps}`,
      'test.yaml:4:15',
    ],
    [
      'empty lines first',
      `${host}\nrules: |\n\n  *filter\n  -A INPUT -j NOWHERE\n  COMMIT\n${steps}`,
      'test.yaml:5:15',
    ],
    [
      'an indentation of its own',
      `${host}\nrules: |2\n    iptables -F\n    iptables -A INPUT -j NOWHERE\n${steps}`,
      'test.yaml:4:26',
    ],
    [
      'in a case',
      `${host}\ncases:\n  - name: one\n    rules: |-\n      iptables -A INPUT -j NOWHERE\n    ${steps}`,
      'test.yaml:5:28',
    ],
    [
      'lines that end in CR LF',
      `${host}\nrules: |\n  *filter\n  -A INPUT -j NOWHERE\n  COMMIT\n${steps}`.replaceAll('\n', '\r\n'),
      'test.yaml:4:15',
    ],
    [
      'a folded block has lines of its own',
      `${host}\nrules: >\n  iptables -A INPUT\n  -j NOWHERE\n${steps}`,
      'test.yaml (rules):1:22',
    ],
    [
      'so has a quoted text',
      `${host}\nrules: "*filter\\n-A INPUT -j NOWHERE\\nCOMMIT\\n"\n${steps}`,
      'test.yaml (rules):2:13',
    ],
  ])('%s', async (_, text, place) => {
    expect(await placeOfMistake(text)).toBe(place)
  })
})

describe('sysctls without effect', () => {
  test.each<[string, string | null]>([
    ['net.netfilter.nf_conntrack_tcp_loose', null],
    ['net.netfilter.nf_conntrack_frag6_timeout', null],
    ['net.ipv4.conf.eth0.rp_filter', null],
    ['net.ipv4.conf.all.accept_local', null],
    ['net.netfilter.nf_conntrack_timestamp', ''],
    ['net.netfilter.nf_conntrack_udp_timeout_streams', 'net.netfilter.nf_conntrack_udp_timeout_stream'],
    ['net.ipv4.ip_forward', ''],
  ])('%s', async (name, near) => {
    const text = `host:\n  interfaces: { eth0: { address: 203.0.113.1/24 } }\n  sysctls:\n    ${name}: 1\n${steps}`
    const { scenario, diagnostics } = await read(text)
    expect(scenario).not.toBeNull()
    if (near === null) return expect(diagnostics).toEqual([])
    const [warning] = diagnostics
    expect(warning).toMatchObject({ severity: 'warning', code: 'scenario/no-effect' })
    expect(warning!.help ?? '').toBe(near)
    expect(warning!.span!.source.locate(warning!.span!.start)).toEqual({ line: 4, column: 5 })
  })
})

test('frames and packets of the host take a mark', async () => {
  const { scenario, diagnostics } = await read(
    `${host}\nsteps:\n  - { frame: { in: eth0, hex: "00", mark: 7 } }\n  - { local: { hex: "45", uid: 3, mark: 9 } }\n`,
  )
  expect(diagnostics).toEqual([])
  const actions = scenario!.cases[0]!.steps.map((step) => 'action' in step && step.action)
  expect(actions).toMatchObject([
    { kind: 'receive', mark: 7 },
    { kind: 'send', mark: 9, socket: { uid: 3 } },
  ])
})
