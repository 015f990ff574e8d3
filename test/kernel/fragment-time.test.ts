/** Fragments that wait in vain, on a real Linux and on the engine's host: who is told, and what. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { hostOf, rulesOf } from '../../src/engine/_testing/journey-case.ts'
import { Host } from '../../src/engine/host.ts'
import { type Family, parseAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { encodeFrame, encodeIpv4, encodeIpv6, encodeIpv6Fragment } from '../../src/net/encode.ts'
import { describePacket, printPacketLine } from '../../src/net/notation.ts'
import { Packet } from '../../src/net/packet.ts'
import { etherType } from '../../src/net/protocol.ts'
import { Router, routerUnavailable } from './router.ts'

const unavailable = routerUnavailable()

const sysctls = { 'net.ipv4.ipfrag_time': 1, 'net.ipv6.ip6frag_time': 1 }
const trackedSysctls = { 'net.netfilter.nf_conntrack_frag6_timeout': 1 }

const ends = {
  ipv4: { source: '203.0.113.7', host: '203.0.113.1', beyond: '192.168.1.9' },
  ipv6: { source: '2001:db8:1::7', host: '2001:db8:1::1', beyond: '2001:db8:2::9' },
}
const hostMac = Uint8Array.of(2, 0, 0, 0, 0, 1)
const senderMac = Uint8Array.of(2, 0, 0, 0, 1, 7)

function fragment(family: Family, to: 'host' | 'beyond', which: 'first' | 'last', id: number): Uint8Array {
  const addresses = {
    source: parseAddress(ends[family].source)!,
    destination: parseAddress(ends[family][to])!,
  }
  const at = { id, fragmentOffset: which === 'first' ? 0 : 4, moreFragments: which === 'first' }
  const data = new Uint8Array(32).fill(0x61)
  const packet =
    family === 'ipv4'
      ? encodeIpv4({ ...addresses, ...at, protocol: 17 }, data)
      : encodeIpv6({ ...addresses, nextHeader: 44 }, encodeIpv6Fragment({ ...at, nextHeader: 17 }, data))
  return encodeFrame({ destination: hostMac, source: senderMac, etherType: etherType[family] }, packet)
}

/** The notation, without the id that the host chose. */
function print(frame: Uint8Array): string {
  const packet = new Packet()
  decodeFrame(packet, frame)
  return printPacketLine(describePacket(packet, 'eth0')).replace(/ (ip)?id=(\d+)/, '')
}

const cases = (['ipv4', 'ipv6'] as const).flatMap((family) =>
  (['host', 'beyond'] as const).flatMap((to) =>
    (['first', 'last'] as const).map((which) => ({ family, to, which })),
  ),
)

describe.skipIf(unavailable !== null)(`fragments that wait in vain (${unavailable ?? 'here'})`, () => {
  test('are answered as the kernel answers them, with conntrack and without', {
    timeout: 30_000,
  }, async () => {
    const macText = (mac: Uint8Array): string =>
      [...mac].map((octet) => octet.toString(16).padStart(2, '0')).join(':')
    const neighbours = { [ends.ipv4.source]: macText(senderMac), [ends.ipv6.source]: macText(senderMac) }
    const router = new Router({
      eth0: { mac: macText(hostMac), addresses: ['203.0.113.1/24', '2001:db8:1::1/64'], neighbours },
      eth1: {
        mac: '02:00:00:00:00:02',
        addresses: ['192.168.1.1/24', '2001:db8:2::1/64'],
        neighbours: { [ends.ipv4.beyond]: '02:00:00:00:02:09', [ends.ipv6.beyond]: '02:00:00:00:02:09' },
      },
    })
    for (const [name, value] of Object.entries(sysctls)) router.sysctl(name, value)
    const host = new Host(
      hostOf('eth0 203.0.113.1/24 2001:db8:1::1/64\neth1 192.168.1.1/24 2001:db8:2::1/64', [], {
        sysctls: new Map(
          Object.entries({ ...sysctls, ...trackedSysctls }).map(([name, value]) => [name, String(value)]),
        ),
        neighbours: new Map([
          [ends.ipv4.source, senderMac],
          [ends.ipv6.source, senderMac],
        ]),
      }),
    )
    let id = 0
    const round = async (): Promise<{ kernel: string[]; engine: string[] }> => {
      for (const { family, to, which } of cases) {
        const frame = fragment(family, to, which, ++id)
        router.write('eth0', frame)
        host.receive(frame, 'eth0', process.hrtime.bigint())
      }
      router.drain()
      await sleep(1400)
      const idle = encodeFrame(
        { destination: hostMac, source: senderMac, etherType: 0x88b5 },
        new Uint8Array(46),
      )
      const { sent } = host.receive(idle, 'eth0', process.hrtime.bigint())
      return {
        kernel: router.read('eth0').map(print).sort(),
        engine: sent.map(({ bytes }) => print(bytes)).sort(),
      }
    }

    const plain = await round()
    expect(plain.engine).toEqual(plain.kernel)
    // The first fragment to the host itself, in either family.
    expect(plain.kernel).toHaveLength(2)

    const rules = '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n'
    for (const family of ['ipv4', 'ipv6'] as const) {
      router.load(family, rules)
      host.load(rulesOf('*filter\n-A FORWARD -m state --state NEW\nCOMMIT\n', family))
    }
    for (const [name, value] of Object.entries(trackedSysctls)) router.sysctl(name, value)
    const tracked = await round()
    expect(tracked.engine).toEqual(tracked.kernel)
    // And, in IPv6, the one that is only passing.
    expect(tracked.kernel).toHaveLength(3)
    router.close()
  })
})
