import { describeMatch } from '../_testing/describe-match.ts'
import { mark } from './mark.ts'

const text = {
  '--mark 5': '--mark 0x5',
  '--mark 010': '--mark 0x8',
  '! --mark 0xFEEDCAFE/0xfeedcafe': '! --mark 0xfeedcafe/0xfeedcafe',
  '--mark 4294967295': '--mark 0xffffffff',
  '--mark 0xFF/0xffffffff': '--mark 0xff',
  '--mark 0x80000000/0xc0000000': '--mark 0x80000000/0xc0000000',
  '--mark 0x5/0xf0': '--mark 0x5/0xf0',
  '--mark 0/0': '--mark 0x0/0x0',
  '! --mark 5/0': '! --mark 0x5/0x0',
  '--mark 4294967296': 'error mark/bad-mark',
  '--mark -1': 'error mark/bad-mark',
  '--mark 5/': 'error mark/bad-mark',
  '--mark /5': 'error mark/bad-mark',
  '--mark 5/6/7': 'error mark/bad-mark',
  '--mark 5 --mark 6': 'error mark/repeated',
  '': 'error mark/missing-option',
}

const packets = {
  '--mark 5': {
    yes: ['mark=5'],
    no: { 'mark=0x15': 'mark 0x15 is not 0x5', 'mark=0': 'mark 0x0 is not 0x5' },
  },
  '! --mark 0xFEEDCAFE/0xfeedcafe': {
    yes: ['mark=0xfeedcafa', 'mark=0'],
    no: { 'mark=0xffffffff': 'mark 0xffffffff is 0xfeedcafe/0xfeedcafe' },
  },
  '--mark 0x80000000/0xc0000000': { yes: ['mark=0xbfffffff'], no: ['mark=0xc0000000', 'mark=0x7fffffff'] },
  '--mark 0x5/0xf0': { no: ['mark=5', 'mark=0xf5', 'mark=0'] },
  '--mark 0/0': { yes: ['mark=0', 'mark=0xffffffff'] },
  '! --mark 5/0': { yes: ['mark=5', 'mark=0'] },
}

describeMatch(mark, { text, packets })
describeMatch(mark, { family: 'ipv6', text, packets })
