import { describeMatch } from '../_testing/describe-match.ts'
import { eui64 } from './eui64.ts'

describeMatch(eui64, {
  text: {
    '': '',
    'OUTPUT -m eui64': 'error eui64/wrong-hook',
    'POSTROUTING -m eui64': 'error eui64/wrong-hook',
    'filter/INPUT -m eui64': '',
  },
  packets: {
    '': {
      yes: ['[fe80::ff:fe00:143]:1 > [2001:db8:1::1]:22'],
      no: {
        syn: 'its source address was not made from its source MAC',
        '[fe80::ff:fe00:143]:1 > [2001:db8:1::1]:22 | in=lo': 'it has no Ethernet header',
      },
    },
  },
})
