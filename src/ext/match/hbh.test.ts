import { describeMatch } from '../_testing/describe-match.ts'
import { hbh } from './hbh.ts'

describeMatch(hbh, {
  samples: { wantsHeaders: true },
  text: {
    '': '',
    '--hbh-len 42': '--hbh-len 42',
    '--hbh-opts 1:2,23:42,4:6,8:10,42,23,4:5': '--hbh-opts 1:2,23:42,4:6,8:10,42,23,4:5',
    '! --hbh-len 8': '! --hbh-len 8',
    '--hbh-opts 5:2': '--hbh-opts 5:2',
    '--hbh-len 1:2': 'error hbh/out-of-range',
  },
  packets: {
    '--hbh-opts 5:2': { yes: ['syn ext=hop:050200000100'], no: ['syn', 'syn ext=hop:010400000000'] },
  },
})
