import { describeTarget } from '../_testing/describe-target.ts'
import { TOS } from './TOS.ts'

describeTarget(TOS, {
  table: 'mangle',
  hook: 'FORWARD',
  text: {
    '--set-tos 0x1f': '--set-tos 0x1f/0xff',
    '--set-tos 0x1f/0x0f': '--set-tos 0x1f/0x0f',
    '--set-tos Minimize-Delay': '--set-tos 0x10/0x3f',
    '--set-tos normal-service': '--set-tos 0x00/0x3f',
    '--and-tos 0x12': '--set-tos 0x00/0xed',
    '--or-tos 0x12': '--set-tos 0x12/0x12',
    '--xor-tos 0xff': '--set-tos 0xff/0x00',
    '--set-tos 256': 'error TOS/bad-tos',
    '--set-tos 1/256': 'error TOS/bad-tos',
    '--set-tos Minimise-Delay': 'error TOS/bad-tos',
    '--set-tos 1 --or-tos 1': 'error TOS/excluded',
    '-p tcp -j TOS': 'error TOS/no-change',
    'nat/OUTPUT -j TOS --set-tos 1': 'error TOS/wrong-table',
  },
  packets: [
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:53 tos=0xb7 id=7',
    'eth0 tcp 198.51.100.7:53 > 192.168.1.9:53 tos=0 id=7',
  ],
})
describeTarget(TOS, {
  family: 'ipv6',
  table: 'mangle',
  hook: 'OUTPUT',
  text: { '--xor-tos 0x5a': '--set-tos 0x5a/0x00' },
  packets: ['out udp [2001:db8:2::1]:53 > [2001:db8:2::9]:53 tos=0x47 flow=0xabcde'],
})
