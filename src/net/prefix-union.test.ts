import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lengthOfMask, parsePrefix } from './address.ts'
import { PrefixUnion } from './prefix-union.ts'

const unionOf = (text: string): PrefixUnion => {
  const union = new PrefixUnion()
  for (const each of text.split(' ').filter((word) => word !== '')) {
    const { address, mask } = parsePrefix(each)!
    const length = lengthOfMask(mask)!
    if (address.family === 'ipv4') union.addIpv4(address.words[0]!, length)
    else union.addIpv6(address, length)
  }
  return union
}
const merged = (text: string) => {
  const union = unionOf(text)
  return [...union.merged('ipv4'), ...union.merged('ipv6')].join(' ')
}

describe('the fewest prefixes', () => {
  it.each([
    ['', ''],
    ['10.0.0.0/25 10.0.0.128/25', '10.0.0.0/24'],
    ['10.0.1.0/24 10.0.2.0/24', '10.0.1.0/24 10.0.2.0/24'],
    ['10.0.2.0/24 10.0.1.0/24 10.0.3.0/24 10.0.0.0/24', '10.0.0.0/22'],
    ['10.0.0.0/8 10.1.2.3 10.1.0.0/16', '10.0.0.0/8'],
    ['10.0.0.77/24', '10.0.0.0/24'],
    ['0.0.0.0/1 128.0.0.0/1', '0.0.0.0/0'],
    ['255.255.255.255 255.255.255.254', '255.255.255.254/31'],
    ['2001:db8::/33 2001:db8:8000::/33', '2001:db8::/32'],
    ['2001:db8::1 2001:db8::2 2001:db8::3', '2001:db8::1/128 2001:db8::2/127'],
    ['::/1 8000::/1', '::/0'],
    ['2001:db8::/32 192.0.2.0/24 2001:db8::7', '192.0.2.0/24 2001:db8::/32'],
  ])('%s is %s', (given, expected) => expect(merged(given)).toBe(expected))

  it('cover the same addresses, none could be joined, and merging them again changes nothing', () => {
    const small = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 26, max: 32 }))
    fc.assert(
      fc.property(fc.array(small, { maxLength: 12 }), fc.constantFrom('ipv4', 'ipv6'), (prefixes, family) => {
        const text = prefixes
          .map(([last, length]) =>
            family === 'ipv4' ? `192.0.2.${last}/${length}` : `2001:db8::${last.toString(16)}/${length + 96}`,
          )
          .join(' ')
        const union = unionOf(text)
        const fewest = union.merged(family)
        const again = unionOf(fewest.join(' '))
        expect(again.merged(family)).toEqual(fewest)
        for (let at = 0; at < 64; at++) {
          const { address } = parsePrefix(
            family === 'ipv4' ? `192.0.2.${at}` : `2001:db8::${at.toString(16)}`,
          )!
          expect(again.has(address)).toBe(union.has(address))
          expect(union.has(address)).toBe(
            prefixes.some(([last, length]) => at >> (32 - length) === last >> (32 - length)),
          )
        }
        // Two that could be joined would be one.
        const isJoined = fewest.every((each, at) => {
          const next = fewest[at + 1]
          return next === undefined || unionOf(`${each} ${next}`).merged(family).length === 2
        })
        expect(isJoined).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})
