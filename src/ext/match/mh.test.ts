import { describeMatch } from '../_testing/describe-match.ts'
import { mh } from './mh.ts'

describeMatch(mh, {
  text: {
    '': '',
    '--mh-type 1': '--mh-type 1',
    '--mh-type 4:123': '--mh-type 4:123',
    '! --mh-type binding-update': '! --mh-type 5',
    '--mh-type BA': '--mh-type 6',
    '--mh-type home': '--mh-type 1',
    '--mh-type home-test': '--mh-type 3',
    '--mh-type hot:': '--mh-type 3:255',
    '--mh-type :be': '--mh-type 0:7',
    '--mh-type 0:255': '',
    '! --mh-type 0:255': '',
    '--mh-type ""': '--mh-type 0',
    '--mh-type 5:4': 'error mh/reversed-range',
    '--mh-type 256': 'error mh/unknown-type',
    '--mh-type x': 'error mh/unknown-type',
    '-m mh': 'error mh/needs-protocol',
  },
  lossy: ['! --mh-type 0:255'],
  packets: {
    '--mh-type 5': {
      yes: ['proto=135 payload=3b00050000000000'],
      no: { 'proto=135 payload=3b00060000000000': 'type 6 is not 5' },
      drop: ['proto=135 payload=0600050000000000', 'proto=135 payload=3b00050000'],
    },
  },
})
