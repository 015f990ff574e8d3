import { describeTarget } from '../_testing/describe-target.ts'
import { HL } from './HL.ts'

describeTarget(HL, {
  table: 'mangle',
  hook: 'PREROUTING',
  text: {
    '--hl-set 255': '--hl-set 255',
    '--hl-dec 3': '--hl-dec 3',
    '--hl-set 256': 'error HL/out-of-range',
    '-p tcp -j HL': 'error HL/no-change',
    'raw/OUTPUT -j HL --hl-set 1': 'error HL/wrong-table',
  },
  packets: [
    'eth0 udp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 ttl=4',
    'eth0 tcp [2001:db8:9::7]:53 > [2001:db8:1::1]:53 ttl=254',
  ],
})
