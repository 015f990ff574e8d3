import { describeMatch } from '../_testing/describe-match.ts'
import { srh } from './srh.ts'

const words = (last: number) => `20010db800000000000000000000000${last}`
const header = (left: number, last: number) =>
  `syn ext=route:040${left}0${last}000007${Array.from({ length: last + 1 }, (_, at) => words(at)).join('')}`

describeMatch(srh, {
  samples: { wantsHeaders: true },
  text: {
    '': '',
    '--srh-next-hdr 17': '--srh-next-hdr 17',
    '! --srh-hdr-len-eq 8': '! --srh-hdr-len-eq 8',
    '--srh-hdr-len-gt 4 --srh-hdr-len-lt 8': '--srh-hdr-len-gt 8 --srh-hdr-len-lt 8',
    '--srh-segs-left-lt 2 --srh-segs-left-gt 0': '--srh-segs-left-gt 0 --srh-segs-left-lt 0',
    '--srh-segs-left-eq 1': '--srh-segs-left-eq 1',
    '! --srh-last-entry-gt 1 ! --srh-tag 0': '! --srh-last-entry-gt 1 ! --srh-tag 0',
    '--srh-psid a::5/64 ! --srh-nsid b:: --srh-lsid c::/0':
      '--srh-psid a::5/64 ! --srh-nsid b::/128 --srh-lsid c::/0',
    '! --srh-psid ::/0': '! --srh-psid ::/0',
    '--srh-nsid ::/0': '--srh-nsid ::/0',
    '--srh-tag 65536': 'error srh/out-of-range',
    '--srh-next-hdr 256': 'error srh/out-of-range',
  },
  lossy: [],
  packets: {
    '--srh-segs-left-eq 1 --srh-tag 7': {
      yes: [header(1, 2)],
      no: {
        syn: 'it has no routing header',
        [header(2, 2)]: 'segs-left is 2',
        [header(3, 2)]: 'more segments are left than there are',
        'syn ext=route:000100000000': 'its routing header is of another type',
      },
    },
    '--srh-nsid 2001:db8::1/128': {
      yes: [header(2, 2)],
      no: { [header(0, 2)]: 'there is no next segment', [header(1, 2)]: 'the nsid is not 2001:db8::1/128' },
    },
    '--srh-psid 2001:db8::2/128': {
      yes: [header(1, 2)],
      no: { [header(2, 2)]: 'there is no previous segment' },
    },
    '--srh-lsid 2001:db8::/128': { yes: [header(2, 2)] },
  },
})
