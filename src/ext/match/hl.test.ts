import { describeMatch } from '../_testing/describe-match.ts'
import { hl } from './hl.ts'

describeMatch(hl, {
  text: {
    '--hl 64': '--hl-eq 64',
    '! --hl 64': '! --hl-eq 64',
    '--hl-eq 0x40': '--hl-eq 64',
    '--hl-lt 0': '--hl-lt 0',
    '--hl-gt 255': '--hl-gt 255',
    '! --hl-lt 5': 'error hl/not-invertible',
    '! --hl-gt 5': 'error hl/not-invertible',
    '--hl-eq 256': 'error hl/out-of-range',
    '--hl-gt -1': 'error hl/out-of-range',
    '--hl-eq 64 --hl-lt 5': 'error hl/excluded',
    '--hl-eq 5 --hl-eq 6': 'error hl/repeated',
    '': 'error hl/no-test',
  },
  packets: {
    '--hl-eq 64': { yes: ['ttl=64'], no: { 'ttl=65': 'hl 65 is not 64' } },
    '! --hl-eq 64': { yes: ['ttl=63'], no: { 'ttl=64': 'hl 64 is 64' } },
    '--hl-lt 5': {
      yes: ['ttl=4', 'ttl=0'],
      no: { 'ttl=5': 'hl 5 is not below 5', 'ttl=255': 'hl 255 is not below 5' },
    },
    '--hl-gt 128': { yes: ['ttl=129', 'ttl=255'], no: { 'ttl=128': 'hl 128 is not above 128' } },
    '--hl-lt 0': { no: ['ttl=0'] },
    '--hl-gt 255': { no: ['ttl=255'] },
  },
})
