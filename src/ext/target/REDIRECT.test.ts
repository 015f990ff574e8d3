import { describeTarget } from '../_testing/describe-target.ts'
import { REDIRECT } from './REDIRECT.ts'

describeTarget(REDIRECT, {
  table: 'nat',
  hook: 'PREROUTING',
  text: {
    '-p tcp -j REDIRECT --to-ports 42-1234 --random': '--to-ports 42-1234 --random',
    '-p udp -j REDIRECT --to-ports 512-512': '--to-ports 512',
    '-p tcp -j REDIRECT --to-ports ftp-data': '--to-ports 20',
    '-p icmp -j REDIRECT --to-ports 80': '--to-ports 80',
    'nat/OUTPUT -j REDIRECT': '',
    '-p tcp -j REDIRECT --to-ports 80-90/10': 'error REDIRECT/shifted-range',
    '-p tcp -j REDIRECT --to-ports 65536': 'error REDIRECT/bad-port',
    '--to-ports 42': 'error REDIRECT/ports-without-protocol',
    'nat/POSTROUTING -j REDIRECT': 'error REDIRECT/wrong-hook',
    'mangle/PREROUTING -j REDIRECT': 'error REDIRECT/wrong-table',
  },
})
