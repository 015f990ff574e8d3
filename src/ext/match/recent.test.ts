import { describe, expect, it } from 'vitest'
import { RefusedError } from '../../lang/diagnostic.ts'
import { linux618 } from '../../lang/profile.ts'
import { emptyRule } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'
import { readOptions } from '../_testing/read-options.ts'
import { recent } from './recent.ts'

const place: RulePlace = { family: 'ipv4', table: 'filter', hooks: ['INPUT'], profile: linux618 }

/** Canonical text, or what refuses: `exit 2 CODE` for iptables, `exit 1 CODE` for the kernel. */
function roundTrip(text: string, family: 'ipv4' | 'ipv6'): string {
  try {
    const data = readOptions(recent, text, { family })
    const refusal = recent.check!(data, emptyRule, place)
    return refusal === null ? recent.print(data, family) : `exit 1 ${refusal.code}`
  } catch (error) {
    if (error instanceof RefusedError) return `exit 2 ${error.refusal.code}`
    throw error
  }
}

describe('text', () => {
  it.each([
    ['--set', '--set --name DEFAULT --mask 255.255.255.255 --rsource'],
    ['! --set --rdest', '! --set --name DEFAULT --mask 255.255.255.255 --rdest'],
    ['--rdest --rsource --set', '--set --name DEFAULT --mask 255.255.255.255 --rsource'],
    ['--rsource --rdest --set', '--set --name DEFAULT --mask 255.255.255.255 --rdest'],
    [
      '--rttl --hitcount 010 --reap --seconds 0x10 --name a-b --mask 255.0.255.0 --update',
      '--update --seconds 16 --reap --hitcount 8 --rttl --name a-b --mask 255.0.255.0 --rsource',
    ],
    ['--rcheck --hitcount 0', '--rcheck --name DEFAULT --mask 255.255.255.255 --rsource'],
    ['--set --mask 24', '--set --name DEFAULT --mask 0.0.0.24 --rsource'],
    ['--set --mask 255.255.255', '--set --name DEFAULT --mask 255.255.0.255 --rsource'],
    ['--set --mask /24', 'exit 2 bad-address'],
    [`--set --name ${'n'.repeat(300)}`, `--set --name ${'n'.repeat(199)} --mask 255.255.255.255 --rsource`],
    [
      '--rcheck --hitcount 65535',
      '--rcheck --hitcount 65535 --name DEFAULT --mask 255.255.255.255 --rsource',
    ],
    ['--rcheck --hitcount 65536', 'exit 1 recent/hitcount-too-large'],
    ['--set --hitcount 1', 'exit 1 recent/condition-without-check'],
    ['--remove --seconds 1', 'exit 1 recent/condition-without-check'],
    ['--set --name ""', 'exit 1 recent/bad-name'],
    ['--set --name ..', 'exit 1 recent/bad-name'],
    ['--set --name a/b', 'exit 1 recent/bad-name'],
    ['--set --name ...', '--set --name ... --mask 255.255.255.255 --rsource'],
    ['--name a', 'exit 2 recent/no-mode'],
    ['--rcheck --seconds 0', 'exit 2 out-of-range'],
    ['--rcheck --seconds 4294967296', 'exit 2 out-of-range'],
  ])('%s', (text, expected) => {
    expect(roundTrip(text, 'ipv4')).toBe(expected)
  })

  it.each([
    ['--set', '--set --name DEFAULT --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource'],
    ['--set --mask ffff:ffff::', '--set --name DEFAULT --mask ffff:ffff:: --rsource'],
    ['--set --mask 64', 'exit 2 bad-address'],
  ])('IPv6 %s', (text, expected) => {
    expect(roundTrip(text, 'ipv6')).toBe(expected)
  })

  it.each(recent.examples)('prints as written: %s', (text) => {
    expect(roundTrip(text, 'ipv4')).toBe(text)
  })
})

it('tells a mask left out from the same mask written: iptables -D does', () => {
  const written = readOptions(recent, '--set --mask 255.255.255.255')
  expect(readOptions(recent, '--set')).not.toEqual(written)
  const written6 = readOptions(recent, '--set --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', {
    family: 'ipv6',
  })
  expect(readOptions(recent, '--set', { family: 'ipv6' })).toEqual(written6)
})

it('declares what may not stand together', () => {
  expect(recent.options.set?.excludes).toEqual(['rcheck', 'update', 'remove'])
  expect(recent.options.rttl?.excludes).toEqual(['set', 'remove'])
  expect(recent.options.reap?.needs).toEqual(['seconds'])
})
