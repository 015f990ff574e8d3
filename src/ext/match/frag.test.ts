import { describeMatch } from '../_testing/describe-match.ts'
import { frag } from './frag.ts'

describeMatch(frag, {
  samples: { wantsHeaders: true },
  text: {
    '': '',
    '--fragid 1:42': '--fragid 1:42',
    '! --fragid 7': '! --fragid 7',
    '--fragid 7': '--fragid 7',
    '! --fragid 0:4294967295': '',
    '--fraglen 42': '--fraglen 42',
    '! --fraglen 42 --fragres --fragfirst --fraglast': '! --fraglen 42 --fragres --fragfirst --fraglast',
    '--fragmore --fragres': '--fragres --fragmore',
    '--fragfirst': '--fragfirst',
    '--fraglast --fragmore': 'error frag/excluded',
    '! --fragres': 'error frag/not-invertible',
  },
  lossy: ['! --fragid 0:4294967295'],
  packets: {
    '--fragfirst --fragmore': {
      yes: ['frag=0+'],
      no: {
        syn: 'it has no fragment header',
        'frag=185+': 'it is a later fragment',
      },
    },
    '--fraglast': { yes: ['frag=185'], no: { 'frag=185+': 'more fragments follow' } },
  },
})
