import { describe, expect, it } from 'vitest'
import { addressOf, parsePrefix, printAddress } from '../../net/address.ts'
import { describeTarget } from '../_testing/describe-target.ts'
import type { NatRange, Skb, TargetContext } from '../context.ts'
import { NETMAP } from './NETMAP.ts'

describeTarget(NETMAP, {
  table: 'nat',
  hook: 'POSTROUTING',
  text: {
    '--to 1.2.3.4': '--to 1.2.3.4/32',
    '--to 1.2.3.4/24': '--to 1.2.3.0/24',
    '--to 1.2.3.4/255.255.0.0': '--to 1.2.0.0/16',
    // iptables takes these for a single address.
    '--to 1.2.3.4/255.255.0.255': '--to 1.2.3.4/32',
    '--to 1.2.3.4/33': '--to 1.2.3.4/32',
    'nat/INPUT -j NETMAP --to 1.2.3.0/24': '--to 1.2.3.0/24',
    'filter/INPUT -j NETMAP --to 1.2.3.4': 'error NETMAP/wrong-table',
  },
})
describeTarget(NETMAP, {
  family: 'ipv6',
  table: 'nat',
  hook: 'POSTROUTING',
  text: {
    '--to 2001:db8::5/64': '--to 2001:db8::/64',
    '--to 2001:db8::5/ffff::': '--to 2001::/16',
    '--to 2001:db8::/129': 'error NETMAP/bad-mask',
  },
})

describe('the mapped address', () => {
  const [source, destination] = [0xc6336407, 0x0a010209].map((word) => addressOf('ipv4', [word]))
  it.each([
    ['PREROUTING', '10.20.0.0/16', '10.20.2.9'],
    ['OUTPUT', '10.20.30.0/24', '10.20.30.9'],
    ['POSTROUTING', '10.20.30.0/24', '10.20.30.7'],
    ['INPUT', '10.20.30.1/32', '10.20.30.1'],
  ] as const)('in %s to %s', (hook, to, mapped) => {
    const asked: NatRange[] = []
    const translate = (range: NatRange) => {
      asked.push(range)
      return { kind: 'accept' as const }
    }
    const nat = { translate }
    const context = { hook, nat } as unknown as TargetContext
    const skb = { packet: { source, destination } } as unknown as Skb
    NETMAP.act({ to: parsePrefix(to)! }, skb, context, undefined)
    expect(asked.map(({ addresses }) => [addresses!.min, addresses!.max].map(printAddress))).toEqual([
      [mapped, mapped],
    ])
  })
})
