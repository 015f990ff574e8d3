import { describeMatch } from '../_testing/describe-match.ts'
import { length } from './length.ts'

const text = {
  '--length 28': '--length 28',
  '--length :60': '--length 0:60',
  '--length 60:': '--length 60:65535',
  '--length :': '--length 0:65535',
  '! --length 0:65535': '! --length 0:65535',
  '--length 5:5': '--length 5',
  '--length 5:3': '--length 5:3',
  '! --length 5:3': '! --length 5:3',
  '--length ""': '--length 0',
  '--length 0x10:050': '--length 16:40',
  '--length 65535:': '--length 65535',
  '--length 0:65536': 'error length/out-of-range',
  '--length -1:65535': 'error length/out-of-range',
  '--length 1:2:3': 'error length/too-many-parts',
  '--length 5 --length 6': 'error length/repeated',
  '': 'error length/missing-option',
}

describeMatch(length, { text })
describeMatch(length, { family: 'ipv6', text })
