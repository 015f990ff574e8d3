import { describe, expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { Connection, HookContext, Skb } from '../context.ts'
import { factHolds } from '../facts.ts'
import { helper } from './helper.ts'

const text = {
  '--helper ftp': '--helper ftp',
  '! --helper ftp-2121': '! --helper ftp-2121',
  '--helper ""': '--helper ""',
  '--helper "a b"': '--helper "a b"',
  '--helper "a\\"b"': '--helper "a\\"b"',
  '--helper netbios-ns': '--helper netbios-ns',
  [`--helper ${'x'.repeat(40)}`]: `--helper ${'x'.repeat(29)}`,
  '--helper ftp --helper tftp': 'error helper/repeated',
  '! --helper a ! --helper b': 'error helper/repeated',
  '-m helper': 'error helper/missing-option',
}

describeMatch(helper, { family: 'ipv4', text })
describeMatch(helper, { family: 'ipv6', text })

/** A packet of a connection that a helper of that name expected; of none where it is null. */
const expectedBy = (name: string | null): Skb => {
  const master = { helper: name } as Connection
  const connection = { helper: null, master: name === null ? null : master } as Connection
  return { conntrack: { state: 'RELATED', isReply: false, connection }, untracked: false } as Skb
}

describe.each([
  ['--helper ftp', ['ftp'], ['tftp', null]],
  // As the kernel compares: to the end of the helper's own name.
  ['--helper ftp-2121', ['ftp'], ['tftp', null]],
  ['--helper f', [], ['ftp', null]],
  ['--helper ""', ['ftp', 'tftp'], [null]],
  ['! --helper ftp', ['tftp', null], ['ftp']],
  ['! --helper ""', [null], ['ftp']],
])('%s', (options, yes, no) => {
  const context = {} as HookContext
  const data = readOptions(helper, options)

  it.each([
    ...yes.map((name) => [name, true] as const),
    ...no.map((name) => [name, false] as const),
  ])('expected by %s: %s', (name, matches) => {
    const skb = expectedBy(name)
    expect(helper.evaluate(data, skb, context, undefined)).toBe(matches)
    expect(helper.explain!(data, skb, context, undefined) === null).toBe(matches)
    expect(factHolds(`helper=${data.helper}`, skb, context)).toBe(matches !== data.inverted)
  })

  it('looks at nothing but the connection', () => {
    const untracked = { conntrack: null, untracked: true } as Skb
    expect(helper.evaluate(data, untracked, context, undefined)).toBe(data.inverted)
  })
})
