import { describeMatch } from '../_testing/describe-match.ts'
import { pkttype } from './pkttype.ts'

const text = {
  '--pkt-type bcast': '--pkt-type broadcast',
  '--pkt-type mcast': '--pkt-type multicast',
  '--pkt-type host': '--pkt-type unicast',
  '! --pkt-type UNICAST': '! --pkt-type unicast',
  '--pkt-type otherhost': '--pkt-type otherhost',
  '--pkt-type uni': 'error pkttype/unknown-type',
  '--pkt-type loopback': 'error pkttype/unknown-type',
  '--pkt-type outgoing': 'error pkttype/unknown-type',
  '--pkt-type ""': 'error pkttype/unknown-type',
  '--pkt-type host --pkt-type mcast': 'error pkttype/repeated',
  '': 'error pkttype/missing-option',
}

const packets = {
  '--pkt-type unicast': {
    yes: ['syn', 'out'],
    no: {
      '| broadcast': 'packet type broadcast is not unicast',
      '| outgoing': 'packet type outgoing is not unicast',
    },
  },
  '! --pkt-type multicast': {
    yes: ['| broadcast'],
    no: { '| multicast': 'packet type multicast is multicast' },
  },
}

describeMatch(pkttype, {
  text,
  packets: {
    ...packets,
    '--pkt-type multicast': {
      yes: ['| multicast', '> 239.255.255.255:9 | loopback', '> 224.0.0.0:9 | loopback'],
      no: ['> 240.0.0.0:9 | loopback', '> 223.255.255.255:9 | loopback'],
    },
    '--pkt-type broadcast': {
      yes: ['| broadcast', '> 192.168.1.255:9 | loopback'],
      no: ['> 224.0.0.1:9 | loopback'],
    },
  },
})
describeMatch(pkttype, {
  family: 'ipv6',
  text,
  packets: {
    ...packets,
    '--pkt-type multicast': { yes: ['| multicast', '| loopback', '> [ff02::1]:9 | loopback'] },
    '--pkt-type broadcast': { no: ['| loopback'] },
  },
})
