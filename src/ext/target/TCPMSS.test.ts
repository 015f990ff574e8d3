import { describeTarget } from '../_testing/describe-target.ts'
import { TCPMSS } from './TCPMSS.ts'

const options = [
  'tcpopt=020405b4',
  'tcpopt=02040200',
  // At an odd place, where the kernel's arithmetic goes wrong.
  'tcpopt=01020405b4030307',
  'tcpopt=0402080a00000001000000000103030700',
  '',
  'tcpopt=0200020405b40000',
  'tcpopt=01010204',
  'payload="data"',
  `tcpopt=${'01'.repeat(40)}`,
]

describeTarget(TCPMSS, {
  table: 'mangle',
  hook: 'FORWARD',
  rule: '-p tcp --syn',
  text: {
    '--set-mss 42': '--set-mss 42',
    '--set-mss 0': '--set-mss 0',
    '--set-mss 65515': '--set-mss 65515',
    '--set-mss 1 --clamp-mss-to-pmtu': '--clamp-mss-to-pmtu',
    '--clamp-mss-to-pmtu --set-mss 5': '--set-mss 5',
    'mangle/FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 9': '--set-mss 9',
    '--set-mss 65516': 'error TCPMSS/out-of-range',
    '-p tcp --syn -j TCPMSS': 'error TCPMSS/no-change',
    'filter/INPUT -p tcp --syn -j TCPMSS --set-mss 42': '--set-mss 42',
    'filter/INPUT -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu': 'error TCPMSS/wrong-hook',
    '-p tcp -j TCPMSS --set-mss 42': 'error TCPMSS/needs-syn',
    '-p tcp ! --syn -j TCPMSS --set-mss 42': 'error TCPMSS/needs-syn',
    '-p tcp --tcp-flags ALL FIN -j TCPMSS --set-mss 42': 'error TCPMSS/needs-syn',
    '-p udp -j TCPMSS --set-mss 42': 'error TCPMSS/needs-protocol',
  },
  packets: options.map((rest) => `eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 syn id=7 ${rest}`),
})

describeTarget(TCPMSS, {
  table: 'mangle',
  hook: 'OUTPUT',
  rule: '-p tcp --syn',
  text: { '--clamp-mss-to-pmtu': '--clamp-mss-to-pmtu' },
  packets: [
    'out tcp 203.0.113.1:53 > 192.168.1.9:53 syn id=7 tcpopt=020405b4',
    'out tcp 192.168.1.1:53 > 198.51.100.7:53 syn id=7 tcpopt=020405b4',
    'out tcp 10.1.0.1:53 > 198.51.100.7:53 syn id=7 tcpopt=020405b4',
    'out tcp 127.0.0.1:53 > 127.0.0.1:53 syn id=7 tcpopt=0204ffff',
  ],
})

describeTarget(TCPMSS, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'FORWARD',
  rule: '-p tcp --syn',
  text: {
    '--set-mss 1200': '--set-mss 1200',
    '--set-mss 65495': '--set-mss 65495',
    '--set-mss 65496': 'error TCPMSS/out-of-range',
  },
  packets: [
    ...options.map((rest) => `eth0 tcp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 syn ${rest}`),
    'eth0 tcp [2001:db8:9::7]:53 > [2001:db8:2::9]:53 syn ext=dst tcpopt=020405b4',
  ],
})
