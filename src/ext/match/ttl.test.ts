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
  packets: {
    '--ttl-eq 64': { yes: ['ttl=64'], no: { 'ttl=65': 'ttl 65 is not 64' } },
    '! --ttl-eq 64': { yes: ['ttl=63'], no: { 'ttl=64': 'ttl 64 is 64' } },
    '--ttl-lt 5': {
      yes: ['ttl=4', 'ttl=0'],
      no: { 'ttl=5': 'ttl 5 is not below 5', 'ttl=255': 'ttl 255 is not below 5' },
    },
    '--ttl-gt 128': { yes: ['ttl=129', 'ttl=255'], no: { 'ttl=128': 'ttl 128 is not above 128' } },
    '--ttl-lt 0': { no: ['ttl=0'] },
    '--ttl-gt 255': { no: ['ttl=255'] },
  },
})
