import { describe, expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext, Skb } from '../context.ts'
import { state } from './state.ts'

const text = {
  '--state NEW': '--state NEW',
  '--state e,i': '--state INVALID,ESTABLISHED',
  '--state NEW,new,N': '--state NEW',
  '--state UNTRACKED,ESTABLISHED,RELATED,NEW,INVALID': '--state INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED',
  '! --state r': '! --state RELATED',
  '--state SNAT': 'error state/unknown-state',
  '--state NEW,': 'error state/unknown-state',
  '--state ,NEW': 'error state/unknown-state',
  '--state ""': 'error state/unknown-state',
  '--state wrong': 'error state/unknown-state',
  '-m state': 'error state/missing-option',
}

describeMatch(state, { family: 'ipv4', text })
describeMatch(state, { family: 'ipv6', text })

describe('a packet', () => {
  const context = {} as HookContext
  const holds = (options: string, skb: Partial<Skb>): boolean =>
    state.evaluate(
      readOptions(state, options),
      { conntrack: null, untracked: false, ...skb } as Skb,
      context,
      undefined,
    )
  const tracked = (name: string) =>
    ({ conntrack: { state: name, isReply: false, connection: null } }) as Partial<Skb>

  it('has the state that conntrack gave it', () => {
    expect(holds('--state NEW,RELATED', tracked('NEW'))).toBe(true)
    expect(holds('! --state NEW,RELATED', tracked('NEW'))).toBe(false)
    expect(holds('--state NEW,RELATED', tracked('ESTABLISHED'))).toBe(false)
  })

  // Seen in raw/PREROUTING and raw/OUTPUT of Linux 6.18.
  it('is INVALID before conntrack has seen it, and UNTRACKED behind NOTRACK', () => {
    expect(holds('--state INVALID', {})).toBe(true)
    expect(holds('--state INVALID', { untracked: true })).toBe(false)
    expect(holds('--state UNTRACKED', { untracked: true })).toBe(true)
    expect(holds('--state NEW', {})).toBe(false)
  })
})
