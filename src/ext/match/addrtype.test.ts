import { describeMatch } from '../_testing/describe-match.ts'
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
})
