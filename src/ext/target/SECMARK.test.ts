import { expect, it } from 'vitest'
import { readOptions } from '../_testing/read-options.ts'
import { RuleReader } from '../_testing/rule-reader.ts'
import { SECMARK } from './SECMARK.ts'

const reader = new RuleReader(SECMARK, {
  family: 'ipv4',
  flag: '-j',
  place: { table: 'security', chain: 'INPUT' },
  conditions: '',
})

it('prints what it read', () => {
  const data = readOptions(SECMARK, '--selctx system_u:object_r:x_t:s0')
  expect(SECMARK.print(data, 'ipv4')).toBe('--selctx system_u:object_r:x_t:s0')
})

it.each([
  ['--selctx a', 'SECMARK/no-policy'],
  ['filter/INPUT -j SECMARK --selctx a', 'SECMARK/wrong-table'],
  ['-p tcp -j SECMARK', 'SECMARK/missing-option'],
])('refuses %s: %s', (text, code) => {
  expect(reader.canonical(text)).toBe(`error ${code}`)
})
