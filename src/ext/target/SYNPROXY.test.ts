import { describeTarget } from '../_testing/describe-target.ts'
import { SYNPROXY } from './SYNPROXY.ts'

describeTarget(SYNPROXY, {
  family: 'ipv4',
  hook: 'INPUT',
  rule: '-p tcp',
  text: {
    '': '',
    '--mss 1460 --wscale 9 --timestamp --sack-perm --ecn':
      '--sack-perm --timestamp --wscale 9 --mss 1460 --ecn',
    '--wscale 256 --mss 65537': '--wscale 0 --mss 1',
    '--mss 4294967296': 'error SYNPROXY/out-of-range',
    '-p udp -j SYNPROXY': 'error SYNPROXY/needs-protocol',
    'filter/OUTPUT -p tcp -j SYNPROXY': 'error SYNPROXY/wrong-hook',
  },
})
describeTarget(SYNPROXY, { family: 'ipv6', hook: 'FORWARD', rule: '-p tcp', text: { '--ecn': '--ecn' } })
