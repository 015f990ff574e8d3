import { expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { cpu } from './cpu.ts'

const text = {
  '--cpu 0': '--cpu 0',
  '! --cpu 0x10': '! --cpu 16',
  '--cpu 4294967295': '--cpu 4294967295',
  '--cpu 4294967296': 'error cpu/out-of-range',
  '': 'error cpu/missing-option',
}
describeMatch(cpu, { text })
describeMatch(cpu, { family: 'ipv6', text })

it.each([
  ['--cpu 0', 'cpu=0', true],
  ['--cpu 1', 'cpu=0', false],
  ['! --cpu 1', 'cpu=0', true],
])('%s: %s', (options, packet, expected) => {
  const { skb, context } = packetSample(packet, 'ipv4', 'FORWARD')
  expect(cpu.evaluate(readOptions(cpu, options), skb, context, undefined)).toBe(expected)
})

it('is unknown where nobody said it', () => {
  const { skb, context } = packetSample('syn', 'ipv4', 'FORWARD')
  expect(cpu.evaluate(readOptions(cpu, '--cpu 0'), skb, context, undefined)).toBe(false)
  expect(context.unknown?.what).toBe('which processor handles it')
})
