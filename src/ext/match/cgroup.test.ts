import { describe, expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { cgroup } from './cgroup.ts'

const text = {
  '--cgroup 1': '--cgroup 1',
  '! --cgroup 0x10001': '! --cgroup 65537',
  '--path "/"': '--path "/"',
  '! --path "/"': '! --path "/"',
  '--cgroup 4294967296': 'error cgroup/out-of-range',
  '--cgroup 1 --path "/"': 'error cgroup/one-of-both',
  '': 'error cgroup/one-of-both',
  'FORWARD -m cgroup --cgroup 1': 'error cgroup/wrong-hook',
  'PREROUTING -m cgroup --cgroup 1': 'error cgroup/wrong-hook',
  'INPUT -m cgroup --cgroup 1': '--cgroup 1',
}
describeMatch(cgroup, { hook: 'OUTPUT', text })
describeMatch(cgroup, { family: 'ipv6', hook: 'OUTPUT', text })

describe('packets', () => {
  const answer = (options: string, packet: string) => {
    const { skb, context } = packetSample(packet, 'ipv4', 'OUTPUT')
    const matched = cgroup.evaluate(readOptions(cgroup, options), skb, context, undefined)
    return context.unknown?.what ?? matched
  }
  it.each([
    ['--cgroup 1', 'out', false],
    ['! --cgroup 1', 'out', false],
    ['--path /', 'out uid=0', true],
    ['! --path /', 'out uid=0', false],
    ['--cgroup 1', 'out uid=0', 'the control group of the process that sent it'],
    ['--path /user', 'out uid=0', 'the control group of the process that sent it'],
    ['--path /user', 'out uid=0 cgroup=/user/ann', true],
    ['! --path user/', 'out uid=0 cgroup=/user', false],
    ['--path /user', 'out uid=0 cgroup=/users', false],
    ['--path /user', 'out cgroup=/user', false],
    ['--cgroup 1', 'out uid=0 classid=1', true],
    ['! --cgroup 1', 'out uid=0 classid=2', true],
    ['--cgroup 1', 'out uid=0 cgroup=/user', 'the control group of the process that sent it'],
  ])('%s: %s', (options, packet, expected) => expect(answer(options, packet)).toBe(expected))
})
