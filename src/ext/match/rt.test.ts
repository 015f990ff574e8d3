import { describeMatch } from '../_testing/describe-match.ts'
import { rt } from './rt.ts'

const [a, b] = ['2001:db8::1', '2001:db8::2']
const words = (last: number) => `20010db800000000000000000000000${last}`

describeMatch(rt, {
  samples: { wantsHeaders: true },
  text: {
    '': '',
    '--rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res':
      '--rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res',
    '! --rt-len 8 ! --rt-type 4': '! --rt-type 4 ! --rt-len 8',
    '--rt-segsleft 1:2': '--rt-segsleft 1:2',
    [`--rt-type 0 --rt-0-addrs ${a}`]: `--rt-type 0 --rt-0-addrs ${a}`,
    [`--rt-type 0 --rt-0-addrs ${a},${b} --rt-0-not-strict`]: `--rt-type 0 --rt-0-addrs ${a},${b} --rt-0-not-strict`,
    '--rt-0-res --rt-type 0': 'error rt/needs-type',
    '--rt-type 2 --rt-0-res': 'error rt/needs-type',
    '! --rt-type 0 --rt-0-res': 'error rt/needs-type',
    '--rt-type 0 --rt-0-not-strict': 'error rt/needs-addresses',
    '--rt-type 0 --rt-0-addrs 1.2.3.4': 'error rt/bad-address',
    [`--rt-type 0 --rt-0-addrs ${Array(17).fill(a).join(',')}`]: 'error rt/too-many',
  },
  packets: {
    [`--rt-type 0 --rt-0-addrs ${a},${b}`]: {
      yes: [`syn ext=route:000100000000${words(1)}${words(2)}`],
      no: {
        syn: 'it has no routing header',
        [`syn ext=route:000100000000${words(1)}`]: 'its addresses are others',
        [`syn ext=route:040100000000${words(1)}${words(2)}`]: 'type 4 is not 0',
      },
    },
    [`--rt-type 0 --rt-0-addrs ${b} --rt-0-not-strict`]: {
      yes: [`syn ext=route:000100000000${words(1)}${words(2)}`],
      no: [`syn ext=route:000100000000${words(1)}`],
    },
    '--rt-segsleft 2': { no: { [`syn ext=route:000100000000${words(1)}`]: 'segments left 1 is not 2' } },
  },
})
