import { describeTarget } from '../_testing/describe-target.ts'
import { TEE } from './TEE.ts'

describeTarget(TEE, {
  hook: 'FORWARD',
  text: {
    '--gateway 192.168.1.77': '--gateway 192.168.1.77',
    '--gateway 203.0.113.9 --oif eth1': '--gateway 203.0.113.9 --oif eth1',
    // By the default route, whose device it is.
    '--gateway 192.168.1.78 --oif eth0': '--gateway 192.168.1.78 --oif eth0',
    '--gateway 192.168.1.79 --oif none': '--gateway 192.168.1.79 --oif none',
    '--gateway 10.1.0.1': '--gateway 10.1.0.1',
    '--gateway 8.8.8.8': '--gateway 8.8.8.8',
    'filter/INPUT -j TEE --gateway 192.168.1.77 --oif 0123456789abcdef':
      '--gateway 192.168.1.77 --oif 0123456789abcde',
    '--gateway 0.0.0.0': 'error TEE/no-gateway',
    '--gateway 1.2.3': '--gateway 1.2.0.3',
    '--gateway 1.2.3.4/32': 'error TEE/bad-address',
    '! --gateway 1.1.1.1': 'error TEE/not-invertible',
    '-p udp -j TEE': 'error TEE/missing-option',
  },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 id=7 ttl=9 tos=4',
    'eth0 proto=17 198.51.100.7 > 192.168.1.9 frag=3+ payload="abcdefgh" id=7',
  ],
})

const places = {
  PREROUTING: 'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request id=7 ttl=1',
  INPUT: 'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request id=7 ttl=9',
  // The copy meets the same rule, and is not copied again.
  OUTPUT: 'out udp 203.0.113.1:53 > 198.51.100.7:53 id=7 ttl=9',
  POSTROUTING: 'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 id=7 ttl=9',
} as const

for (const [hook, packet] of Object.entries(places)) {
  describeTarget(TEE, {
    table: 'mangle',
    hook: hook as keyof typeof places,
    text: { '--gateway 192.168.1.77': '--gateway 192.168.1.77' },
    packets: [packet],
  })
}

describeTarget(TEE, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'PREROUTING',
  text: {
    '--gateway 2001:db8:2::77': '--gateway 2001:db8:2::77',
    '--gateway 2001:db8:2::77 --oif eth0': '--gateway 2001:db8:2::77 --oif eth0',
    '--gateway ::': 'error TEE/no-gateway',
  },
  packets: [
    'eth0 udp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 ttl=4',
    'eth0 udp [2001:db8:9::7]:53 > [2001:db8:1::1]:53 ttl=4',
  ],
})
