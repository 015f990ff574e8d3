import { expect, it } from 'vitest'
import { describeTarget } from '../_testing/describe-target.ts'
import type { Skb, TargetContext } from '../context.ts'
import { NOTRACK } from './NOTRACK.ts'

describeTarget(NOTRACK, {
  table: 'raw',
  hook: 'PREROUTING',
  text: {
    'raw/OUTPUT -p udp -j NOTRACK': '',
    'filter/OUTPUT -j NOTRACK': 'error NOTRACK/wrong-table',
    'mangle/PREROUTING -j NOTRACK': 'error NOTRACK/wrong-table',
  },
})

it('leaves packets alone that are tracked already', () => {
  const fresh = { conntrack: null, untracked: false } as Skb
  NOTRACK.act({}, fresh, {} as TargetContext, undefined)
  expect(fresh.untracked).toBe(true)
  const tracked = { conntrack: { state: 'NEW' }, untracked: false } as Skb
  NOTRACK.act({}, tracked, {} as TargetContext, undefined)
  expect(tracked.untracked).toBe(false)
})

it('does not make the kernel track connections', () => {
  expect(NOTRACK.needsConntrack ?? false).toBe(false)
})
