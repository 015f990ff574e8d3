import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePrefix } from '../net/address.ts'
import type { PrefixUnion } from '../net/prefix-union.ts'
import { type Database, encodeDatabase, encodeField, type Field, pointer } from './_testing/mmdb.ts'
import { readMmdb } from './mmdb.ts'
import { readZone, ZoneRefused } from './zone.ts'

const printed = (union: PrefixUnion | undefined) =>
  [...union!.merged('ipv4'), ...union!.merged('ipv6')].join(' ')

const network = (text: string, record: Field) => {
  const { address } = parsePrefix(text)!
  return { words: address.words, length: Number(text.split('/')[1]), record }
}
const country = (code: string): Field => ({
  continent: { code: 'EU', names: { de: 'Europa' } },
  country: { iso_code: code },
})

const networks = [
  network('1.0.1.0/24', country('CN')),
  network('1.0.2.0/23', country('CN')),
  network('5.6.7.8/32', { country: 'DE', registered_country: { iso_code: 'FR' } }),
  network('5.7.0.0/16', { country_code: 'de' }),
  network('6.0.0.0/7', {
    registered_country: { iso_code: 'US' },
    traits: [{ is_satellite_provider: true }, 7],
  }),
  network('9.0.0.0/8', { continent: { code: 'EU' } }),
]
const ipv6 = [network('2a00:1::/32', country('DE')), network('2a00:2::1/128', country('CN'))]
const wanted = new Set(['cn', 'de', 'us'])
const expected = {
  cn: '1.0.1.0/24 1.0.2.0/23',
  de: '5.6.7.8/32 5.7.0.0/16',
  us: '6.0.0.0/7',
}
const read = (bytes: Uint8Array) =>
  Object.fromEntries([...readMmdb(bytes, wanted)].map(([code, union]) => [code, printed(union)]))

describe('a database of MaxMind’s form', () => {
  it.each([24, 28, 32] as const)('records of %i bits', (recordBits) => {
    expect(read(encodeDatabase({ recordBits, ipVersion: 4, networks }))).toEqual(expected)
    expect(read(encodeDatabase({ recordBits, networks: [...networks, ...ipv6] }))).toEqual({
      ...expected,
      cn: `${expected.cn} 2a00:2::1/128`,
      de: `${expected.de} 2a00:1::/32`,
    })
  })

  it.each([28, 32] as const)('%i bits reach further than 24', (recordBits) => {
    const bytes = encodeDatabase({ recordBits, ipVersion: 4, gap: 5 << 23, networks })
    expect(read(bytes)).toEqual(expected)
  })

  it('IPv4 is read once, wherever else the tree leads to it', () => {
    const bits = (text: string, length: number) =>
      parsePrefix(`${text}/${length}`)!
        .address.words.map((word) => word.toString(2).padStart(32, '0'))
        .join('')
        .slice(0, length)
    const aliases = [bits('::ffff:0:0', 96), bits('2002::', 16), bits('2001::', 32)]
    expect(read(encodeDatabase({ networks, aliases }))).toEqual(expected)
  })

  it.each([1, 2, 3, 4] as const)('pointers of %i bytes', (bytes) => {
    const at = [0, 3000, 530_000, 7][bytes - 1]!
    const filler = network('9.0.0.0/8', Uint8Array.from({ length: at }))
    const target = network('2.0.0.0/8', country('DE'))
    const pointed = network('3.0.0.0/8', pointer(at, bytes))
    const inside = network('4.0.0.0/8', { country: pointer(at, bytes), country_code: 'cn' })
    const database = {
      ipVersion: 4,
      networks: [...(at === 0 ? [] : [filler]), target, pointed, inside],
    } as const
    expect(read(encodeDatabase(database))).toMatchObject({ de: '2.0.0.0/7', cn: '4.0.0.0/8' })
  })

  it('what was written is read', () => {
    const prefix = fc.tuple(
      fc.integer({ min: 11, max: 99 }),
      fc.integer({ min: 0, max: 65_535 }),
      fc.constantFrom('CN', 'DE', 'FR'),
    )
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 60 }), fc.constantFrom(24, 28, 32), (drawn, recordBits) => {
        const lines = new Map(
          drawn.map(([first, rest, code]) => [`${first}.${rest >> 8}.${rest & 255}.0/24`, code]),
        )
        const bytes = encodeDatabase({
          recordBits,
          networks: [
            network('1.0.0.0/24', country('CN')),
            ...[...lines].map(([text, code]) => network(text, country(code))),
          ],
        })
        const own = ['1.0.0.0/24', ...[...lines].filter(([, code]) => code === 'CN').map(([text]) => text)]
        expect(read(bytes).cn).toBe(printed(readZone(own.join('\n'))))
      }),
    )
  })
})

describe('what is no such database, or a hostile one, is refused', () => {
  const cn = network('1.0.0.0/24', country('CN'))
  const refusal = (bytes: Uint8Array): string => {
    try {
      return JSON.stringify(read(bytes))
    } catch (error) {
      if (!(error instanceof ZoneRefused)) throw error
      return error.message
    }
  }
  const nested = (depth: number): Field => (depth === 0 ? 'x' : { country: nested(depth - 1) })
  const twice = Uint8Array.from([
    0xe2,
    ...encodeField('country'),
    0xc1,
    1,
    ...encodeField('country'),
    0xc1,
    1,
  ])
  it.each<[string, Partial<Database>, RegExp]>([
    ['a version to come', { metadata: { binary_format_major_version: 3 } }, /version 3/],
    ['records of 20 bits', { metadata: { record_size: 20 } }, /records of 20 bits/],
    ['more nodes than bytes', { metadata: { node_count: 4_000_000_000 } }, /4000000000 nodes do not fit/],
    ['no nodes', { metadata: { node_count: 0 } }, /0 nodes/],
    ['no number of nodes', { metadata: { node_count: 'many' } }, /no node_count/],
    ['IPv5', { metadata: { ip_version: 5 } }, /version 5/],
    [
      'a tree that is called one of IPv4',
      { networks: [cn, ...ipv6], metadata: { ip_version: 4 } },
      /deeper than/,
    ],
    ['the whole internet', { networks: [network('0.0.0.0/1', country('CN'))] }, /\/1 is wider/],
    ['all of IPv6', { networks: [network('2000::/3', country('CN'))] }, /\/3 is wider/],
    [
      'a wide network with nobody’s in it',
      { networks: [network('8.0.0.0/6', country('CN'))] },
      /10\.0\.0\.0\/8 belongs/,
    ],
    [
      'a private network',
      { networks: [network('192.168.1.0/24', country('CN'))] },
      /192\.168\.0\.0\/16 belongs/,
    ],
    ['links of IPv6', { networks: [network('fe80::/64', country('CN'))] }, /only networks of 2000::\/3/],
    ['a pointer to itself', { networks: [network('1.0.0.0/24', pointer(0, 1))] }, /leads to a pointer/],
    ['a map in itself', { networks: [network('1.0.0.0/24', { country: pointer(0, 1) })] }, /nest too deep/],
    [
      'a pointer to nowhere',
      { networks: [network('1.0.0.0/24', pointer(2_000_000, 4))] },
      /ends behind the data/,
    ],
    [
      'a text that ends behind the file',
      { networks: [network('1.0.0.0/24', Uint8Array.of(0x5c))] },
      /ends behind the data/,
    ],
    ['nests', { networks: [network('1.0.0.0/24', nested(40))] }, /nest too deep/],
    ['a field twice', { networks: [network('1.0.0.0/24', twice)] }, /a field twice/],
    [
      'a number as a name',
      { networks: [network('1.0.0.0/24', Uint8Array.of(0xe1, 0xc1, 1, 0xc1, 1))] },
      /no short text/,
    ],
  ])('%s', (_, database, message) => {
    expect(refusal(encodeDatabase({ networks: [cn], ...database }))).toMatch(message)
  })

  it('a tree that leads back to its root', () => {
    const bytes = encodeDatabase({ ipVersion: 4, networks: [cn] })
    bytes.set([0, 0, 0], 3)
    expect(refusal(bytes)).toMatch(/branches that meet/)
  })

  it('a bomb of pointers is passed over', () => {
    // Six maps, each with 28 pointers to the next: 28^6 values.
    const level = (next: number): Field =>
      Object.fromEntries(Array.from({ length: 28 }, (_, name) => [`${name}`, pointer(next, 4)]))
    const size = encodeField(level(0)).length
    const bomb = Array.from({ length: 6 }, (_, at) => network(`20.${at}.0.0/24`, level((at + 1) * size)))
    const bytes = encodeDatabase({ networks: [...bomb, network('21.0.0.0/24', country('CN'))] })
    expect(read(bytes).cn).toBe('21.0.0.0/24')
  })

  it.each(['', '<html>', 'MaxMind.com', '\u00ab\u00cd\u00efMaxMind.com'])('%j', (text) => {
    expect(refusal(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))).toMatch(
      /no MaxMind|behind the data/,
    )
  })

  it('damaged ones are read or refused, and nothing else', () => {
    const bytes = encodeDatabase({ networks: [...networks, ...ipv6] })
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(damage, fc.nat(bytes.length), (strokes, length) => {
        const damaged = bytes.slice(0, strokes.length % 2 === 0 ? bytes.length : length)
        for (const [at, byte] of strokes) if (at < damaged.length) damaged[at] = byte
        expect(typeof refusal(damaged)).toBe('string')
      }),
      { numRuns: 500 },
    )
  })
})
