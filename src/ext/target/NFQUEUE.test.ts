import { describeTarget } from '../_testing/describe-target.ts'
import { NFQUEUE } from './NFQUEUE.ts'

describeTarget(NFQUEUE, {
  family: 'ipv4',
  hook: 'FORWARD',
  text: {
    '': '--queue-num 0',
    '--queue-bypass': '--queue-num 0 --queue-bypass',
    '--queue-num 65535': '--queue-num 65535',
    '--queue-num 65536': 'error NFQUEUE/out-of-range',
    '--queue-balance 0:65534': '--queue-balance 0:65534',
    '--queue-balance 1:': '--queue-balance 1:65535',
    '--queue-balance :5': '--queue-balance 0:5',
    '--queue-balance 0:65535': 'error NFQUEUE/too-many-queues',
    '--queue-balance 0:65536': 'error NFQUEUE/out-of-range',
    '--queue-balance 5': 'error NFQUEUE/no-range',
    '--queue-balance 5:5': 'error NFQUEUE/empty-range',
    '--queue-balance 5:4': 'error NFQUEUE/empty-range',
    '--queue-cpu-fanout': 'error NFQUEUE/needs',
    '--queue-num 1 --queue-balance 0:1': 'error NFQUEUE/excluded',
    'mangle/POSTROUTING -j NFQUEUE': '--queue-num 0',
  },
  packets: ['eth0 udp 198.51.100.7:53 > 192.168.1.9:53 id=7'],
})
describeTarget(NFQUEUE, {
  family: 'ipv6',
  hook: 'INPUT',
  text: { '--queue-bypass': '--queue-num 0 --queue-bypass', '': '--queue-num 0' },
  packets: ['eth0 udp [2001:db8:9::7]:53 > [2001:db8:1::1]:53'],
})
