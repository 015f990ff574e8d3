import { describe, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { compareAddressRules } from '../_testing/judge-addresses.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { addrtype } from './addrtype.ts'

const shared = {
  '--src-type local': '--src-type LOCAL',
  '--src-type LOCAL,UNICAST,LOCAL': '--src-type UNICAST,LOCAL',
  '--src-type LOC': '--src-type LOCAL',
  '--src-type UN': '--src-type UNSPEC',
  '! --src-type LOCAL': '! --src-type LOCAL',
  '--dst-type MULTICAST ! --src-type UNICAST': '! --src-type UNICAST --dst-type MULTICAST',
  '--dst-type UNREACHABLE,ANYCAST': '--dst-type ANYCAST,UNREACHABLE',
  'FORWARD -m addrtype --dst-type LOCAL --limit-iface-out': '--dst-type LOCAL --limit-iface-out',
  'OUTPUT -m addrtype --dst-type LOCAL --limit-iface-out': '--dst-type LOCAL --limit-iface-out',
  'OUTPUT -m addrtype --dst-type LOCAL --limit-iface-in': 'error addrtype/wrong-hook',
  'nat/POSTROUTING -m addrtype --dst-type LOCAL --limit-iface-in': 'error addrtype/wrong-hook',
  'filter/INPUT -m addrtype --src-type LOCAL --limit-iface-out': 'error addrtype/wrong-hook',
  'nat/PREROUTING -m addrtype --dst-type LOCAL --limit-iface-out': 'error addrtype/wrong-hook',
  '--src-type LOCAL --limit-iface-in --limit-iface-out': 'error addrtype/excluded',
  '--src-type LOCAL ! --limit-iface-in': 'error addrtype/not-invertible',
  '--src-type LOCAL --src-type UNICAST': 'error addrtype/repeated',
  '--src-type wrong': 'error addrtype/unknown-type',
  '--src-type LOCAL,': 'error addrtype/unknown-type',
  '--src-type ,LOCAL': 'error addrtype/unknown-type',
  '--src-type ""': 'error addrtype/unknown-type',
  '--limit-iface-in': 'error addrtype/no-type',
  '': 'error addrtype/no-type',
}

describeMatch(addrtype, {
  text: {
    ...shared,
    '--src-type UNSPEC,UNICAST,LOCAL,BROADCAST,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE':
      '--src-type UNSPEC,UNICAST,LOCAL,BROADCAST,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE',
    '--dst-type B': '--dst-type BROADCAST',
  },
  routes: {
    '203.0.113.1': 'LOCAL',
    '203.0.113.1@eth1': 'LOCAL',
    '192.0.2.255': 'BROADCAST',
    '10.0.0.1': 'UNREACHABLE',
  },
  packets: {
    '--dst-type LOCAL': {
      yes: ['> 203.0.113.1:22'],
      no: { '203.0.113.1 > 203.0.113.2:22': 'destination 203.0.113.2 is UNICAST, not LOCAL' },
    },
    '! --src-type UNICAST,LOCAL': {
      yes: ['192.0.2.255 > 203.0.113.1:22', '10.0.0.1 > 203.0.113.1:22'],
      no: { '203.0.113.1 > 192.0.2.255:22': 'source 203.0.113.1 is LOCAL, one of UNICAST,LOCAL' },
    },
    '--src-type UNICAST --dst-type BROADCAST': {
      yes: ['> 192.0.2.255:22'],
      no: {
        '10.0.0.1 > 192.0.2.255:22': 'source 10.0.0.1 is UNREACHABLE, not UNICAST',
        '> 203.0.113.1:22': 'destination 203.0.113.1 is LOCAL, not BROADCAST',
      },
    },
    '--dst-type LOCAL --limit-iface-out': { yes: ['> 203.0.113.1:22'] },
    '--dst-type LOCAL --limit-iface-in': {
      no: { '> 203.0.113.1:22': 'destination 203.0.113.1 is UNICAST, not LOCAL' },
    },
    '--dst-type NAT': { no: ['> 203.0.113.1:22'] },
  },
})

describeMatch(addrtype, {
  family: 'ipv6',
  text: {
    ...shared,
    '--src-type UNSPEC,MULTICAST': '--src-type UNSPEC,MULTICAST',
    '--src-type UNICAST,LOCAL,ANYCAST': '--src-type UNICAST,LOCAL,ANYCAST',
    '--src-type BROADCAST': 'error addrtype/not-in-ipv6',
    '--dst-type BLACKHOLE': 'error addrtype/not-in-ipv6',
    '--dst-type LOCAL,PROHIBIT': 'error addrtype/not-in-ipv6',
    '--src-type THROW': 'error addrtype/not-in-ipv6',
    '--src-type NAT': 'error addrtype/not-in-ipv6',
    '--src-type XRESOLVE': 'error addrtype/not-in-ipv6',
  },
  routes: {
    '2001:db8:1::1': 'LOCAL',
    'ff02::1': 'LOCAL',
    '2001:db8:9::9': 'UNREACHABLE',
    '::ffff:1.2.3.4': 'ANYCAST',
  },
  packets: {
    '--dst-type LOCAL': {
      yes: ['> [2001:db8:1::1]:22', '> [ff02::1]:22'],
      no: { '> [2001:db8:1::2]:22': 'destination 2001:db8:1::2 is UNICAST, not LOCAL' },
    },
    '--dst-type MULTICAST': {
      yes: ['> [ff02::1]:22'],
      no: { '> [fe80::1]:22': 'destination fe80::1 is UNICAST, not MULTICAST' },
    },
    // Not alternatives: both must hold.
    '--dst-type UNICAST,LOCAL': {
      yes: ['> [2001:db8:1::1]:22'],
      no: {
        '> [2001:db8:1::2]:22': 'destination 2001:db8:1::2 is UNICAST, not UNICAST,LOCAL',
        '> [ff02::1]:22': 'destination ff02::1 is LOCAL, not UNICAST,LOCAL',
      },
    },
    '--dst-type LOCAL,UNREACHABLE': {
      yes: ['> [2001:db8:9::9]:22', '> [2001:db8:1::1]:22'],
      no: ['> [::1]:22'],
    },
    '--src-type UNSPEC': { yes: ['[::]:1 > [2001:db8:1::1]:22'], no: ['[::1]:1 > [2001:db8:1::1]:22'] },
    '--src-type UNICAST': {
      yes: ['[::1]:1 > [::1]:22', '[::2]:1 > [::1]:22', '[fc00::]:1 > [::1]:22'],
      no: {
        '[::]:1 > [::1]:22': 'source :: is UNSPEC, not UNICAST',
        '[::ffff:1.2.3.5]:1 > [::1]:22': 'source ::ffff:1.2.3.5 is a mapped IPv4 address, not UNICAST',
      },
    },
    '--src-type MULTICAST,UNSPEC': { no: ['[::]:1 > [::1]:22', '[ff02::1]:1 > [::1]:22'] },
    '! --src-type MULTICAST': { yes: ['syn'], no: ['[ff02::1]:1 > [::1]:22'] },
  },
})

const types = ['UNSPEC', 'UNICAST', 'LOCAL', 'ANYCAST', 'MULTICAST', 'UNREACHABLE']
const ipv4Types = [...types, 'BROADCAST', 'BLACKHOLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE']

const rulesOf = (names: readonly string[]): string[] =>
  ['src', 'dst'].flatMap((side) =>
    names.flatMap((name) => [
      `-m addrtype --${side}-type ${name}`,
      `-m addrtype ! --${side}-type ${name}`,
      `-m addrtype --${side}-type ${name},LOCAL --limit-iface-in`,
      `-m addrtype ! --${side}-type ${name},UNICAST`,
    ]),
  )

const lack = kernelHostIsOutOfReach
describe.skipIf(lack !== null)(`types as the kernel's routing tells them${lack ? ` (${lack})` : ''}`, () => {
  it('IPv4', async () => {
    const addresses = ['203.0.113.1', '203.0.113.255', '203.0.113.0', '203.0.113.9', '127.0.0.1', '127.1.2.3']
    const others = ['0.0.0.0', '0.1.2.3', '255.255.255.255', '224.0.0.1', '239.1.2.3', '240.0.0.1', '8.8.8.8']
    const refused = ['10.1.2.3', '10.2.2.3', '10.3.2.3']
    const packets = [...addresses, ...others, ...refused].flatMap((address) => [
      `${address} > 203.0.113.1:22`,
      `198.51.100.7 > ${address}:22`,
    ])
    await compareAddressRules(addrtype, 'ipv4', rulesOf(ipv4Types), packets)
  })

  it('IPv6', async () => {
    const sources = ['2001:db8:1::1', '2001:db8:1::', '2001:db8:1::9', '::2', 'fe80::1', 'fc00::1', '3fff::1']
    const refused = ['2001:db8:5::1', '2001:db8:6::1', '2001:db8:7::1', '2001:db8:8::1']
    const groups = ['ff02::1', 'ff02::2', 'ff05::1:3', 'ff0e::9']
    const packets = [
      ...[...sources, ...refused, '::'].map((address) => `[${address}]:4000 > [2001:db8:1::1]:22`),
      ...[...sources, ...refused, ...groups].map((address) => `[2001:db8:9::7]:4000 > [${address}]:22`),
    ]
    await compareAddressRules(addrtype, 'ipv6', rulesOf(types), packets)
  })
})
