import { describeMatch } from '../_testing/describe-match.ts'
import { ipcomp } from './ipcomp.ts'

const text = {
  // Unlike that of ah and esp, the range is 0 when none is given.
  '': '--ipcompspi 0',
  '--compres': '--ipcompspi 0 --compres',
  '--ipcompspi 18': '--ipcompspi 18',
  '! --ipcompspi 18:': '! --ipcompspi 18:4294967295',
  '--ipcompspi 0:4294967295': '',
  '--ipcompspi x': 'error ipcomp/out-of-range',
  '-m ipcomp --ipcompspi 18': 'error ipcomp/needs-protocol',
}
const lossy = ['--ipcompspi 0:4294967295']

const packets = {
  '--ipcompspi 18:20 --compres': {
    yes: ['proto=108 payload=06ff0012'],
    no: { 'proto=108 payload=06000015': 'index 21 is not in 18:20' },
    drop: ['proto=108 payload=060000'],
  },
}

describeMatch(ipcomp, { text, lossy, packets })
describeMatch(ipcomp, { family: 'ipv6', text, lossy, packets })
