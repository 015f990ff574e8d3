import { describe, expect, it } from 'vitest'
import {
  bareHost,
  encodeFrameLine,
  Host,
  parseMac,
  parsePacketLine,
  parsePrefix,
  parseRules,
  runScenario,
} from '../src/index.ts'

const rules = '*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n'

describe('the library', () => {
  it('reads rules and runs a packet', () => {
    const { ruleset, diagnostics } = parseRules(rules)
    expect(diagnostics).toEqual([])
    const mac = parseMac('02:00:00:00:00:01')!
    const addresses = [parsePrefix('203.0.113.1/24')!]
    const host = new Host({ ...bareHost, interfaces: [{ name: 'eth0', addresses, mac, mtu: 1500 }] })
    expect(host.load(ruleset)).toEqual([])
    const parsed = parsePacketLine('eth0 tcp 203.0.113.9:4000 > 203.0.113.1:22 syn')
    if (!('line' in parsed)) throw new Error('the line is good')
    const frame = encodeFrameLine(parsed.line, { source: parseMac('02:00:00:00:00:09')!, destination: mac })
    const { verdict, by } = host.receive(frame, 'eth0', 0n)
    expect({ verdict, by }).toEqual({ verdict: 'accept', by: 'filter/INPUT:1' })
  })

  it('runs a scenario', async () => {
    const scenario = `
host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }
rules: rules.v4
steps:
  - { packet: "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn", expect: accept }
  - { packet: "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:23 syn", expect: accept }
`
    const { cases, passed } = await runScenario(scenario, { loadFile: async () => rules })
    expect(passed).toBe(false)
    expect(cases[0]!.steps.map(({ mismatches }) => mismatches.length)).toEqual([0, 1])
  })

  it('tells what is wrong with a scenario', async () => {
    const { cases, diagnostics, passed } = await runScenario('steps:\n  - { pakcet: x }\n')
    expect({ cases, passed }).toEqual({ cases: [], passed: false })
    expect(diagnostics[0]!.message).toContain('pakcet')
  })
})
