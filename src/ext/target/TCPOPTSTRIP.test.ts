import { describeTarget } from '../_testing/describe-target.ts'
import { TCPOPTSTRIP } from './TCPOPTSTRIP.ts'

describeTarget(TCPOPTSTRIP, {
  table: 'mangle',
  hook: 'FORWARD',
  rule: '-p tcp',
  text: {
    '': '',
    '--strip-options mss': '--strip-options 2',
    '--strip-options 255,2,wscale': '--strip-options 2,3,255',
    '--strip-options sack-permitted,timestamp,md5,sack': '--strip-options 4,5,8,19',
    '--strip-options 0x8,0': 'error TCPOPTSTRIP/padding',
    '--strip-options 1': 'error TCPOPTSTRIP/padding',
    '--strip-options 2,mss': 'error TCPOPTSTRIP/repeated',
    '--strip-options 256': 'error TCPOPTSTRIP/bad-option',
    '--strip-options 2,': 'error TCPOPTSTRIP/bad-option',
    '--strip-options MSS': 'error TCPOPTSTRIP/bad-option',
    'mangle/FORWARD -j TCPOPTSTRIP --strip-options 2': 'error TCPOPTSTRIP/needs-protocol',
    'filter/FORWARD -p tcp -j TCPOPTSTRIP': 'error TCPOPTSTRIP/wrong-table',
  },
  packets: [
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn tcpopt=020405b40402080a0000000100000000010303070000 id=7',
    // At an odd place; with a length of zero; with one beyond the end.
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn tcpopt=01020405b4030307 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn tcpopt=0200020405b40000 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn tcpopt=0402020905b40000 id=7',
    'eth0 proto=6 198.51.100.7 > 192.168.1.9 payload="abcdefghijkl" id=7',
    'eth0 proto=6 198.51.100.7 > 192.168.1.9 frag=3 payload="abcdefghijkl" id=7',
  ],
})
describeTarget(TCPOPTSTRIP, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'PREROUTING',
  rule: '-p tcp',
  text: { '--strip-options 2,8': '--strip-options 2,8' },
  packets: [
    'eth0 tcp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 syn tcpopt=020405b40402080a00000001000000000103030700',
    'eth0 tcp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 syn ext=dst tcpopt=020405b4',
  ],
})
