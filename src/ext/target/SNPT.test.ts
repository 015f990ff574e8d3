import { describeTarget } from '../_testing/describe-target.ts'
import { SNPT } from './SNPT.ts'

describeTarget(SNPT, {
  table: 'mangle',
  hook: 'POSTROUTING',
  text: {
    '--src-pfx 2001:db8:9::/48 --dst-pfx 2001:db8:abcd::/48':
      '--src-pfx 2001:db8:9::/48 --dst-pfx 2001:db8:abcd::/48',
    '--src-pfx 2001:db8:9::/64 --dst-pfx fd00:1:2:3::/64':
      '--src-pfx 2001:db8:9::/64 --dst-pfx fd00:1:2:3::/64',
    '--src-pfx 2001:db8:9::/56 --dst-pfx fd00::/20': '--src-pfx 2001:db8:9::/56 --dst-pfx fd00::/20',
    '--src-pfx 2001:db8:9::/ffff:ffff:: --dst-pfx ::/0': 'error SNPT/bad-prefix',
    '--src-pfx ::/0 --dst-pfx 2001:db8::/32': '--dst-pfx 2001:db8::/32',
    '--src-pfx dead::beef --dst-pfx 1c3::/64': 'error SNPT/bad-prefix',
    '--src-pfx dead::1/64 --dst-pfx 1c3::/64': 'error SNPT/bad-prefix',
    '--src-pfx dead::/65 --dst-pfx 1c3::/64': 'error SNPT/bad-prefix',
    '--src-pfx dead::/64': 'error SNPT/missing-option',
    'filter/INPUT -j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/64': 'error SNPT/wrong-table',
    'mangle/OUTPUT -j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/64': 'error SNPT/wrong-hook',
  },
  // Without --src-pfx iptables itself does not read it.
  lossy: ['--src-pfx ::/0 --dst-pfx 2001:db8::/32'],
  packets: [
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53',
    'eth0 udp [2001:db8:9:1:2:3:4:5]:4000 > [2001:db8:2::9]:53',
    // No room for the balance.
    'eth0 udp [2001:db8:9:0:ffff:ffff:ffff:ffff]:4000 > [2001:db8:2::9]:53',
    'eth0 icmp6 2001:db8:9::7 > 2001:db8:2::9 port-unreachable [ udp [2001:db8:2::9]:53 > [2001:db8:9::7]:4000 ]',
    'out udp [2001:db8:2::1]:4000 > [2001:db8:2::9]:53',
  ],
})
