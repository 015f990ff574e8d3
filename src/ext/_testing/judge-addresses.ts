/** Address types by the engine's routing and by the kernel's, asked through rules. */
import { expect } from 'vitest'
import { bareHost, type HostConfig, parseRoute, type RouteConfig } from '../../engine/config.ts'
import { Interfaces } from '../../engine/interfaces.ts'
import { Ipv4Routing } from '../../engine/routing-ipv4.ts'
import { Ipv6Routing } from '../../engine/routing-ipv6.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import type { Family } from '../../net/address.ts'
import { parsePrefix } from '../../net/address.ts'
import type { MatchDefinition } from '../define.ts'
import { registry } from '../registry.ts'
import { onKernelHost } from './kernel-host.ts'
import { packetSample } from './packet-lines.ts'
import { eth0, hostOf } from './samples.ts'

const routeTexts: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    'default via 203.0.113.254',
    'unreachable 10.1.0.0/16',
    'blackhole 10.2.0.0/16',
    'prohibit 10.3.0.0/16',
  ],
  ipv6: [
    '2001:db8:5::/48 via 2001:db8:1::fe',
    'unreachable 2001:db8:6::/48',
    'blackhole 2001:db8:7::/48',
    'prohibit 2001:db8:8::/48',
  ],
}
const ownAddress: Readonly<Record<Family, string>> = { ipv4: '203.0.113.1/24', ipv6: '2001:db8:1::1/64' }

const routeOf = (text: string): RouteConfig => {
  const route = parseRoute(text)
  if (typeof route === 'string') throw new Error(route)
  return route
}

function configOf(family: Family): HostConfig {
  const addresses = [parsePrefix(ownAddress[family])!]
  return {
    ...bareHost,
    interfaces: [{ name: eth0.name, addresses, mac: eth0.mac, mtu: 1500 }],
    forwarding: { ipv4: true, ipv6: true },
    routes: routeTexts[family].map(routeOf),
  }
}

/**
 * Compares, for packets that arrive on eth0, each rule's answer with the kernel's. The packets are lines of
 * `packet-lines.ts`; those that never reach PREROUTING are refused.
 */
export async function compareAddressRules<Data, State>(
  match: MatchDefinition<Data, State>,
  family: Family,
  rules: readonly string[],
  packets: readonly string[],
): Promise<void> {
  const config = configOf(family)
  const interfaces = new Interfaces(config)
  const routing =
    family === 'ipv4' ? new Ipv4Routing(config, interfaces) : new Ipv6Routing(config, interfaces)
  const device = interfaces.all.find((each) => each.device.name === eth0.name)!.device
  const data = rules.map((text) => {
    const { rules: read } = parseRuleText(text, { family, syntax: registry, chain: 'PREROUTING' })
    return (read[0]!.matches[0] as { data: Data }).data
  })
  const ours = packets.map((packet) => {
    const { skb, context } = packetSample(packet, family, 'PREROUTING')
    const place = { ...context, host: hostOf(family, routing), in: device }
    return data.map((each) => match.evaluate(each, skb, place, undefined as State))
  })
  const theirs = await onKernelHost(family, (host) => {
    const option = family === 'ipv4' ? '-4' : '-6'
    const noDad = family === 'ipv6' ? ['nodad'] : []
    host.run('ip', [option, 'address', 'add', ownAddress[family], 'dev', eth0.name, ...noDad])
    for (const route of routeTexts[family]) host.run('ip', [option, 'route', 'add', ...route.split(' ')])
    const lines = rules.map((rule) => `-A PREROUTING ${rule}`)
    host.load(['*raw', ...lines, '-A PREROUTING -j DROP', 'COMMIT\n'].join('\n'))
    return packets.map((packet) => {
      const before = host.counters('raw', 'PREROUTING')
      host.arrive(packetSample(packet, family, 'PREROUTING').skb.packet.bytes)
      const counted = host.counters('raw', 'PREROUTING').map((count, at) => count - before[at]!)
      if (counted.at(-1) !== 1) throw new Error(`${packet} never reached PREROUTING`)
      return counted.slice(0, -1).map((count) => count === 1)
    })
  })
  const told = (answers: boolean[][]) =>
    answers.map((each, at) => [packets[at], rules.filter((_, rule) => each[rule])])
  expect(told(ours)).toEqual(told(theirs))
}
