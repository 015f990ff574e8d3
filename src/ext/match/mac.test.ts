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

const packets = {
  '--mac-source 42:01:02:03:04:0A': {
    yes: ['mac=42:01:02:03:04:0a'],
    no: {
      'mac=42:01:02:03:04:0b': 'source MAC 42:01:02:03:04:0b is not 42:01:02:03:04:0a',
      'mac=52:01:02:03:04:0a': 'source MAC 52:01:02:03:04:0a is not 42:01:02:03:04:0a',
      '| in=lo': 'it came in no Ethernet frame',
    },
  },
  '! --mac-source 1:2:3:4:5:6': {
    yes: ['mac=01:02:03:04:05:07'],
    no: {
      'mac=01:02:03:04:05:06': 'source MAC 01:02:03:04:05:06 is 01:02:03:04:05:06',
      '| in=lo': 'it came in no Ethernet frame',
      out: 'it came in no Ethernet frame',
    },
  },
}

describeMatch(mac, { text, packets })
describeMatch(mac, { family: 'ipv6', text, packets })
