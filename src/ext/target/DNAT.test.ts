import { describeTarget } from '../_testing/describe-target.ts'
import { DNAT } from './DNAT.ts'

describeTarget(DNAT, {
  table: 'nat',
  hook: 'PREROUTING',
  text: {
    '--to-destination 1.1.1.1-1.1.1.10': '--to-destination 1.1.1.1-1.1.1.10',
    '--to-destination 1.1.1.9-1.1.1.4': '--to-destination 1.1.1.9-1.1.1.4',
    '--to-destination 1.1.1.1 --persistent --random': '--to-destination 1.1.1.1 --random --persistent',
    '-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/3000': '--to-destination 1.1.1.1:1000-2000/3000',
    '-p tcp -j DNAT --to-destination 1.1.1.1:10-20/ftp': '--to-destination 1.1.1.1:10-20/21',
    '-p tcp -j DNAT --to-destination 1.1.1.1:0x50': '--to-destination 1.1.1.1:80',
    '-p tcp -j DNAT --to-destination 1.1.1.1:0': '--to-destination 1.1.1.1:0',
    '-p tcp -j DNAT --to-destination :80': '--to-destination :80',
    '-p icmp -j DNAT --to-destination 1.1.1.1:80': '--to-destination 1.1.1.1:80',
    '! -p tcp -j DNAT --to-destination 1.1.1.1:80': '--to-destination 1.1.1.1:80',
    'nat/OUTPUT -j DNAT --to-destination 1.1.1.1': '--to-destination 1.1.1.1',
    'nat/POSTROUTING -j DNAT --to-destination 1.1.1.1': 'error DNAT/wrong-hook',
    'mangle/PREROUTING -j DNAT --to-destination 1.1.1.1': 'error DNAT/wrong-table',
    '-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/0': 'error DNAT/bad-port',
    '-p tcp -j DNAT --to-destination 1.1.1.1:echo-ssh': 'error DNAT/bad-port',
    '-p tcp -j DNAT --to-destination 1.1.1.1:80x': 'error DNAT/bad-port',
    '-p tcp -j DNAT --to-destination 1.1.1.1:': 'error DNAT/bad-port',
    '-p tcp -j DNAT --to-destination [1.1.1.1]:80': 'error DNAT/bad-address',
    '-p tcp -j DNAT --to-destination 1.1.1.1:80:90': 'error DNAT/bad-address',
  },
})
describeTarget(DNAT, {
  family: 'ipv6',
  table: 'nat',
  hook: 'PREROUTING',
  text: {
    '--to-destination dead::beef-dead::fee7': '--to-destination dead::beef-dead::fee7',
    '-p tcp -j DNAT --to-destination [dead::beef-dead::fee7]:1000-2000/3000':
      '--to-destination [dead::beef-dead::fee7]:1000-2000/3000',
    '-p tcp -j DNAT --to-destination dead::beef:80': '--to-destination dead::beef:80',
    '-p icmpv6 -j DNAT --to-destination [dead::beef]:80': 'error DNAT/ports-without-protocol',
    '-p tcp -j DNAT --to-destination [dead::beef': 'error DNAT/bad-address',
  },
})
