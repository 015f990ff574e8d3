import { describeMatch } from '../_testing/describe-match.ts'
import { mac } from './mac.ts'

const text = {
  '--mac-source 42:01:02:03:04:0A': '--mac-source 42:01:02:03:04:0a',
  '! --mac-source 1:2:3:4:5:6': '! --mac-source 01:02:03:04:05:06',
  '--mac-source :::::': '--mac-source 00:00:00:00:00:00',
  'PREROUTING -m mac --mac-source 42:01:02:03:04:05': '--mac-source 42:01:02:03:04:05',
  'filter/INPUT -m mac --mac-source 42:01:02:03:04:05': '--mac-source 42:01:02:03:04:05',
  'OUTPUT -m mac --mac-source 42:01:02:03:04:05': 'error mac/wrong-hook',
  'nat/POSTROUTING -m mac --mac-source 42:01:02:03:04:05': 'error mac/wrong-hook',
  '--mac-source 42:01:02:03:04': 'error mac/bad-mac',
  '--mac-source 42:01:02:03:04:05:06': 'error mac/bad-mac',
  '--mac-source 100:01:02:03:04:05': 'error mac/bad-mac',
  '--mac-source 42-01-02-03-04-0a': 'error mac/bad-mac',
  '--mac-source 1:2:3:4:5:6 --mac-source 1:2:3:4:5:7': 'error mac/repeated',
  '': 'error mac/missing-option',
}

describeMatch(mac, { text })
describeMatch(mac, { family: 'ipv6', text })
