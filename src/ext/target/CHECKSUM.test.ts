import { describeTarget } from '../_testing/describe-target.ts'
import { CHECKSUM } from './CHECKSUM.ts'

describeTarget(CHECKSUM, {
  table: 'mangle',
  hook: 'FORWARD',
  text: {
    'mangle/OUTPUT -p udp -j CHECKSUM --checksum-fill': '--checksum-fill',
    '-p tcp -j CHECKSUM': 'error CHECKSUM/missing-option',
    'filter/OUTPUT -j CHECKSUM --checksum-fill': 'error CHECKSUM/wrong-table',
  },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 id=7',
    'eth0 proto=17 198.51.100.7 > 192.168.1.9 payload=00350035000c1234abcdabcd id=7',
  ],
})
