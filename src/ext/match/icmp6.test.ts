import { describeMatch } from '../_testing/describe-match.ts'
import { icmp6 } from './icmp6.ts'

describeMatch(icmp6, {
  text: {
    '--icmpv6-type echo-request': '--icmpv6-type 128',
    '--icmpv6-type pong': '--icmpv6-type 129',
    '--icmpv6-type no-route': '--icmpv6-type 1/0',
    '! --icmpv6-type 1/255': '! --icmpv6-type 1/255',
    '--icmpv6-type neighbor-solicitation': '--icmpv6-type 135',
    '--icmpv6-type neighbour-a': '--icmpv6-type 136',
    '--icmpv6-type ttl-zero-during-transit': '--icmpv6-type 3/0',
    '--icmpv6-type 255': '--icmpv6-type 255',
    '--icmpv6-type 255/3': '--icmpv6-type 255/3',
    '--icmpv6-type any': 'error icmp6/unknown-type',
    '--icmpv6-type 256': 'error icmp6/unknown-type',
    '--icmpv6-type 1/': 'error icmp6/unknown-type',
    '--icmpv6-type mld-listener-query': 'error icmp6/unknown-type',
    '--icmpv6-type router': 'error icmp6/ambiguous-type',
    '--icmpv6-type no-route --icmpv6-type packet-too-big': 'error icmp6/repeated',
    '': 'error icmp6/missing-option',
    '-m icmp6 --icmpv6-type 1': 'error icmp6/needs-protocol',
    '! -p icmpv6 -m icmp6 --icmpv6-type 1': 'error icmp6/needs-protocol',
    '-p icmp -m icmp6 --icmpv6-type 1': 'error icmp6/needs-protocol',
    '-p icmpv6 -m icmpv6 --icmpv6-type 1': '--icmpv6-type 1',
    '-p icmpv6 -m ipv6-icmp --icmpv6-type 1': '--icmpv6-type 1',
    '-p icmpv6 --icmpv6-type 2': '--icmpv6-type 2',
  },
  packets: {
    '--icmpv6-type 128': {
      yes: ['icmp6 echo-request', 'icmp6 type=128 code=9'],
      no: {
        'icmp6 echo-reply': 'type 129/0 is not 128',
        'icmp6 frag=185': 'it is a later fragment, without the header',
      },
      drop: ['proto=58 payload=80000000000000', 'proto=58'],
    },
    '! --icmpv6-type 1/4': { yes: ['icmp6 type=1 code=3'], no: { 'icmp6 type=1 code=4': 'type 1/4 is 1/4' } },
    '--icmpv6-type 255': { yes: ['icmp6 type=255 code=3'], no: ['icmp6 echo-request'] },
  },
})
