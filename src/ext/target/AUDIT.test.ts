import { describeTarget } from '../_testing/describe-target.ts'
import { AUDIT } from './AUDIT.ts'

describeTarget(AUDIT, {
  hook: 'INPUT',
  text: {
    '--type ACCEPT': '--type accept',
    '--type drop': '--type drop',
    '--type wrong': 'error AUDIT/unknown-type',
    '-p udp -j AUDIT': 'error AUDIT/missing-option',
    'nat/OUTPUT -j AUDIT --type reject': '--type reject',
  },
  packets: ['eth0 udp 198.51.100.7:53 > 203.0.113.1:53 id=7'],
})
