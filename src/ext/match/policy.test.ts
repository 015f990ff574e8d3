import { describe, expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { policy } from './policy.ts'

const tunnel = '--mode tunnel --tunnel-dst 203.0.113.0/24 --tunnel-src 198.51.100.7'
const text = {
  '--dir in': '--dir in --pol ipsec',
  '--pol none --dir in': '--dir in --pol none',
  '--dir in --pol none --reqid 4': '--dir in --pol none',
  [`--dir in ${tunnel} ! --proto 0x33`]: `--dir in --pol ipsec ! --proto ah ${tunnel}`,
  '--dir in --strict ! --reqid 010 --next --spi 17 --next --mode transport':
    '--dir in --pol ipsec --strict ! --reqid 8 --next --spi 0x11 --next --mode transport',
  '--dir out': 'error policy/wrong-hook',
  '--pol ipsec': 'error policy/no-direction',
  '--dir up': 'error policy/unknown-word',
  '--dir in --pol none --strict': 'error policy/none-strict',
  '--dir in --strict': 'error policy/empty-element',
  '--dir in --strict --spi 1 --next': 'error policy/empty-element',
  '--dir in --spi 1 --next --spi 2': 'error policy/needs',
  '--dir in --spi 1 --spi 2': 'error policy/repeated',
  '--dir in --strict --spi 1 --next --spi 2 --next --spi 3 --next --spi 4 --next --spi 5':
    'error policy/too-many-elements',
  '--dir in --tunnel-src 192.0.2.1': 'error policy/no-tunnel',
  '--dir in --proto tcp': 'error policy/other-protocol',
  '--dir in --proto ESP': 'error policy/unknown-protocol',
}
describeMatch(policy, { family: 'ipv4', hook: 'INPUT', text })
describeMatch(policy, {
  family: 'ipv6',
  hook: 'POSTROUTING',
  text: {
    '--dir out ! --mode transport --tunnel-src 2001:db8::7/64':
      '--dir out --pol ipsec ! --mode transport --tunnel-src 2001:db8::7/64',
    '--dir in': 'error policy/wrong-hook',
  },
})

describe('packets', () => {
  const answer = (options: string, words: string) => {
    const { skb, context } = packetSample(words, 'ipv4', 'FORWARD')
    const matched = policy.evaluate(readOptions(policy, options), skb, context, undefined)
    return context.unknown?.proposition ?? matched
  }
  const esp = 'policy-in=esp/tunnel/198.51.100.1-203.0.113.1/spi=0x100/reqid=7'
  const both = `${esp},ah/transport/198.51.100.1-203.0.113.1`

  it.each([
    ['--dir in --pol none', 'policy-in=none', true],
    ['--dir in', 'policy-in=none', false],
    ['--dir in --pol none', esp, false],
    ['--dir in', esp, true],
    ['--dir out', `${esp} policy-out=none`, false],
    ['--dir in --proto esp --spi 0x100 --reqid 7', esp, true],
    ['--dir in ! --reqid 7', esp, false],
    ['--dir in --mode tunnel --tunnel-src 198.51.100.0/24 ! --tunnel-dst 192.0.2.0/24', esp, true],
    ['--dir in --mode transport', esp, false],
    // Without --strict any transformation will do, with it each has its element.
    ['--dir in --proto ah', both, true],
    ['--dir in --strict --proto ah', both, false],
    ['--dir in --strict --proto esp --next --proto ah', both, true],
    ['--dir in --strict --proto ah --next --proto esp', both, false],
    ['--dir in --strict --proto esp', both, false],
    ['--dir in', '', 'policy-in=none'],
    ['--dir out --pol none', esp, 'policy-out=none'],
  ])('%s: %s', (options, words, expected) => expect(answer(options, words)).toBe(expected))
})
