import { describeTarget } from '../_testing/describe-target.ts'
import { CLASSIFY } from './CLASSIFY.ts'

describeTarget(CLASSIFY, {
  hook: 'FORWARD',
  text: {
    '--set-class 1:10': '--set-class 0001:0010',
    '--set-class 0x1F:0xfffff': '--set-class 001f:ffff',
    '--set-class -1:1junk': '--set-class ffff:0001',
    '--set-class "1: 2"': '--set-class 0001:0002',
    'mangle/POSTROUTING -j CLASSIFY --set-class 0:ffff': '--set-class 0000:ffff',
    '--set-class 1': 'error CLASSIFY/bad-class',
    '--set-class x:1': 'error CLASSIFY/bad-class',
    '-p tcp -j CLASSIFY': 'error CLASSIFY/missing-option',
    'filter/INPUT -j CLASSIFY --set-class 1:1': 'error CLASSIFY/wrong-hook',
  },
  packets: ['eth0 udp 198.51.100.7:53 > 192.168.1.9:53 tos=0xb7 id=7'],
})
