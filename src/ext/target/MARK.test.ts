import { describe, expect, it } from 'vitest'
import { describeTarget } from '../_testing/describe-target.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { Skb, TargetContext } from '../context.ts'
import { MARK } from './MARK.ts'

describeTarget(MARK, {
  table: 'mangle',
  text: {
    '--set-mark 5': '--set-xmark 0x5/0xffffffff',
    '--set-mark 5/0xf0': '--set-xmark 0x5/0xf5',
    '--and-mark 5': '--set-xmark 0x0/0xfffffffa',
    '--or-mark 5': '--set-xmark 0x5/0x5',
    '--xor-mark 5': '--set-xmark 0x5/0x0',
    '--set-xmark 0xfeedcafe/0xfeedcafe': '--set-xmark 0xfeedcafe/0xfeedcafe',
    '--set-xmark 010/0': '--set-xmark 0x8/0x0',
    '--set-xmark 4294967296': 'error MARK/bad-mark',
    '--set-xmark -1': 'error MARK/bad-mark',
    '--and-mark 4294967296': 'error MARK/out-of-range',
    'raw/OUTPUT -j MARK --set-mark 1': '--set-xmark 0x1/0xffffffff',
    'filter/OUTPUT -j MARK --set-mark 1': '--set-xmark 0x1/0xffffffff',
    '-p tcp -j MARK': 'error MARK/no-change',
  },
})

describe('the mark', () => {
  // Read from the kernel's LOG lines (MARK=).
  it.each([
    ['--set-mark 0xf/0xff', 0xfeedcafe, 0xfeedca0f],
    ['--set-xmark 0xf/0xf0', 0xfeedcafe, 0xfeedca01],
    ['--and-mark 0xff00', 0xfeedcafe, 0xca00],
    ['--or-mark 0xff00', 0xfeedcafe, 0xfeedfffe],
    ['--xor-mark 0xffffffff', 0xfeedcafe, 0x01123501],
    ['--set-mark 0', 0xfeedcafe, 0],
  ])('%s', (text, before, after) => {
    const skb = { mark: before } as Skb
    const context = { note: null } as TargetContext
    expect(MARK.act(readOptions(MARK, text), skb, context, undefined)).toEqual({ kind: 'continue' })
    expect(skb.mark).toBe(after)
  })
})
