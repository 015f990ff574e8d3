import { describeTarget } from '../_testing/describe-target.ts'
import { ECN } from './ECN.ts'

describeTarget(ECN, {
  table: 'mangle',
  hook: 'FORWARD',
  rule: '-p tcp',
  text: {
    '--ecn-tcp-cwr 0 --ecn-tcp-ece 0': '--ecn-tcp-remove',
    '--ecn-tcp-cwr 1': '--ecn-tcp-cwr 1',
    '--ecn-tcp-cwr 1 --ecn-tcp-ece 0 --ecn-ip-ect 3': '--ecn-tcp-ece 0 --ecn-tcp-cwr 1 --ecn-ip-ect 3',
    '--ecn-tcp-remove --ecn-ip-ect 1': '--ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 1',
    // What stands before is forgotten.
    '--ecn-ip-ect 1 --ecn-tcp-remove': '--ecn-tcp-remove',
    'mangle/FORWARD ! -p udp -j ECN --ecn-ip-ect 0': '--ecn-ip-ect 0',
    '--ecn-tcp-remove --ecn-tcp-cwr 0': 'error ECN/excluded',
    '--ecn-ip-ect 4': 'error ECN/out-of-range',
    '-p tcp -j ECN': 'error ECN/no-change',
    '-p udp -j ECN --ecn-tcp-remove': 'error ECN/needs-protocol',
    '! -p tcp -j ECN --ecn-tcp-remove': 'error ECN/needs-protocol',
    'filter/FORWARD -p tcp -j ECN --ecn-tcp-remove': 'error ECN/wrong-table',
  },
  packets: [
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn-ece-cwr tos=0x02 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 ack tos=0x01 id=7',
    'eth0 proto=6 198.51.100.7 > 192.168.1.9 frag=5 payload="abcdefghijklmnopqrstuvwx" id=7',
    'eth0 proto=6 198.51.100.7 > 192.168.1.9 payload="abcdefghijklmnop" id=7',
    'eth0 icmp 198.51.100.7 > 192.168.1.9 echo-request id=7',
  ],
})
