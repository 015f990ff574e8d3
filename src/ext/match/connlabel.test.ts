import { describe, expect, it } from 'vitest'
import { connectionWith, skbOfConnection } from '../_testing/connections.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext } from '../context.ts'
import { connlabel } from './connlabel.ts'

describeMatch(connlabel, {
  family: 'ipv4',
  text: {
    '--label 0': '--label "0"',
    '--label 127': '--label "127"',
    '--label 128': 'error connlabel/no-such-label',
    '--label 65535': 'error connlabel/no-such-label',
    '--label 0x10': '--label "16"',
    '--label 010': '--label "8"',
    '--label 65540': '--label "4"',
    '--label 4294967296': '--label "0"',
    '--label 4294967295': 'error connlabel/unknown-label',
    '--label -1': 'error connlabel/unknown-label',
    '--label 40x': 'error connlabel/unknown-label',
    '--label web': 'error connlabel/unknown-label',
    '--set': 'error connlabel/missing-option',
    '! --label 5 --set': '! --label "5" --set',
  },
})
describeMatch(connlabel, { family: 'ipv6', text: { '--label 5 --set': '--label "5" --set' } })

describe('labels', () => {
  const has = (bit: number): bigint => 1n << BigInt(bit)
  const ask = (options: string, labels: bigint | null | 'no connection'): string => {
    const data = readOptions(connlabel, options)
    const connection = labels === 'no connection' ? null : connectionWith({ labels })
    const skb = skbOfConnection(connection)
    const context = { note: null } as HookContext
    const matched = connlabel.evaluate(data, skb, context, 'labels')
    const after =
      connection === null || connection.labels === labels ? '' : ` ${connection.labels!.toString(16)}`
    return (matched ? 'yes' : connlabel.explain!(data, skb, context, 'labels')) + after
  }

  // As xt_connlabel does: what has no labels does not match, and cannot be labelled.
  it.each([
    ['--label 5', has(5), 'yes'],
    ['--label 5', has(6), 'its connection has no label 5'],
    ['! --label 5', has(6), 'yes'],
    ['! --label 5', has(5), 'its connection has label 5'],
    ['--label 127 --set', 0n, 'yes 80000000000000000000000000000000'],
    ['--label 5 --set', has(5), 'yes'],
    ['! --label 5 --set', has(6), 'its connection has label 5 60'],
    ['--label 5 --set', null, 'its connection began while no rule spoke of labels'],
    ['! --label 5 --set', null, 'yes'],
    ['--label 5', 'no connection', 'it belongs to no connection'],
    ['! --label 5', 'no connection', 'yes'],
  ] as const)('%s with %o: %s', (options, labels, expected) => {
    expect(ask(options, labels)).toBe(expected)
  })
})
