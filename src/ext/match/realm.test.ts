import { describeMatch } from '../_testing/describe-match.ts'
import { realm } from './realm.ts'

describeMatch(realm, {
  hook: 'FORWARD',
  text: {
    '--realm 42': '--realm 0x2a',
    '--realm 1/0x2a': '--realm 0x1/0x2a',
    '! --realm cosmos': '! --realm cosmos',
    '--realm 0': '--realm cosmos',
    '--realm 0/0xff': '--realm 0x0/0xff',
    '--realm nowhere': 'error realm/bad-value',
    '--realm 1/': 'error realm/bad-value',
    '--realm 1x': 'error realm/bad-value',
    '': 'error realm/missing-option',
    'PREROUTING -m realm --realm 1': 'error realm/wrong-hook',
    'OUTPUT -m realm --realm 1': '--realm 0x1',
  },
  packets: {
    '--realm 42': { no: { syn: 'its route has no realm' } },
    '! --realm 42': { yes: ['syn'] },
    '--realm 0': { yes: ['syn'] },
  },
})
