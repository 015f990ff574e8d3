import { expect, it } from 'vitest'
import { compareSequence, rememberingHost } from '../_testing/compare-sequences.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { quota } from './quota.ts'

const text = {
  '--quota 0': '--quota 0',
  '! --quota 0x10': '! --quota 16',
  '--quota 18446744073709551615': '--quota 18446744073709551615',
  '--quota 18446744073709551616': 'error quota/out-of-range',
  '--quota -1': 'error quota/out-of-range',
  '--quota ""': 'error quota/out-of-range',
  '': 'error quota/missing-option',
}
describeMatch(quota, { text })
describeMatch(quota, { family: 'ipv6', text })

it('says what is left', () => {
  const data = readOptions(quota, '--quota 100')
  const left = quota.load!(data, rememberingHost('ipv4'))
  const notes: string[] = []
  const answers = ['len=60', 'len=41', 'len=40'].map((line) => {
    const { skb, context } = packetSample(line, 'ipv4', 'FORWARD')
    return quota.evaluate(data, skb, { ...context, note: (text) => notes.push(text) }, left)
  })
  expect(answers).toEqual([true, false, false])
  expect(notes).toEqual([
    '40 bytes of the quota are left',
    '0 bytes of the quota are left',
    '0 bytes of the quota are left',
  ])
})

const lack = kernelHostIsOutOfReach
it.skipIf(lack !== null)(`counts as the kernel does${lack ? ` (${lack})` : ''}`, async () => {
  const rules = ['--quota 0', '--quota 100', '--quota 101', '! --quota 140', '--quota 18446744073709551615']
  const packets = ['len=60', 'len=40', 'len=44', 'len=40', 'len=40', 'len=1000']
  await compareSequence(quota, 'ipv4', rules, packets)
  await compareSequence(quota, 'ipv6', rules, ['len=60', 'len=80', 'len=60', 'len=61'])
})
