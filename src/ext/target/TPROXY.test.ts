import { describeTarget } from '../_testing/describe-target.ts'
import { TPROXY } from './TPROXY.ts'

describeTarget(TPROXY, {
  family: 'ipv4',
  table: 'mangle',
  hook: 'PREROUTING',
  rule: '-p udp',
  text: {
    '--on-port 80': '--on-port 80 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0',
    '--on-port 0 --tproxy-mark 5': '--on-port 0 --on-ip 0.0.0.0 --tproxy-mark 0x5/0xffffffff',
    '--on-port http': '--on-port 80 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0',
    '--on-port x': 'error TPROXY/unknown-service',
    '-p udp -j TPROXY': 'error TPROXY/missing-option',
    '-j TPROXY --on-port 80': 'error TPROXY/needs-protocol',
    '! -p tcp -j TPROXY --on-port 80': 'error TPROXY/needs-protocol',
    'mangle/FORWARD -p tcp -j TPROXY --on-port 80': 'error TPROXY/wrong-hook',
    'raw/PREROUTING -p tcp -j TPROXY --on-port 80': 'error TPROXY/wrong-table',
  },
  packets: [
    'eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 id=7',
    'eth0 tcp 198.51.100.7:4000 > 192.168.1.9:53 syn id=7',
    // Put together before the tables, though nothing tracks.
    'eth0 proto=99 198.51.100.7 > 192.168.1.9 frag=0+ payload="abcdefgh" id=9',
    'eth0 proto=99 198.51.100.7 > 192.168.1.9 frag=1 payload="abcdefgh" id=9',
  ],
})
describeTarget(TPROXY, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'PREROUTING',
  rule: '-p tcp',
  text: { '--on-port 80 --on-ip ::1': '--on-port 80 --on-ip ::1 --tproxy-mark 0x0/0x0' },
  packets: ['eth0 tcp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53 syn'],
})
