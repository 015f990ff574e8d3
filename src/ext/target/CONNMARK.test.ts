import { describe, expect, it } from 'vitest'
import { connectionWith, skbOfConnection } from '../_testing/connections.ts'
import { describeTarget } from '../_testing/describe-target.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { TargetContext } from '../context.ts'
import { CONNMARK } from './CONNMARK.ts'

const whole = '--nfmask 0xffffffff --ctmask 0xffffffff'

describeTarget(CONNMARK, {
  table: 'mangle',
  text: {
    '--set-mark 5': '--set-xmark 0x5/0xffffffff',
    '--set-mark 5/0xf0': '--set-xmark 0x5/0xf5',
    '--set-xmark 5/0xf0': '--set-xmark 0x5/0xf0',
    '--and-mark 5': '--set-xmark 0x0/0xfffffffa',
    '--or-mark 5': '--set-xmark 0x5/0x5',
    '--xor-mark 5': '--set-xmark 0x5/0x0',
    '--save-mark': `--save-mark ${whole}`,
    '--restore-mark': `--restore-mark ${whole}`,
    '--restore-mark --mask 0xff': '--restore-mark --nfmask 0xff --ctmask 0xff',
    '--mask 0xff --save-mark': '--save-mark --nfmask 0xff --ctmask 0xff',
    '--restore-mark --nfmask 0': '--restore-mark --nfmask 0x0 --ctmask 0xffffffff',
    '--save-mark --ctmask 7 --nfmask 5': '--save-mark --nfmask 0x5 --ctmask 0x7',
    '--set-mark 3/8 --mask 7': '--set-xmark 0x3/0x7',
    '--mask 7 --set-mark 3': '--set-xmark 0x3/0xffffffff',
    '--and-mark 3 --mask 7': '--set-xmark 0x0/0x7',
    '--set-mark 5 --nfmask 0xff': '--set-xmark 0x5/0xffffffff',
    '--set-mark 5 --left-shift-mark 4': '--set-xmark 0x5/0xffffffff --left-shift-mark 4',
    '--restore-mark --right-shift-mark 31': `--restore-mark ${whole} --right-shift-mark 31`,
    '--restore-mark --right-shift-mark 0': `--restore-mark ${whole}`,
    '--restore-mark --left-shift-mark 4 --right-shift-mark 5': `--restore-mark ${whole} --right-shift-mark 5`,
    '--save-mark --left-shift-mark 5 --right-shift-mark 0': `--save-mark ${whole}`,
    '--save-mark --left-shift-mark 32': 'error CONNMARK/shifted-away',
    '--save-mark --left-shift-mark 33': 'error CONNMARK/out-of-range',
    '--save-mark --mask 5/6': 'error CONNMARK/out-of-range',
    '--set-mark 0x100000000': 'error CONNMARK/bad-mark',
    '--xor-mark 5/4': 'error CONNMARK/out-of-range',
    '--mask 5': 'error CONNMARK/no-change',
    '-p tcp -j CONNMARK': 'error CONNMARK/no-change',
    'filter/OUTPUT -j CONNMARK --set-mark 1': '--set-xmark 0x1/0xffffffff',
    'raw/OUTPUT -j CONNMARK --set-mark 1': '--set-xmark 0x1/0xffffffff',
  },
})
describeTarget(CONNMARK, {
  family: 'ipv6',
  table: 'mangle',
  text: { '--save-mark': `--save-mark ${whole}` },
})

describe('marks', () => {
  // Options, mark of packet and connection before, and after, what the trace tells.
  it.each([
    [
      '--set-mark 0xf/0xff',
      1,
      0xfeedcafe,
      1,
      0xfeedca0f,
      'mark 0xfeedcafe of its connection becomes 0xfeedca0f',
    ],
    ['--and-mark 0xff00', 1, 0xfeedcafe, 1, 0xca00, 'mark 0xfeedcafe of its connection becomes 0xca00'],
    [
      '--set-mark 0xf --left-shift-mark 28',
      1,
      0,
      1,
      0xf0000000,
      'mark 0x0 of its connection becomes 0xf0000000',
    ],
    [
      '--set-mark 0xf0000000 --right-shift-mark 4',
      1,
      0,
      1,
      0xf000000,
      'mark 0x0 of its connection becomes 0xf000000',
    ],
    ['--save-mark', 5, 9, 5, 5, 'mark 0x9 of its connection becomes 0x5'],
    [
      '--save-mark --nfmask 0xff --ctmask 0xff00 --left-shift-mark 8',
      0x1234,
      0xfedc,
      0x1234,
      0x34dc,
      'mark 0xfedc of its connection becomes 0x34dc',
    ],
    [
      '--save-mark --nfmask 0xff --ctmask 0',
      0x1234,
      0xfedc,
      0x1234,
      0xfee8,
      'mark 0xfedc of its connection becomes 0xfee8',
    ],
    ['--restore-mark', 5, 9, 9, 9, 'mark 0x5 becomes 0x9'],
    [
      '--restore-mark --nfmask 0xff --ctmask 0xff00 --right-shift-mark 8',
      0x1234,
      0xfedc,
      0x12fe,
      0xfedc,
      'mark 0x1234 becomes 0x12fe',
    ],
    ['--restore-mark --nfmask 0', 5, 0xc, 9, 0xc, 'mark 0x5 becomes 0x9'],
  ] as const)('%s', (text, packetBefore, connectionBefore, packetAfter, connectionAfter, note) => {
    const connection = connectionWith({ mark: connectionBefore })
    const skb = skbOfConnection(connection, packetBefore)
    const notes: string[] = []
    const context = { note: (line: string) => notes.push(line) } as unknown as TargetContext
    expect(CONNMARK.act(readOptions(CONNMARK, text), skb, context, undefined)).toEqual({ kind: 'continue' })
    expect([skb.mark, connection.mark, ...notes]).toEqual([packetAfter, connectionAfter, note])
  })

  it('stay as they are without a connection', () => {
    const skb = skbOfConnection(null, 5)
    const context = { note: null } as TargetContext
    expect(CONNMARK.act(readOptions(CONNMARK, '--restore-mark'), skb, context, undefined).kind).toBe(
      'continue',
    )
    expect(skb.mark).toBe(5)
  })
})
