/** What `postern trace` lists as connections is what `conntrack -L` lists, of connections of every kind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameOf, hostOf, rulesOf, stepsOf } from '../../src/engine/_testing/journey-case.ts'
import { defaultMac, neighbourMac, printMac } from '../../src/engine/config.ts'
import { listed } from '../../src/engine/conntrack/listing.ts'
import { Host } from '../../src/engine/host.ts'
import { parseAddress } from '../../src/net/address.ts'
import { Router, routerUnavailable } from './router.ts'

const config = hostOf('eth0 203.0.113.1/24 2001:db8:1::1/64\neth1 192.168.1.1/24 2001:db8:2::1/64')
const neighbours = {
  eth0: ['203.0.113.7', '2001:db8:1::7'],
  eth1: ['192.168.1.9', '2001:db8:2::9'],
}
const rules = {
  ipv4: `*raw
-A PREROUTING -p udp --dport 99 -j CT --zone 7
COMMIT
*mangle
-A PREROUTING -p tcp --dport 80 -j CONNMARK --set-mark 0x2a
COMMIT
*nat
-A PREROUTING -i eth0 -p tcp --dport 7070 -j DNAT --to-destination 192.168.1.9:80
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
`,
  ipv6: '*mangle\n-A PREROUTING -m conntrack --ctstate INVALID\nCOMMIT\n',
}
const packets = `
  eth1 udp 192.168.1.9:4000 > 203.0.113.7:53
  eth1 udp 192.168.1.9:4001 > 203.0.113.7:53
  eth0 udp 203.0.113.7:53 > 203.0.113.1:4001
  eth1 udp 192.168.1.9:4002 > 203.0.113.7:99
  eth0 tcp 203.0.113.7:4000 > 203.0.113.1:7070 syn seq=1
  eth1 tcp 192.168.1.9:80 > 203.0.113.7:4000 syn-ack seq=9 ack=2
  eth0 tcp 203.0.113.7:4000 > 203.0.113.1:7070 ack seq=2 ack=10
  eth1 tcp 192.168.1.9:4009 > 203.0.113.7:80 syn seq=1
  eth1 icmp 192.168.1.9 > 203.0.113.7 echo-request id=7
  eth1 gre 192.168.1.9 > 203.0.113.7
  eth1 proto=99 192.168.1.9 > 203.0.113.7
  eth1 sctp 192.168.1.9:5 > 203.0.113.7:6 chunks=init
  eth1 udplite 192.168.1.9:5 > 203.0.113.7:6
  eth0 udp [2001:db8:1::7]:4000 > [2001:db8:2::9]:53 payload="question"
  eth0 tcp [2001:db8:1::7]:4000 > [2001:db8:2::9]:22 syn seq=1
  eth0 icmp6 2001:db8:1::7 > 2001:db8:2::9 echo-request id=9
`
const unavailable = routerUnavailable()

describe.skipIf(unavailable !== null)(`conntrack -L${unavailable ? ` (${unavailable})` : ''}`, () => {
  let router: Router
  beforeAll(() => {
    const device = (place: number, name: 'eth0' | 'eth1', addresses: string[]) => ({
      mac: printMac(defaultMac(place)),
      addresses,
      neighbours: Object.fromEntries(
        neighbours[name].map((text) => [text, printMac(neighbourMac(parseAddress(text)!))]),
      ),
    })
    router = new Router({
      eth0: device(0, 'eth0', ['203.0.113.1/24', '2001:db8:1::1/64']),
      eth1: device(1, 'eth1', ['192.168.1.1/24', '2001:db8:2::1/64']),
    })
  })
  afterAll(() => router?.close())

  test('lists the same lines', () => {
    const host = new Host(config)
    for (const family of ['ipv4', 'ipv6'] as const) {
      router.load(family, rules[family])
      expect(host.load(rulesOf(rules[family], family))).toEqual([])
    }
    for (const { line } of stepsOf(packets)) {
      router.write(line.device!, frameOf(line, config))
      host.receive(frameOf(line, config), line.device!, 0n)
    }
    const kernel = ['ipv4', 'ipv6'].flatMap((family) => router.run(`conntrack -L -f ${family}`).split('\n'))
    const engine = host.connections(0n).map(listed)
    expect(engine.length).toBeGreaterThan(10)
    expect(tidy(engine)).toEqual(tidy(kernel))
  })
})

/** Neither the order of lines nor the seconds left. */
const tidy = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => line !== '')
    .map((line) =>
      line
        .trim()
        .replace(/^(\w+ +\d+) \d+ /, '$1 # ')
        .replace(/use=\d+/, 'use=#'),
    )
    .sort()
