import { describeMatch } from '../_testing/describe-match.ts'
import { dst } from './dst.ts'

describeMatch(dst, {
  samples: { wantsHeaders: true },
  text: {
    '': '',
    '--dst-len 0': '--dst-len 0',
    '! --dst-len 0x10': '! --dst-len 16',
    '--dst-opts 149:92,12:12,123': '--dst-opts 149:92,12:12,123',
    '--dst-opts 0,1:255': '--dst-opts 0,1',
    '--dst-opts 257:258': '--dst-opts 1:2',
    '--dst-opts 1:2 --dst-len 8': '--dst-len 8 --dst-opts 1:2',
    '--dst-opts 1': '--dst-opts 1',
    '--dst-opts 1:4,0': '--dst-opts 1:4,0',
    '--dst-opts 4:2,1': '--dst-opts 4:2,1',
    '--dst-opts 0:1': 'error dst/pad-length',
    '--dst-opts x': 'error dst/bad-option',
    '--dst-opts 1:': 'error dst/bad-option',
    '--dst-opts ""': 'error dst/bad-option',
    '--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17': 'error dst/too-many',
    '--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16': '--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16',
    '! --dst-opts 1': 'error dst/not-invertible',
    '--dst-len 4294967296': 'error dst/out-of-range',
  },
  packets: {
    '--dst-len 8 --dst-opts 1:4': {
      yes: ['syn ext=dst:010400000000'],
      no: {
        syn: 'it has no destination options header',
        'syn ext=dst:1e0400000000': 'its options are not 1:4',
        'syn ext=dst:010c000000000000000000000000': 'length 16 is not 8',
      },
    },
  },
})
