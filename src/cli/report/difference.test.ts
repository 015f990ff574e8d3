import { describe, expect, it } from 'vitest'
import { SourceText } from '../../lang/source.ts'
import { EngineJudge } from '../../scenario/engine-judge.ts'
import { readScenario } from '../../scenario/read.ts'
import { runCase } from '../../scenario/run.ts'
import { palette } from '../style.ts'
import type { FileReport } from './file-report.ts'
import { renderJsonLines } from './json-lines.ts'
import { renderJunit } from './junit.ts'
import { renderTap } from './tap.ts'
import { renderFile, renderSummary } from './text.ts'

/** A file whose only case a made-up kernel answers otherwise than the engine. */
async function partedReport(): Promise<FileReport> {
  const text = `host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }
rules: "iptables -A INPUT -p icmp -j DROP"
cases:
  - name: ping
    steps:
      - { at: 0s, packet: "eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request" }
      - { at: 1s, packet: "eth0 udp 198.51.100.7:5 > 203.0.113.1:53" }
`
  const { scenario } = await readScenario(new SourceText('ping.yaml', text), async () => '')
  const part = scenario!.cases[0]!
  const engine = await runCase(part, new EngineJudge(part))
  const [first, second] = engine.steps
  const other = { ...second!, result: { ...second!.result, verdict: 'drop' as const, by: 'policy' } }
  const kernel = { ...engine, judge: 'kernel legacy', steps: [first!, other] }
  const what = 'verdict: the engine says accept, the kernel drop'
  const differences = [{ part, engine, kernel, step: 2, what }]
  return { name: 'ping.yaml', cases: [engine, kernel], differences, problem: null }
}

describe('where engine and kernel part', () => {
  it('the text shows the step, what differs, and both timelines', async () => {
    const report = await partedReport()
    const style = { colors: palette(false), columns: 80, verbose: false }
    expect([...renderFile(report, style), renderSummary([report], style.colors)]).toEqual([
      'ping.yaml',
      '✓ ping (2 steps, 1s, engine)',
      '✓ ping (2 steps, 1s, kernel legacy)',
      '≠ ping: engine and kernel differ at step 2',
      '    eth0 udp 198.51.100.7:5 > 203.0.113.1:53',
      '    verdict: the engine says accept, the kernel drop',
      '  engine',
      '    0s  drop    INPUT:1  eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request',
      '  ≠ 1s  accept  policy   eth0 udp 198.51.100.7:5 > 203.0.113.1:53',
      '  kernel legacy',
      '    0s  drop    INPUT:1  eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request',
      '  ≠ 1s  drop    policy   eth0 udp 198.51.100.7:5 > 203.0.113.1:53',
      '2 passed, 1 differs between engine and kernel',
    ])
  })

  it('TAP has a point that is not ok', async () => {
    const lines = renderTap([await partedReport()]).split('\n')
    expect(lines.filter((line) => /^(1\.\.|ok|not ok)/.test(line))).toEqual([
      '1..3',
      'ok 1 - ping.yaml: ping (engine)',
      'ok 2 - ping.yaml: ping (kernel legacy)',
      'not ok 3 - ping.yaml: ping (engine and kernel agree)',
    ])
  })

  it('JUnit counts it as a failure', async () => {
    const text = renderJunit([await partedReport()])
    expect(text).toContain('<testsuites name="postern" tests="3" failures="1">')
    expect(text).toContain('<failure message="they differ at step 2">verdict: the engine says')
  })

  it('JSON ends with it', async () => {
    const last = renderJsonLines([await partedReport()])
      .trimEnd()
      .split('\n')
      .at(-1)!
    expect(JSON.parse(last)).toEqual({
      case: 'ping',
      differs: { step: 2, what: 'verdict: the engine says accept, the kernel drop' },
    })
  })
})
