import { describe, expect, it } from 'vitest'
import { compareActs } from '../_testing/compare-acts.ts'
import { connectionWith, skbOfConnection } from '../_testing/connections.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext, Skb } from '../context.ts'
import { cluster } from './cluster.ts'

const seed = '--cluster-hash-seed 0xfeedcafe'
const text = {
  [`--cluster-total-nodes 2 --cluster-local-node 2 ${seed}`]: `--cluster-local-nodemask 0x00000002 --cluster-total-nodes 2 ${seed}`,
  [`! --cluster-local-nodemask 5 --cluster-total-nodes 32 ${seed}`]: `! --cluster-local-nodemask 0x00000005 --cluster-total-nodes 32 ${seed}`,
  [`--cluster-total-nodes 32 --cluster-local-node 32 --cluster-hash-seed 1`]:
    '--cluster-local-nodemask 0x80000000 --cluster-total-nodes 32 --cluster-hash-seed 0x00000001',
  [`--cluster-total-nodes 2 --cluster-local-node 3 ${seed}`]: 'error cluster/no-such-node',
  [`--cluster-total-nodes 2 --cluster-local-nodemask 4 ${seed}`]: 'error cluster/no-such-node',
  [`--cluster-total-nodes 33 --cluster-local-node 1 ${seed}`]: 'error cluster/out-of-range',
  '--cluster-total-nodes 2 --cluster-local-node 1': 'error cluster/missing-option',
  '': 'error cluster/no-node',
}
describeMatch(cluster, {
  family: 'ipv4',
  text,
  // iptables prints masks that it does not take.
  lossy: ['--cluster-total-nodes 32 --cluster-local-node 32 --cluster-hash-seed 1'],
})
describeMatch(cluster, { family: 'ipv6', text: { '': 'error cluster/no-node' } })

describe('machines', () => {
  it('share out what comes: each connection has one', () => {
    const context = { note: null } as HookContext
    const packet = { destination: { family: 'ipv4', words: [0xcb007101] } }
    const nodes = Array.from({ length: 200 }, (_, at) => {
      const source = { family: 'ipv4' as const, words: [0xc6336400 + at] }
      const connection = connectionWith({ original: { ...connectionWith().original, source } })
      const skb = { ...skbOfConnection(connection), packet } as unknown as Skb
      const handles = [1, 2, 3].filter((node) =>
        cluster.evaluate(
          readOptions(cluster, `--cluster-total-nodes 3 --cluster-local-node ${node} ${seed}`),
          skb,
          context,
          undefined,
        ),
      )
      expect(handles.length).toBe(1)
      return handles[0]!
    })
    for (const node of [1, 2, 3]) expect(nodes.filter((each) => each === node).length).toBeGreaterThan(40)
  })

  const lack = kernelHostIsOutOfReach
  const nodes = (total: number, hashSeed: string) =>
    Array.from(
      { length: total },
      (_, at) =>
        `-m cluster --cluster-total-nodes ${total} --cluster-local-node ${at + 1} --cluster-hash-seed ${hashSeed} -j MARK --set-mark ${100 + at}`,
    )

  it.skipIf(lack !== null)(`are those that the kernel picks${lack ? ` (${lack})` : ''}`, async () => {
    const rules = [...nodes(3, '0'), ...nodes(4, '0xfeedcafe')]
    await compareActs({
      family: 'ipv4',
      table: 'mangle',
      hook: 'PREROUTING',
      rules,
      packets: Array.from(
        { length: 12 },
        (_, at) => `eth0 udp 198.51.${at}.${at * 7}:40${10 + at} > 192.168.1.9:53`,
      ),
    })
    await compareActs({
      family: 'ipv6',
      table: 'mangle',
      hook: 'PREROUTING',
      rules,
      packets: Array.from(
        { length: 6 },
        (_, at) => `eth0 udp [2001:${at + 1}:${at}::${at * 77}]:40${10 + at} > [2001:db8:2::9]:53`,
      ),
    })
  })
})
