import { describe, expect, it } from 'vitest'
import { connectionWith, skbOfConnection } from '../_testing/connections.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext, HostServices } from '../context.ts'
import { connbytes } from './connbytes.ts'

const rest = '--connbytes-mode bytes --connbytes-dir both'

const text = {
  [`--connbytes 5 ${rest}`]: `--connbytes 5 ${rest}`,
  [`--connbytes 5: ${rest}`]: `--connbytes 5 ${rest}`,
  [`--connbytes :5 ${rest}`]: `--connbytes 0:5 ${rest}`,
  [`--connbytes 0:0 ${rest}`]: `--connbytes 0 ${rest}`,
  [`--connbytes 0x10:1000 ${rest}`]: `--connbytes 16:1000 ${rest}`,
  [`--connbytes 0:18446744073709551615 ${rest}`]: `--connbytes 0 ${rest}`,
  [`--connbytes 18446744073709551615 ${rest}`]: `--connbytes 18446744073709551615 ${rest}`,
  [`--connbytes "" ${rest}`]: `--connbytes 0 ${rest}`,
  [`! --connbytes 5:7 ${rest}`]: `! --connbytes 5:7 ${rest}`,
  [`! --connbytes 5:5 ${rest}`]: `--connbytes 5:5 ${rest}`,
  [`! --connbytes 5: ${rest}`]: `! --connbytes 5 ${rest}`,
  [`! --connbytes 0: ${rest}`]: `! --connbytes 0 ${rest}`,
  '--connbytes 1 --connbytes-dir reply --connbytes-mode avgpkt':
    '--connbytes 1 --connbytes-mode avgpkt --connbytes-dir reply',
  [`--connbytes 5:3 ${rest}`]: 'error connbytes/backwards',
  [`--connbytes 1:2:3 ${rest}`]: 'error connbytes/too-many-parts',
  [`--connbytes a ${rest}`]: 'error connbytes/out-of-range',
  [`--connbytes 3x:4 ${rest}`]: 'error connbytes/bad-range',
  [`--connbytes 0:18446744073709551616 ${rest}`]: 'error connbytes/out-of-range',
  '--connbytes 1 --connbytes-mode BYTES --connbytes-dir both': 'error connbytes/unknown-word',
  '--connbytes 1 --connbytes-mode bytes --connbytes-dir bot': 'error connbytes/unknown-word',
  '--connbytes 1 --connbytes-dir both': 'error connbytes/missing-option',
}
describeMatch(connbytes, {
  family: 'ipv4',
  text,
  // iptables prints no end of 0.
  lossy: [`--connbytes 0:0 ${rest}`],
})
describeMatch(connbytes, { family: 'ipv6', text: { [`--connbytes 5:9 ${rest}`]: `--connbytes 5:9 ${rest}` } })

describe('what has passed', () => {
  const counters = { packets: [4, 2], bytes: [401, 1001] } as const
  const skb = skbOfConnection(
    connectionWith({ counters: { packets: [...counters.packets], bytes: [...counters.bytes] } }),
  )
  const ask = (options: string, asked = skb): string => {
    const data = readOptions(connbytes, options)
    const context = { note: null } as HookContext
    const matched = connbytes.evaluate(data, asked, context, undefined)
    return matched ? 'yes' : connbytes.explain!(data, asked, context, undefined)!
  }

  it.each([
    ['--connbytes 6:6', 'packets', 'both', 'yes'],
    ['--connbytes 7', 'packets', 'both', '6 packets so far'],
    ['--connbytes 4', 'packets', 'original', 'yes'],
    ['--connbytes 3:', 'packets', 'reply', '2 packets so far in answers'],
    ['--connbytes 1402:1402', 'bytes', 'both', 'yes'],
    ['--connbytes 0:400', 'bytes', 'original', '401 bytes so far in its original direction'],
    ['--connbytes 100:100', 'avgpkt', 'original', 'yes'],
    ['--connbytes 500:500', 'avgpkt', 'reply', 'yes'],
    ['--connbytes 233:233', 'avgpkt', 'both', 'yes'],
    ['! --connbytes 5:7', 'packets', 'both', '6 packets so far'],
    ['! --connbytes 7:9', 'packets', 'both', 'yes'],
    ['! --connbytes 6:6', 'packets', 'both', 'yes'],
    ['! --connbytes 7:', 'packets', 'both', 'yes'],
  ])('%s of %s, %s: %s', (range, mode, direction, expected) => {
    expect(ask(`${range} --connbytes-mode ${mode} --connbytes-dir ${direction}`)).toBe(expected)
  })

  it('is unknown without a connection, and of connections that began uncounted', () => {
    const options = `! --connbytes 5:7 ${rest}`
    expect(ask(options, skbOfConnection(null))).toBe('it belongs to no connection')
    expect(ask(options, skbOfConnection(connectionWith()))).toMatch(/before anything was counted/)
  })

  it('is counted from when a rule asks', () => {
    let counted = 0
    connbytes.load!(readOptions(connbytes, `--connbytes 1 ${rest}`), {
      tracking: { countTraffic: () => counted++ },
    } as unknown as HostServices)
    expect(counted).toBe(1)
  })
})
