import { describeMatch } from '../_testing/describe-match.ts'
import { icmp } from './icmp.ts'

describeMatch(icmp, {
  text: {
    '--icmp-type 8/0': '--icmp-type 8/0',
    '--icmp-type 0x8': '--icmp-type 8',
    '--icmp-type 3/255': '--icmp-type 3/255',
    '--icmp-type ping': '--icmp-type 8',
    '! --icmp-type Echo-Request': '! --icmp-type 8',
    '--icmp-type dest': '--icmp-type 3',
    '--icmp-type redirect': '--icmp-type 5',
    '--icmp-type tos-host-redirect': '--icmp-type 5/3',
    '--icmp-type fragmentation-needed': '--icmp-type 3/4',
    '--icmp-type ANY': '--icmp-type any',
    '--icmp-type 255': '--icmp-type any',
    '--icmp-type 255/0': '--icmp-type any',
    '! --icmp-type any': '! --icmp-type any',
    '--icmp-type echo': 'error icmp/ambiguous-type',
    '--icmp-type ""': 'error icmp/ambiguous-type',
    '--icmp-type nothing': 'error icmp/unknown-type',
    '--icmp-type 256': 'error icmp/unknown-type',
    '--icmp-type 3/256': 'error icmp/unknown-type',
    '--icmp-type 3/0-5': 'error icmp/unknown-type',
    '--icmp-type 8/': 'error icmp/unknown-type',
    '--icmp-type network-unreachable/1': 'error icmp/unknown-type',
    '--icmp-type 8 --icmp-type 0': 'error icmp/repeated',
    '': 'error icmp/missing-option',
    '-m icmp --icmp-type 8': 'error icmp/needs-protocol',
    '! -p icmp -m icmp --icmp-type 8': 'error icmp/needs-protocol',
    '-p ipv6-icmp -m icmp --icmp-type 8': 'error icmp/needs-protocol',
  },
  lossy: ['--icmp-type 255/0'],
  packets: {
    '--icmp-type 8': {
      yes: ['icmp echo-request', 'icmp type=8 code=9', 'icmp echo-request frag=0+'],
      no: {
        'icmp echo-reply': 'type 0/0 is not 8',
        'icmp frag=185': 'it is a later fragment, without the header',
      },
      drop: ['proto=1 payload=08000000000000', 'proto=1'],
    },
    '--icmp-type 3/4': {
      yes: ['icmp type=3 code=4'],
      no: { 'icmp type=3 code=3': 'type 3/3 is not 3/4', 'icmp type=4 code=4': 'type 4/4 is not 3/4' },
    },
    '! --icmp-type 3/4': { yes: ['icmp type=3 code=3'], no: { 'icmp type=3 code=4': 'type 3/4 is 3/4' } },
    '--icmp-type any': { yes: ['icmp echo-reply', 'icmp type=77 code=8'], no: ['icmp frag=1'] },
    '! --icmp-type any': { no: { 'icmp echo-reply': 'type 0/0 is any' }, drop: ['proto=1 payload=08'] },
    '--icmp-type 255/0': { yes: ['icmp type=255 code=3', 'icmp type=8'] },
  },
})
