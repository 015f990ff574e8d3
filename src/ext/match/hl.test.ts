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
})
