import { describeMatch } from '../_testing/describe-match.ts'
import { physdev } from './physdev.ts'

const text = {
  '--physdev-in lo': '--physdev-in lo',
  '! --physdev-in eth+': '! --physdev-in eth+',
  '--physdev-in lo --physdev-is-in': '--physdev-is-in --physdev-in lo',
  '--physdev-is-bridged --physdev-out eth1': '--physdev-out eth1 --physdev-is-bridged',
  '! --physdev-is-bridged ! --physdev-is-out': '! --physdev-is-out ! --physdev-is-bridged',
  'OUTPUT -m physdev --physdev-out eth1': 'error physdev/wrong-hook',
  'OUTPUT -m physdev --physdev-is-out': 'error physdev/wrong-hook',
  '--physdev-in abcdefghijklmnop': 'error physdev/bad-port',
  '': 'error physdev/no-test',
}
const packets = {
  '--physdev-in lo': { no: { syn: 'no packet is bridged: the host has no bridge' } },
  '! --physdev-is-bridged': { yes: ['syn'] },
  '! --physdev-in lo': { yes: ['syn'] },
}
describeMatch(physdev, { text, packets })
describeMatch(physdev, { family: 'ipv6', text, packets })
