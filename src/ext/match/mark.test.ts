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

describeMatch(mark, { text })
describeMatch(mark, { family: 'ipv6', text })
