import { expect, it } from 'vitest'
import { ipProtocol } from '../../net/protocol.ts'
import { describeTarget } from '../_testing/describe-target.ts'
import { readOptions } from '../_testing/read-options.ts'
import { SNAT } from './SNAT.ts'

describeTarget(SNAT, {
  table: 'nat',
  hook: 'POSTROUTING',
  text: {
    '--to-source 1.1.1.1-1.1.1.10 --random --random-fully --persistent':
      '--to-source 1.1.1.1-1.1.1.10 --random --random-fully --persistent',
    '--persistent --to-source 1.1.1.1': '--to-source 1.1.1.1 --persistent',
    '-p tcp -j SNAT --to-source 1.1.1.1:1025-65535': '--to-source 1.1.1.1:1025-65535',
    '-p tcp -j SNAT --to-source :10-20': '--to-source :10-20',
    '-p udp -j SNAT --to-source 1.1.1.1:ssh': '--to-source 1.1.1.1:22',
    'nat/INPUT -j SNAT --to-source 1.1.1.1': '--to-source 1.1.1.1',
    'nat/OUTPUT -j SNAT --to-source 1.1.1.1': 'error SNAT/wrong-hook',
    'filter/INPUT -j SNAT --to-source 1.1.1.1': 'error SNAT/wrong-table',
    '--to-source 1.1.1.1:1025': 'error SNAT/ports-without-protocol',
    '-p gre -j SNAT --to-source 1.1.1.1:1025': 'error SNAT/ports-without-protocol',
    '--to-source 1.1.1': 'error SNAT/bad-address',
    '--to-source 1.1.1.1-': 'error SNAT/bad-address',
    '-p tcp -j SNAT --to-source 1.1.1.1:20-10': 'error SNAT/reversed-range',
    '-p tcp -j SNAT --to-source 1.1.1.1:65536': 'error SNAT/bad-port',
  },
})
describeTarget(SNAT, {
  family: 'ipv6',
  table: 'nat',
  hook: 'POSTROUTING',
  text: {
    '--to-source [2001:db8::1]': '--to-source 2001:db8::1',
    '--to-source 2001:DB8::1-2001:db8:0::5': '--to-source 2001:db8::1-2001:db8::5',
    '-p tcp -j SNAT --to-source [2001:db8::1]:10-20': '--to-source [2001:db8::1]:10-20',
    '-p tcp -j SNAT --to-source :10': '--to-source :10',
    '--to-source 1.2.3.4': 'error SNAT/bad-address',
  },
})

it('forgets the base of a shifted range, as the kernel does, and so prints what iptables cannot read', () => {
  const protocol = { number: ipProtocol.tcp, inverted: false }
  expect(SNAT.print(readOptions(SNAT, '--to-source 1.1.1.1:10-20/5', { protocol }), 'ipv4')).toBe(
    '--to-source 1.1.1.1:10-20/0',
  )
})
