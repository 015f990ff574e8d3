import { describe, expect, it } from 'vitest'
import { emptyRule, newRuleset, newTable } from '../lang/rule.ts'
import { parseAddress, parsePrefix } from '../net/address.ts'
import { encodeFrame, encodeIpv4, encodeTcp } from '../net/encode.ts'
import { bareHost, defaultMac, type HostConfig, parseRoute, type RouteConfig } from './config.ts'
import { Host } from './host.ts'

const config: HostConfig = {
  ...bareHost,
  interfaces: [
    { name: 'eth0', addresses: [parsePrefix('203.0.113.1/24')!], mac: defaultMac(0), mtu: 1500 },
    { name: 'eth1', addresses: [parsePrefix('192.168.1.1/24')!], mac: defaultMac(1), mtu: 1500 },
  ],
  forwarding: { ipv4: true, ipv6: true },
  routes: [parseRoute('default via 203.0.113.254') as RouteConfig],
}

const ends = { source: parseAddress('198.51.100.7')!, destination: parseAddress('203.0.113.1')! }
const tcp = encodeTcp({ sourcePort: 4000, destinationPort: 22, flags: 2 }, new Uint8Array(0), ends)
const frame = encodeFrame(
  { destination: defaultMac(0), source: defaultMac(9), etherType: 0x800 },
  encodeIpv4({ ...ends, protocol: 6 }, tcp),
)

describe('Host', () => {
  it('delivers, counts and drops', () => {
    const host = new Host(config)
    expect(host.receive(frame, 'eth0', 0n)).toMatchObject({ verdict: 'accept', by: 'host', delivered: true })
    const ruleset = newRuleset('ipv4')
    const filter = newTable('filter')
    const any = { value: 6, inverted: false }
    filter.chains.get('INPUT')!.rules.push({
      ...emptyRule,
      protocol: any,
      target: { kind: 'verdict', verdict: 'DROP', span: null },
    })
    ruleset.tables.set('filter', filter)
    expect(host.load(ruleset)).toEqual([])
    expect(host.receive(frame, 'eth0', 0n)).toMatchObject({ verdict: 'drop', by: 'filter/INPUT:1' })
    expect(host.ruleset('ipv4').tables.get('filter')!.chains.get('INPUT')!.rules[0]!.counters).toEqual({
      packets: 1n,
      bytes: 40n,
    })
  })
})
