import { describe, expect, it } from 'vitest'
import { connectionWith, skbOfConnection } from '../_testing/connections.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext } from '../context.ts'
import { connmark } from './connmark.ts'

const text = {
  '--mark 1/0xffffffff': '--mark 0x1',
  '--mark 1/0xff00': '--mark 0x1/0xff00',
  '! --mark 010': '! --mark 0x8',
  '--mark 0xffffffff/0x0': '--mark 0xffffffff/0x0',
  '--mark 1/': 'error connmark/bad-mark',
  '--mark -1': 'error connmark/bad-mark',
  '-m connmark': 'error connmark/missing-option',
}
describeMatch(connmark, { family: 'ipv4', text })
describeMatch(connmark, { family: 'ipv6', text: { '--mark 7': '--mark 0x7' } })

describe('the mark of a connection', () => {
  it.each([
    ['--mark 5', 5, 'yes', 'mark 0x5'],
    ['--mark 5', 7, 'mark 0x7 of its connection is not 0x5', 'mark 0x7'],
    ['--mark 5/0xf', 0xfeedcaf5, 'yes', 'mark 0xfeedcaf5'],
    ['--mark 0xf5/0xf', 0xf5, 'mark 0xf5 of its connection is not 0xf5/0xf', 'mark 0xf5'],
    ['--mark 0xf0000000/0xf0000000', 0xf1234567, 'yes', 'mark 0xf1234567'],
    ['! --mark 5', 7, 'yes', 'mark 0x7'],
    ['! --mark 5', 5, 'mark 0x5 of its connection is 0x5', 'mark 0x5'],
    ['--mark 0', null, 'it belongs to no connection', undefined],
    ['! --mark 5', null, 'it belongs to no connection', undefined],
  ])('%s meets %o: %s', (options, mark, expected, note) => {
    const data = readOptions(connmark, options)
    const skb = skbOfConnection(mark === null ? null : connectionWith({ mark }))
    const notes: string[] = []
    const context = { note: (line: string) => notes.push(line) } as unknown as HookContext
    const matched = connmark.evaluate(data, skb, context, undefined)
    expect(matched ? 'yes' : connmark.explain!(data, skb, context, undefined)).toBe(expected)
    expect(notes[0]).toBe(note)
  })
})
