/** The small world that random rules and packets share, so that they meet often. */
import {
  bareHost,
  defaultMac,
  type HostConfig,
  type InterfaceConfig,
  parseRoute,
} from '../../../engine/config.ts'
import { type Family, parsePrefix } from '../../../net/address.ts'
import type { Random } from './random.ts'

export const addresses = {
  ipv4: {
    /** Beyond the gateway. */
    outside: ['198.51.100.7', '198.51.100.8', '198.51.100.71', '203.0.113.9'],
    inside: ['192.168.1.9', '192.168.1.43'],
    own: ['203.0.113.1', '192.168.1.1'],
    special: ['255.255.255.255', '203.0.113.255', '192.168.1.255', '224.0.0.1', '239.1.2.3', '10.9.9.9'],
  },
  ipv6: {
    outside: ['2001:db8:9::7', '2001:db8:9::8', '2001:db8:9:1::7', '2001:db8:1::9'],
    inside: ['2001:db8:2::9', '2001:db8:2::43'],
    own: ['2001:db8:1::1', '2001:db8:2::1'],
    special: ['ff02::1', 'ff05::7', 'fe80::1', '2001:db8:ffff::1'],
  },
} as const

export const prefixes: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '198.51.100.0/24',
    '198.51.100.7/32',
    '198.51.100.8/29',
    '203.0.113.0/25',
    '192.168.0.0/16',
    '192.168.1.8/30',
    '198.0.0.7/255.0.0.255',
    '0.0.0.1/0.0.0.1',
    '224.0.0.0/4',
  ],
  ipv6: [
    '2001:db8:9::/64',
    '2001:db8:9::7/128',
    '2001:db8::/32',
    '2001:db8:2::8/125',
    '::7/::f',
    'ff00::/8',
    '2001:db8:1::/64',
  ],
}

export const ports = [22, 23, 53, 80, 4000, 4001] as const

export const uids = [0, 1000, 1001] as const

export const recentNames = ['a', 'b', 'knock'] as const

/** Objects that `-m nfacct` counts on; the last two say when it is enough. */
export const accounts: HostConfig['accounts'] = [
  { name: 'all', quota: null },
  { name: 'few', quota: { unit: 'packets', most: 2n } },
  { name: 'short', quota: { unit: 'bytes', most: 300n } },
]
export const accountNames = accounts.map(({ name }) => name)

/** Hosts that packets come from besides the gateway that routing expects. */
export const sourceMacs = ['02:00:00:00:0a:01', '02:00:00:00:0a:02'] as const

const interfaceOf = (name: string, place: number, mtu: number, ...texts: string[]): InterfaceConfig => ({
  name,
  addresses: texts.map((text) => parsePrefix(text)!),
  mac: defaultMac(place),
  mtu,
})

const route = (text: string) => {
  const parsed = parseRoute(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

export function randomHost(random: Random): HostConfig {
  const innerMtu = random.weighted([
    [6, 1500],
    [1, 1280],
    [1, 1400],
  ])
  const isForwarding = random.chance(0.85)
  return {
    ...bareHost,
    interfaces: [
      interfaceOf('eth0', 0, 1500, '203.0.113.1/24', '2001:db8:1::1/64'),
      interfaceOf('eth1', 1, innerMtu, '192.168.1.1/24', '2001:db8:2::1/64'),
    ],
    forwarding: { ipv4: isForwarding, ipv6: isForwarding },
    routes: [route('default via 203.0.113.254'), route('default via 2001:db8:1::fe')],
    seed: random.next(),
  }
}
