import { expect, it } from 'vitest'
import { ipProtocol } from '../../net/protocol.ts'
import { describeTarget } from '../_testing/describe-target.ts'
import { readOptions } from '../_testing/read-options.ts'
import { MASQUERADE } from './MASQUERADE.ts'

describeTarget(MASQUERADE, {
  table: 'nat',
  hook: 'POSTROUTING',
  text: {
    '--random-fully --random': '--random --random-fully',
    '-p tcp -j MASQUERADE --to-ports 1024': '--to-ports 1024',
    '-p udp -j MASQUERADE --to-ports 1024-65535 --random': '--to-ports 1024-65535 --random',
    '-p tcp -j MASQUERADE --to-ports http': '--to-ports 80',
    '--to-ports 80': 'error MASQUERADE/ports-without-protocol',
    '-p tcp -j MASQUERADE --to-ports 90-80': 'error MASQUERADE/reversed-range',
    '-p tcp -j MASQUERADE --to-ports 80:90': 'error MASQUERADE/port-colon',
    '-p tcp -j MASQUERADE --to-ports -1': 'error MASQUERADE/bad-port',
    'nat/PREROUTING -j MASQUERADE': 'error MASQUERADE/wrong-hook',
    'nat/INPUT -j MASQUERADE': 'error MASQUERADE/wrong-hook',
    'filter/FORWARD -j MASQUERADE': 'error MASQUERADE/wrong-table',
  },
})

it('forgets the base of a shifted range, as the kernel does, and so prints what iptables cannot read', () => {
  const protocol = { number: ipProtocol.tcp, inverted: false }
  expect(MASQUERADE.print(readOptions(MASQUERADE, '--to-ports 80-90/10', { protocol }), 'ipv4')).toBe(
    '--to-ports 80-90/0',
  )
})
