import { describe, expect, it } from 'vitest'
import { hostOf, rulesOf, stepsOf, take } from '../../engine/_testing/journey-case.ts'
import { Host } from '../../engine/host.ts'
import { printRuleRef } from '../../engine/outcome.ts'
import { kernelHostIsOutOfReach, onKernelHost } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { rateest } from './rateest.ts'

// What iptables makes of its options is in the session `rates` of test/kernel/programs.test.ts.
it.each(rateest.examples.map((text) => [text]))('prints %s', (text) => {
  expect(rateest.print(readOptions(rateest, text), 'ipv4')).toBe(text)
})

const estimates = ['R1', 'R2'].map(
  (name, at) =>
    `-A PREROUTING -p ${at === 0 ? 'udp' : 'icmp'} -j RATEEST --rateest-name ${name} --rateest-interval 250ms --rateest-ewmalog 500ms`,
)
/** With what 20 packets of 100 bytes come to: 4000 bytes and 40 packets a second for 250 ms. */
const asking = [
  '--rateest R1 --rateest-eq --rateest-pps 40',
  '--rateest R1 --rateest-eq --rateest-bps 32000bit',
  '--rateest R1 --rateest-lt --rateest-pps 40',
  '--rateest R1 ! --rateest-gt --rateest-pps 40',
  '--rateest R1 --rateest-gt --rateest-bps 31992bit',
  '--rateest-delta --rateest R1 --rateest-pps1 100 --rateest-eq --rateest-pps2 60',
  '--rateest-delta --rateest R1 --rateest-pps1 30 --rateest-eq --rateest-pps2 0',
  '--rateest1 R1 --rateest-gt --rateest-bps --rateest2 R2',
  '--rateest-delta --rateest1 R1 --rateest-pps1 50 --rateest-lt --rateest2 R2 --rateest-pps2 10',
]
const text = [
  '*raw',
  ...estimates,
  ...asking.map((options) => `-A PREROUTING -p tcp -m rateest ${options}`),
  'COMMIT\n',
].join('\n')
const fed = 'eth0 udp 198.51.100.7:4000 > 203.0.113.1:53 len=100'
const asked = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn'

describe('rates', () => {
  const config = hostOf('eth0 203.0.113.1/24', ['default via 203.0.113.254'])

  /** Which of the rules match, by their place in the list. */
  function ours(afterMs: number): number[] {
    const host = new Host(config)
    expect(host.load(rulesOf(text, 'ipv4'))).toEqual([])
    const [feed, ask] = [stepsOf(fed)[0]!, stepsOf(asked)[0]!]
    for (let at = 0; at < 20; at++) take(host, feed, 0n)
    const { hits } = take(host, ask, BigInt(afterMs) * 1_000_000n)
    return hits.map((hit) => Number(printRuleRef(hit).split(':')[1]) - estimates.length - 1)
  }

  it('are those of the last interval', () => {
    expect(ours(375)).toEqual([0, 1, 3, 4, 5, 6, 7])
  })

  const lack = kernelHostIsOutOfReach
  it.skipIf(lack !== null)(`are as the kernel estimates them${lack ? ` (${lack})` : ''}`, async () => {
    await onKernelHost('ipv4', (kernel) => {
      kernel.load(text)
      const packet = (line: string) => packetSample(line, 'ipv4', 'PREROUTING').skb.packet.bytes
      const [feed, ask] = [packet(fed), packet(asked)]
      for (let at = 0; at < 20; at++) kernel.arrive(feed)
      // Awaiting would leave the namespace.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 375)
      kernel.arrive(ask)
      const counters = kernel.counters('raw', 'PREROUTING').slice(estimates.length)
      const matched = counters.flatMap((count, at) => (count > 0 ? [at] : []))
      expect(matched).toEqual(ours(375))
    })
  })
})
