import { describe, expect, it } from 'vitest'
import { rulesOf } from '../../engine/_testing/journey-case.ts'
import { Host } from '../../engine/host.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import { printTarget } from '../../lang/print.ts'
import { actingHost } from '../_testing/compare-acts.ts'
import { registry } from '../registry.ts'
import { SET } from './SET.ts'

/** The target as it is printed, or the code of the refusal. */
function read(text: string, sets?: readonly string[]): string {
  const known = sets === undefined ? {} : { sets: new Map(sets.map((name) => [name, null])) }
  const { rules, diagnostics } = parseRuleText(`-j SET ${text}`, {
    family: 'ipv4',
    syntax: registry,
    ...known,
  })
  const [rule] = rules
  return rule === undefined
    ? diagnostics[0]!.code
    : printTarget(rule.target, { family: 'ipv4', syntax: registry }).replace(' -j SET ', '')
}

// Read from iptables 1.8.9 with sets of these names.
describe('text', () => {
  it.each([
    ['--add-set a src', '--add-set a src'],
    ['--timeout 60 --exist --add-set a source,destination', 'SET/bad-side'],
    ['--timeout 60 --exist --add-set a src,dstx', '--add-set a src,dst --exist --timeout 60'],
    ['--del-set b dst --add-set a src', '--add-set a src --del-set b dst'],
    ['--map-set a src --map-queue --map-mark', '--map-set a src --map-mark --map-queue'],
    ['--add-set a src,src,src,src,src,src,src', 'SET/too-many-sides'],
    [`--add-set ${'x'.repeat(32)} src`, 'SET/name-too-long'],
    ['--exist', 'SET/no-set-named'],
    ['--del-set a src --exist', 'SET/needs'],
    ['--del-set a src --timeout 1', 'SET/needs'],
    ['--add-set a src --timeout 4294967295', 'SET/out-of-range'],
    ['--add-set a src --map-mark', 'SET/needs'],
    ['--map-set a src', 'SET/no-map'],
  ])('%s', (text, expected) => expect(read(text)).toBe(expected))

  it('lists the words without dashes', () => {
    const data = SET.parse(
      { 'add-set': seen({ name: 'a', sides: ['src', 'dst'] }), exist: seen(true) },
      {} as never,
      [],
    )
    expect(SET.list!(data, {} as never)).toBe(' add-set a src,dst exist')
  })
})

const seen = (value: unknown) => ({ value, inverted: false, as: '', span: null })

it('names sets that there are, where that is known', () => {
  expect(read('--add-set a src', ['a'])).toBe('--add-set a src')
  expect(read('--add-set b src', ['a'])).toBe('SET/no-set')
})

it('finds no sets on a host', () => {
  const refusals = new Host(actingHost).load(
    rulesOf('*filter\n-A INPUT -j SET --add-set a src\nCOMMIT', 'ipv4'),
  )
  expect(refusals.map(({ code }) => code)).toEqual(['SET/no-set'])
})
