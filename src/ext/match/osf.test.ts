import { describeMatch } from '../_testing/describe-match.ts'
import { osf } from './osf.ts'

describeMatch(osf, {
  rule: '-p tcp',
  text: {
    '--genre Linux': '--genre Linux',
    '! --genre Windows --log 2 --ttl 1': '! --genre Windows --ttl 1 --log 2',
    '--genre Linux --ttl 3': 'error osf/out-of-range',
    '--genre Linux --log 3': 'error osf/out-of-range',
    '--ttl 1': 'error osf/missing-option',
    '-m osf --genre Linux': 'error osf/needs-protocol',
    'OUTPUT -p tcp -m osf --genre Linux': 'error osf/wrong-hook',
  },
  packets: {
    '--genre Linux': { no: { syn: 'no fingerprints are loaded' } },
    '! --genre Windows': { no: ['syn'] },
  },
})
