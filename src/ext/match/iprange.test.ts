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
  packets: {
    '--src-range 1.1.1.1-1.2.0.0': {
      yes: ['1.1.1.1 > 9.9.9.9', '1.1.255.255 > 9.9.9.9', '1.2.0.0 > 9.9.9.9'],
      no: {
        '1.1.1.0 > 1.1.1.1': 'source 1.1.1.0 is not in 1.1.1.1-1.2.0.0',
        '1.2.0.1 > 1.1.1.1': 'source 1.2.0.1 is not in 1.1.1.1-1.2.0.0',
      },
    },
    '--dst-range 127.0.0.0-200.0.0.0': { yes: ['1.1.1.1 > 128.0.0.0'], no: ['128.0.0.0 > 201.0.0.0'] },
    '! --dst-range 2.2.2.2-3.3.3.3 --src-range 1.1.1.1': {
      yes: ['1.1.1.1 > 3.3.3.4'],
      no: {
        '1.1.1.1 > 2.255.0.0': 'destination 2.255.0.0 is in 2.2.2.2-3.3.3.3',
        '1.1.1.2 > 3.3.3.4': 'source 1.1.1.2 is not in 1.1.1.1-1.1.1.1',
      },
    },
    '--dst-range 1.1.1.9-1.1.1.1': { no: ['9.9.9.9 > 1.1.1.1', '9.9.9.9 > 1.1.1.5', '9.9.9.9 > 1.1.1.9'] },
    '! --dst-range 1.1.1.9-1.1.1.1': { yes: ['9.9.9.9 > 1.1.1.1', '9.9.9.9 > 1.1.1.5'] },
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
  packets: {
    '--dst-range 2001:DB8::1:ffff:ffff-2001:db8::2:0:0': {
      yes: ['> [2001:db8::1:ffff:ffff]:1', '> [2001:db8::2:0:0]:1'],
      no: {
        '> [2001:db8::1:ffff:fffe]:1':
          'destination 2001:db8::1:ffff:fffe is not in 2001:db8::1:ffff:ffff-2001:db8::2:0:0',
        '> [2001:db8::2:0:1]:1':
          'destination 2001:db8::2:0:1 is not in 2001:db8::1:ffff:ffff-2001:db8::2:0:0',
      },
    },
    '! --dst-range fe80::-fe80:0:0:1::': { yes: ['> [fe80:0:0:1::1]:1'], no: ['> [fe80::ffff:0:0:1]:1'] },
  },
})
