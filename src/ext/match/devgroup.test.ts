import { describeMatch } from '../_testing/describe-match.ts'
import { devgroup } from './devgroup.ts'

const text = {
  '--src-group 2': '--src-group 0x2',
  '--src-group 0': '--src-group default',
  '! --dst-group 0x1/0xff --src-group default': '--src-group default ! --dst-group 0x1/0xff',
  'PREROUTING -m devgroup --src-group 2': '--src-group 0x2',
  'PREROUTING -m devgroup ! --src-group 0': '! --src-group default',
  'PREROUTING -m devgroup --src-group 1/2': '--src-group 0x1/0x2',
  'PREROUTING -m devgroup --src-group 0/2': '--src-group 0x0/0x2',
  'PREROUTING -m devgroup --dst-group 2': 'error devgroup/wrong-hook',
  'POSTROUTING -m devgroup --src-group 2': 'error devgroup/wrong-hook',
  '--src-group dmz': 'error devgroup/bad-value',
  '': 'error devgroup/no-group',
}
const packets = {
  '--src-group 2': { no: { syn: 'every device is in group 0' } },
  '! --src-group 2 --dst-group 0': { yes: ['syn'] },
}
describeMatch(devgroup, { text, packets })
describeMatch(devgroup, { family: 'ipv6', text, packets })
