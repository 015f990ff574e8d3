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

const packets = {
  '--length 84': { yes: ['len=84'], no: { 'len=85': 'length 85 is not 84' } },
  '--length 84:100': {
    yes: ['len=84', 'len=100'],
    no: { 'len=83': 'length 83 is not in 84:100', 'len=101': 'length 101 is not in 84:100' },
  },
  '! --length 0:1500': { yes: ['len=1501'], no: { 'len=1500': 'length 1500 is in 0:1500' } },
  '--length 5:3': { no: ['len=84'] },
  '! --length 5:3': { yes: ['len=84'] },
}

describeMatch(length, { text, packets: { ...packets, '--length 40': { yes: ['syn'], no: ['mss=1460'] } } })
describeMatch(length, {
  family: 'ipv6',
  text,
  packets: { ...packets, '--length 60': { yes: ['syn'], no: ['mss=1460'] } },
})
