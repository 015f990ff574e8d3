/** Whom a host believes, and where it sends things: rp_filter, martians, broadcasts and metrics, on engine and kernel. */
import { expect, test } from 'vitest'
import { SourceText } from '../../src/lang/source.ts'
import { firstDifference, labLack, runOnKernel } from '../../src/linux/lab/index.ts'
import { EngineJudge } from '../../src/scenario/engine-judge.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { type CaseReport, runCase } from '../../src/scenario/run.ts'
import type { Case } from '../../src/scenario/scenario.ts'

const setting = (name: string, value: number) => `net.ipv4.conf.${name}: ${value}`

/** rp_filter of all and of eth1, each 0 to 2; the default; accept_local alone and with a check. */
const settings: readonly string[][] = [
  ...[0, 1, 2].flatMap((all) =>
    [0, 1, 2].map((own) => [setting('all.rp_filter', all), setting('eth1.rp_filter', own)]),
  ),
  [setting('default.rp_filter', 1)],
  [setting('eth0.accept_local', 1)],
  [setting('all.accept_local', 1), setting('all.rp_filter', 1)],
  [setting('all.accept_local', 1), setting('all.rp_filter', 2)],
]

const packets = `
eth1 198.51.100.7 > 192.168.1.1
eth1 192.168.1.7 > 192.168.1.1
eth0 192.168.1.7 > 203.0.113.1
eth0 192.168.1.7 > 192.168.1.9
eth0 203.0.113.1 > 192.168.1.9
eth1 203.0.113.1 > 192.168.1.1
eth0 127.0.0.1 > 203.0.113.1
eth0 198.51.100.7 > 127.0.0.1
eth0 0.0.0.0 > 203.0.113.1
eth0 0.0.0.0 > 255.255.255.255
eth0 224.0.0.1 > 203.0.113.1
eth0 255.255.255.255 > 203.0.113.1
eth0 198.51.100.7 > 224.0.0.1
eth0 198.51.100.7 > 224.0.0.5
eth0 198.51.100.7 > 203.0.113.255
eth0 198.51.100.7 > 192.168.1.255
eth1 10.0.0.1 > 192.168.1.1
eth1 10.1.0.1 > 192.168.1.1
eth0 10.2.0.1 > 203.0.113.1
eth1 192.168.1.7 > 10.9.0.1
eth0 198.51.100.7 > 10.1.0.1
eth0 198.51.100.7 > 10.2.0.1
eth0 198.51.100.7 > 240.0.0.1
out 203.0.113.1 > 10.9.0.1
out 192.168.1.1 > 10.1.0.1
out 192.168.1.1 > 10.2.0.1
`
  .trim()
  .split('\n')
  .map((line) => line.replace(/^(\S+) (\S+) > (\S+)$/, '$1 udp $2:1 > $3:9'))

async function caseOf(sysctls: readonly string[]): Promise<Case> {
  const text = `host:
  interfaces:
    eth0: { address: 203.0.113.1/24 }
    eth1: { address: 192.168.1.1/24 }
  forwarding: true
  routes:
    - default via 203.0.113.254
    - 10.0.0.0/8 via 192.168.1.2 metric 10
    - 10.0.0.0/8 via 203.0.113.9 metric 5
    - 10.1.0.0/16 via 192.168.1.2
    - unreachable 10.2.0.0/16
  sysctls: { ${sysctls.join(', ')} }
rules: |
  *filter
  :INPUT ACCEPT [0:0]
  :FORWARD ACCEPT [0:0]
  :OUTPUT ACCEPT [0:0]
  COMMIT
steps:
${packets.map((packet) => `  - { packet: "${packet}" }\n`).join('')}`
  const { scenario, diagnostics } = await readScenario(new SourceText('test', text), async () => '')
  expect(diagnostics).toEqual([])
  return scenario!.cases[0]!
}

test('the kernel takes and sends on what the engine does, under every setting', async ({ skip }) => {
  const lack = labLack('legacy')
  if (lack !== null) skip(lack.message)
  const parts = await Promise.all(settings.map(caseOf))
  const engine = new Map<Case, CaseReport>()
  for (const part of parts) engine.set(part, await runCase(part, new EngineJudge(part)))
  const isGood = (part: Case, report: CaseReport) => firstDifference(engine.get(part)!, report) === null
  const kernel = await runOnKernel(parts, { backend: 'legacy', isGood })
  const differences = parts.flatMap((part, at) => {
    const difference = firstDifference(engine.get(part)!, kernel.get(part)!)
    if (difference === null) return []
    const step = difference.step === null ? 'the end' : part.steps[difference.step - 1]!.text
    return [`${settings[at]!.join(' ')}: ${step}: ${difference.what}`]
  })
  expect(differences).toEqual([])
  // The settings make a difference.
  const told = parts.map((part) =>
    kernel
      .get(part)!
      .steps.map(({ result }) => result.verdict)
      .join(),
  )
  expect(new Set(told).size).toBeGreaterThan(5)
})
