import { describeTarget } from '../_testing/describe-target.ts'
import { REJECT } from './REJECT.ts'

const reply = (name: string) => `--reject-with ${name}`

describeTarget(REJECT, {
  family: 'ipv4',
  text: {
    '': reply('icmp-port-unreachable'),
    '--reject-with ""': reply('icmp-net-unreachable'),
    '--reject-with icmp': reply('icmp-net-unreachable'),
    '--reject-with icmp-p': reply('icmp-proto-unreachable'),
    '--reject-with ICMP-HOST': reply('icmp-host-unreachable'),
    '--reject-with icmp-net-prohib': reply('icmp-net-prohibited'),
    '--reject-with net-prohib': reply('icmp-net-prohibited'),
    '--reject-with admin': reply('icmp-admin-prohibited'),
    '--reject-with adm-prohibited': 'error REJECT/unknown-answer',
    '--reject-with icmp-port-unreachablex': 'error REJECT/unknown-answer',
    '--reject-with echo-reply': 'error REJECT/unknown-answer',
    '-p tcp -j REJECT --reject-with t': reply('tcp-reset'),
    '-p tcp -j REJECT --reject-with tcp-rst': reply('tcp-reset'),
    '-p udp -j REJECT --reject-with tcp-reset': 'error REJECT/reset-without-tcp',
    '! -p tcp -j REJECT --reject-with tcp-reset': 'error REJECT/reset-without-tcp',
    '--reject-with tcp-reset': 'error REJECT/reset-without-tcp',
    'mangle/OUTPUT -j REJECT': 'error REJECT/wrong-table',
    'security/OUTPUT -j REJECT': 'error REJECT/wrong-table',
  },
})

describeTarget(REJECT, {
  family: 'ipv6',
  text: {
    '': reply('icmp6-port-unreachable'),
    '--reject-with icmp': reply('icmp6-no-route'),
    '--reject-with addr': reply('icmp6-addr-unreachable'),
    '--reject-with policy-fail': reply('icmp6-policy-fail'),
    '--reject-with reject': reply('icmp6-reject-route'),
    '--reject-with adm-prohibited': reply('icmp6-adm-prohibited'),
    '--reject-with admin': 'error REJECT/unknown-answer',
    '--reject-with icmp6-not-neighbour': 'error REJECT/unknown-answer',
    '-p tcp -j REJECT --reject-with tcp-reset': reply('tcp-reset'),
    '-p tcp -j REJECT --reject-with tcp-rst': 'error REJECT/unknown-answer',
    '--reject-with tcp-reset': 'error REJECT/reset-without-tcp',
  },
})
