import { describeMatch } from '../_testing/describe-match.ts'
import { iprange } from './iprange.ts'

describeMatch(iprange, {
  text: {
    '--src-range 1.1.1.1': '--src-range 1.1.1.1-1.1.1.1',
    '--src-range 1.1-1.2': '--src-range 1.1.0.0-1.2.0.0',
    '--dst-range 1.1.1.9-1.1.1.1': '--dst-range 1.1.1.9-1.1.1.1',
    '! --dst-range 1.1.1.9-1.1.1.1': '! --dst-range 1.1.1.9-1.1.1.1',
    '! --dst-range 2.2.2.2-3.3.3.3 ! --src-range 1.1.1.1-1.1.1.2':
      '! --src-range 1.1.1.1-1.1.1.2 ! --dst-range 2.2.2.2-3.3.3.3',
    '--src-range 0.0.0.0-255.255.255.255': '--src-range 0.0.0.0-255.255.255.255',
    '--src-range 1.1.1.1-': 'error iprange/bad-address',
    '--src-range 1.1.1.1-1.1.1.2-1.1.1.3': 'error iprange/bad-address',
    '--src-range 1.1.1.1/24': 'error iprange/bad-address',
    '--src-range "1.1.1.1 - 1.1.1.2"': 'error iprange/bad-address',
    '--src-range localhost': 'error iprange/bad-address',
    '--src-range ::1': 'error iprange/bad-address',
    '--src-range 1.1.1.1 --src-range 1.1.1.2': 'error iprange/repeated',
    '': 'error iprange/no-range',
  },
})

describeMatch(iprange, {
  family: 'ipv6',
  text: {
    '--src-range ::1': '--src-range ::1-::1',
    '--src-range ::5-::1': '--src-range ::5-::1',
    '! --dst-range fe80::-fe80:0:0:1::': '! --dst-range fe80::-fe80:0:0:1::',
    '--dst-range 2001:DB8::1:ffff:ffff-2001:db8::2:0:0': '--dst-range 2001:db8::1:ffff:ffff-2001:db8::2:0:0',
    '--src-range 1.1.1.1': 'error iprange/bad-address',
    '--src-range ::1/64': 'error iprange/bad-address',
  },
})
