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
})
