import { describe, expect, it } from 'vitest'
import { newSpace } from '../../space/packet-space.ts'
import { compareSequence, rememberingHost } from '../_testing/compare-sequences.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { statistic } from './statistic.ts'

const text = {
  '--mode random --probability 0.33': '--mode random --probability 0.33000000007',
  '--mode random ! --probability .5': '--mode random ! --probability 0.50000000000',
  '--mode random --probability 1': '--mode random --probability 1.00000000000',
  '--mode random --probability 0': '--mode random --probability 0.00000000000',
  '--mode random --probability 1e-3': '--mode random --probability 0.00100000016',
  '--mode random --probability 1.1': 'error statistic/bad-probability',
  '--mode random --probability -0.1': 'error statistic/bad-probability',
  '--mode random --probability 0.5x': 'error statistic/bad-probability',
  '--mode random --probability ""': 'error statistic/bad-probability',
  '--mode random': 'error statistic/no-probability',
  '--mode nth --every 5 --packet 0': '--mode nth --every 5 --packet 0',
  '--packet 2 --mode nth ! --every 5': '--mode nth ! --every 5 --packet 2',
  '--mode nth --every 1 --packet 0': '--mode nth --every 1 --packet 0',
  '--mode nth --every 5': 'error statistic/needs',
  '--mode nth --packet 5': 'error statistic/packet-too-large',
  '--mode nth --every 5 --packet 5': 'error statistic/packet-too-large',
  '--mode nth --every 0 --packet 0': 'error statistic/out-of-range',
  '--mode nth --every 5 ! --packet 2': 'error statistic/not-invertible',
  '--mode nth --probability 0.5': 'error statistic/no-count',
  '--mode nth': 'error statistic/no-count',
  '--mode random --probability 0.5 --every 2 --packet 0': 'error statistic/excluded',
  '--mode other --probability 0.5': 'error statistic/unknown-word',
  '--probability 0.5': 'error statistic/missing-option',
  '': 'error statistic/no-probability',
}

describeMatch(statistic, { text })
describeMatch(statistic, { family: 'ipv6', text })

/** Which of so many packets match. */
function matched(options: string, count: number): number[] {
  const data = readOptions(statistic, options)
  const state = statistic.load!(data, rememberingHost('ipv4'))
  const { skb, context } = packetSample('syn', 'ipv4', 'FORWARD')
  return Array.from({ length: count }, (_, at) => at).filter(() =>
    statistic.evaluate(data, skb, context, state),
  )
}

describe('packets', () => {
  it('counts from the first', () => {
    expect(matched('--mode nth --every 3 --packet 0', 9)).toEqual([0, 3, 6])
    expect(matched('--mode nth --every 3 --packet 2', 9)).toEqual([2, 5, 8])
    expect(matched('--mode nth ! --every 3 --packet 1', 6)).toEqual([0, 2, 3, 5])
  })

  it('draws by the seed of the host', () => {
    const some = matched('--mode random --probability 0.25', 1000).length
    expect(some).toBeGreaterThan(200)
    expect(some).toBeLessThan(300)
    expect(matched('--mode random --probability 0', 100)).toEqual([])
    expect(matched('--mode random --probability 1', 3)).toEqual([0, 1, 2])
    expect(matched('--mode random ! --probability 0.25', 1000).length).toBe(1000 - some)
  })

  it('is certain where the probability is', () => {
    const space = newSpace('ipv4')
    const bounds = (options: string) => {
      const { must, may } = statistic.analyse(readOptions(statistic, options), space)
      return [must.equals(space.all), may.equals(space.all)]
    }
    expect(bounds('--mode random --probability 1')).toEqual([true, true])
    expect(bounds('--mode random ! --probability 1')).toEqual([false, false])
    expect(bounds('--mode random --probability 0.5')).toEqual([false, true])
    expect(bounds('--mode random ! --probability 0')).toEqual([true, true])
    expect(bounds('--mode nth ! --every 1 --packet 0')).toEqual([false, false])
  })
})

const lack = kernelHostIsOutOfReach
it.skipIf(lack !== null)(`counts as the kernel does${lack ? ` (${lack})` : ''}`, async () => {
  const rules = [
    '--mode nth --every 3 --packet 0',
    '--mode nth --every 3 --packet 2',
    '--mode nth ! --every 2 --packet 1',
    '--mode nth --every 1 --packet 0',
    '--mode random --probability 1',
    '--mode random ! --probability 0',
    '--mode random --probability 0',
  ]
  await compareSequence(statistic, 'ipv4', rules, Array<string>(7).fill('syn'))
})
