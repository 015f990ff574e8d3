import { expect, it } from 'vitest'
import { readOptions } from '../_testing/read-options.ts'
import { RuleReader } from '../_testing/rule-reader.ts'
import { CLUSTERIP } from './CLUSTERIP.ts'

const whole =
  '--new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 1 --hash-init 1'

it('prints what it read', () => {
  const data = readOptions(CLUSTERIP, whole)
  expect(CLUSTERIP.print(data, 'ipv4')).toBe(whole)
  expect(CLUSTERIP.list!(data, { family: 'ipv4', numeric: true, protocol: 0 })).toBe(
    ' CLUSTERIP hashmode=sourceip clustermac=01:AA:7B:47:F7:D7 total_nodes=2 local_node=1 hash_init=1',
  )
  expect(CLUSTERIP.print(readOptions(CLUSTERIP, ''), 'ipv4')).toBe('')
})

it.each([
  [whole, 'CLUSTERIP/not-in-kernel'],
  [whole.replace('--total-nodes 2', ''), 'CLUSTERIP/incomplete'],
  [whole.replace('--new', ''), 'CLUSTERIP/needs'],
  [whole.replace('01:AA', '00:AA'), 'CLUSTERIP/no-group'],
  [whole.replace('nodes 2', 'nodes 17'), 'CLUSTERIP/out-of-range'],
])('refuses %s: %s', (text, code) => {
  const place = { table: 'filter', chain: 'INPUT' } as const
  const reader = new RuleReader(CLUSTERIP, { family: 'ipv4', flag: '-j', place, conditions: '-d 10.1.1.1' })
  expect(reader.canonical(text)).toBe(`error ${code}`)
})
