import { expect, it } from 'vitest'
import { readOptions } from '../_testing/read-options.ts'
import { RuleReader } from '../_testing/rule-reader.ts'
import { LED } from './LED.ts'

const form = { family: 'ipv4', numeric: true, protocol: 0 } as const

it.each([
  ['--led-trigger-id foo', '--led-trigger-id "foo"', ' led-trigger-id:"foo" led-delay:0ms'],
  [
    '--led-trigger-id foo --led-delay 42 --led-always-blink',
    '--led-trigger-id "foo" --led-delay 42 --led-always-blink',
    ' led-trigger-id:"foo" led-delay:42ms led-always-blink',
  ],
  [
    '--led-trigger-id foo --led-delay Infinite',
    '--led-trigger-id "foo" --led-delay -1',
    ' led-trigger-id:"foo" led-delay:inf',
  ],
])('prints %s', (text, saved, listed) => {
  const data = readOptions(LED, text)
  expect([LED.print(data, 'ipv4'), LED.list!(data, form)]).toEqual([saved, listed])
})

it.each([
  ['--led-trigger-id a', 'LED/not-in-kernel'],
  ['--led-trigger-id 01234567890123456', 'LED/too-long'],
  ['--led-trigger-id a --led-delay x', 'LED/bad-delay'],
  ['-p tcp -j LED', 'LED/missing-option'],
])('refuses %s: %s', (text, code) => {
  const place = { table: 'filter', chain: 'INPUT' } as const
  const reader = new RuleReader(LED, { family: 'ipv4', flag: '-j', place, conditions: '' })
  expect(reader.canonical(text)).toBe(`error ${code}`)
})
