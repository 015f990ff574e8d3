import { describeTarget } from '../_testing/describe-target.ts'
import { DSCP } from './DSCP.ts'

describeTarget(DSCP, {
  table: 'mangle',
  hook: 'FORWARD',
  text: {
    '--set-dscp 0': '--set-dscp 0x00',
    '--set-dscp 63': '--set-dscp 0x3f',
    '--set-dscp-class ef': '--set-dscp 0x2e',
    '--set-dscp-class AF43': '--set-dscp 0x26',
    // Only the beginning is looked at.
    '--set-dscp-class CS1x': '--set-dscp 0x08',
    '--set-dscp-class AF44': 'error DSCP/unknown-class',
    '--set-dscp 64': 'error DSCP/out-of-range',
    '--set-dscp 1 --set-dscp-class CS0': 'error DSCP/excluded',
    '-p tcp -j DSCP': 'error DSCP/no-change',
    'filter/FORWARD -j DSCP --set-dscp 1': 'error DSCP/wrong-table',
  },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 tos=0x47 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 tos=0 id=7',
  ],
})
describeTarget(DSCP, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'PREROUTING',
  text: { '--set-dscp-class BE': '--set-dscp 0x00' },
  packets: ['eth0 udp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 tos=0x47 flow=0xabcde'],
})
