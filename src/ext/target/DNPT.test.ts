import { describeTarget } from '../_testing/describe-target.ts'
import { DNPT } from './DNPT.ts'

describeTarget(DNPT, {
  table: 'mangle',
  hook: 'PREROUTING',
  text: {
    '--src-pfx 2001:db8:abcd::/48 --dst-pfx 2001:db8:77::/48':
      '--src-pfx 2001:db8:abcd::/48 --dst-pfx 2001:db8:77::/48',
    '--src-pfx dead::/64 --dst-pfx 1c3::/65': 'error DNPT/bad-prefix',
    '--dst-pfx dead::/64': 'error DNPT/missing-option',
    'mangle/INPUT -j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64': 'error DNPT/wrong-hook',
  },
  packets: [
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:abcd::9]:53',
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:abcd:1:2:3:4:5]:53',
    'eth0 icmp6 2001:db8:9::7 > 2001:db8:abcd::9 port-unreachable [ udp [2001:db8:abcd::9]:53 > [2001:db8:9::7]:4000 ]',
  ],
})
