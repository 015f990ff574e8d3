import { describeTarget } from '../_testing/describe-target.ts'
import { TRACE } from './TRACE.ts'

describeTarget(TRACE, {
  table: 'raw',
  hook: 'PREROUTING',
  text: { 'raw/OUTPUT -p udp -j TRACE': '', 'mangle/PREROUTING -j TRACE': 'error TRACE/wrong-table' },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 id=7 opts=94040000',
    'eth0 tcp 198.51.100.7:53 > 203.0.113.1:53 syn seq=5 mss=1460',
  ],
})
describeTarget(TRACE, {
  family: 'ipv6',
  table: 'raw',
  hook: 'OUTPUT',
  text: {},
  packets: ['out tcp [2001:db8:2::1]:53 > [2001:db8:2::9]:53 syn seq=5 ext=dst mss=1220'],
})
