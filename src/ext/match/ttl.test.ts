import { describeMatch } from '../_testing/describe-match.ts'
import { ttl } from './ttl.ts'

describeMatch(ttl, {
  text: {
    '--ttl 64': '--ttl-eq 64',
    '! --ttl 64': '! --ttl-eq 64',
    '--ttl-eq 0x40': '--ttl-eq 64',
    '--ttl-lt 0': '--ttl-lt 0',
    '--ttl-gt 255': '--ttl-gt 255',
    '! --ttl-lt 5': 'error ttl/not-invertible',
    '! --ttl-gt 5': 'error ttl/not-invertible',
    '--ttl-eq 256': 'error ttl/out-of-range',
    '--ttl-gt -1': 'error ttl/out-of-range',
    '--ttl-eq 64 --ttl-lt 5': 'error ttl/excluded',
    '--ttl-eq 5 --ttl-eq 6': 'error ttl/repeated',
    '': 'error ttl/no-test',
  },
})
