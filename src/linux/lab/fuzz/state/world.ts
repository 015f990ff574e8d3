/** The gateway that random conversations go through, and who talks. */
import {
  bareHost,
  defaultMac,
  type HostConfig,
  type InterfaceConfig,
  neighbourMac,
  parseRoute,
} from '../../../../engine/config.ts'
import { type Family, parseAddress, parsePrefix } from '../../../../net/address.ts'

/** Names that stand for addresses in both families, so that one generator serves both. */
export const addresses = {
  ipv4: {
    gateway: '203.0.113.1',
    inner: '192.168.1.1',
    second: '192.0.2.1',
    client: '203.0.113.7',
    client2: '203.0.113.8',
    server: '192.168.1.9',
    server2: '192.168.1.12',
    far: '198.51.100.7',
    other: '100.64.0.9',
    nowhere: '10.9.9.9',
    public: '203.0.113.50',
    public2: '203.0.113.57',
    publicNet: '203.0.113.64/29',
    innerNet: '192.168.1.8/29',
  },
  ipv6: {
    gateway: '2001:db8:1::1',
    inner: '2001:db8:2::1',
    second: '2001:db8:3::1',
    client: '2001:db8:1::7',
    client2: '2001:db8:1::8',
    server: '2001:db8:2::9',
    server2: '2001:db8:2::12',
    far: '2001:db8:77::7',
    other: '2001:db8:64::9',
    nowhere: '2001:db8:dead::9',
    public: '2001:db8:1::50',
    public2: '2001:db8:1::57',
    publicNet: '2001:db8:1:0:5::/80',
    innerNet: '2001:db8:2::8/125',
  },
} as const
export type Name = keyof (typeof addresses)['ipv4']

/** `<server>` to the family's address; `[server]` too, in brackets where a port may follow an IPv6 address. */
export const withAddresses = (text: string, family: Family): string =>
  text
    .replaceAll(/<(\w+)>/g, (_, name: Name) => addresses[family][name])
    .replaceAll(/\[(\w+)\]/g, (_, name: Name) =>
      family === 'ipv4' ? addresses.ipv4[name] : `[${addresses.ipv6[name]}]`,
    )

/** Whatever a network or a range maps to, too. */
const neighbours = [
  ...Array.from({ length: 40 }, (_, at) => `203.0.113.${40 + at}`),
  ...Array.from({ length: 8 }, (_, at) => `192.168.1.${8 + at}`),
  ...Array.from({ length: 11 }, (_, at) => `2001:db8:2::${(8 + at).toString(16)}`),
  ...Array.from({ length: 8 }, (_, at) => `2001:db8:1::5${at}`),
  ...['1', '7', '8', '9', '12', '50', '51', '52', '53', '54', '55', '56', '57'].map(
    (last) => `2001:db8:1:0:5::${last}`,
  ),
]

const devices = ['eth0', 'eth1', 'eth2'] as const
/** Where a packet enters; `out`: the gateway itself sends it. */
export type Entrance = (typeof devices)[number] | 'out'

export const placeOf = (entrance: Entrance): number => devices.indexOf(entrance as (typeof devices)[number])

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

/** Two ways out (eth0, and eth2 for a few networks) and one in. */
export const gateway = (sysctls: ReadonlyMap<string, string>, seed: number): HostConfig => ({
  ...bareHost,
  interfaces: [
    interfaceOf('eth0', 0, 1500, '203.0.113.1/24', '2001:db8:1::1/64'),
    interfaceOf('eth1', 1, 1400, '192.168.1.1/24', '2001:db8:2::1/64'),
    interfaceOf('eth2', 2, 1500, '192.0.2.1/24', '2001:db8:3::1/64'),
  ],
  forwarding: { ipv4: true, ipv6: true },
  routes: [
    'default via 203.0.113.254',
    '100.64.0.0/10 via 192.0.2.254',
    'unreachable 10.9.0.0/16',
    'default via 2001:db8:1::fe',
    '2001:db8:64::/48 via 2001:db8:3::fe',
    'unreachable 2001:db8:dead::/48',
  ].map(route),
  neighbours: new Map(neighbours.map((text) => [text, neighbourMac(parseAddress(text)!)])),
  sysctls,
  seed,
})
