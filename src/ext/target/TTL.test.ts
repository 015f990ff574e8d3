import { describeTarget } from '../_testing/describe-target.ts'
import { TTL } from './TTL.ts'

describeTarget(TTL, {
  table: 'mangle',
  hook: 'FORWARD',
  text: {
    '--ttl-set 0x2a': '--ttl-set 42',
    '--ttl-set 0': '--ttl-set 0',
    '--ttl-dec 255': '--ttl-dec 255',
    '--ttl-inc 255': '--ttl-inc 255',
    '--ttl-set 256': 'error TTL/out-of-range',
    '--ttl-inc 0': 'error TTL/out-of-range',
    '-p tcp -j TTL': 'error TTL/no-change',
    '--ttl-inc 1 --ttl-dec 1': 'error TTL/excluded',
    'filter/FORWARD -j TTL --ttl-set 1': 'error TTL/wrong-table',
  },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 ttl=2 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 ttl=255 id=8',
  ],
})

// What is left decides whether the packet is forwarded at all, and what its sender is told.
describeTarget(TTL, {
  table: 'mangle',
  hook: 'PREROUTING',
  text: { '--ttl-dec 2': '--ttl-dec 2', '--ttl-set 1': '--ttl-set 1' },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 ttl=3 id=7',
    'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request',
  ],
})
