import { describeTarget } from '../_testing/describe-target.ts'
import { LOG } from './LOG.ts'

const allFlags = '--log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode'

const text = {
  '': '',
  '--log-level 4': '',
  '--log-level warning': '',
  '--log-level debug': '--log-level 7',
  '--log-level panic': '--log-level 0',
  '--log-level error': '--log-level 3',
  '--log-level 0x3': '--log-level 3',
  '--log-level warn': 'error LOG/unknown-level',
  '--log-level 8': 'error LOG/unknown-level',
  '--log-prefix abc': '--log-prefix abc',
  '--log-prefix "it\'s"': '--log-prefix "it\\\'s"',
  '--log-prefix "a \\"b\\" "': '--log-prefix "a \\"b\\" "',
  '--log-prefix 0123456789012345678901234567890': '--log-prefix 01234567890123456789012345678',
  '--log-prefix ""': 'error LOG/too-short',
  '--log-macdecode --log-uid --log-ip-options --log-tcp-options --log-tcp-sequence': allFlags,
  '--log-level info --log-prefix "x: "': '--log-prefix "x: " --log-level 6',
  'nat/OUTPUT -j LOG': '',
}

describeTarget(LOG, { family: 'ipv4', text })
describeTarget(LOG, { family: 'ipv6', text })
