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

describeMatch(pkttype, { text })
describeMatch(pkttype, { family: 'ipv6', text })
