import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, v4, v6, wrap } from './_testing/packets.ts'
import {
  type Address,
  addressBits,
  addressOf,
  type Family,
  maskAddress,
  maskOfLength,
  parseAddress,
  prefixContains,
  printAddress,
} from './address.ts'
import { PrefixTrie, type TrieEntry } from './prefix-trie.ts'

const print = (entry: TrieEntry<unknown> | null): string =>
  entry === null ? 'nothing' : `${printAddress(entry.address)}/${entry.length} ${entry.value}`

function trieOf(family: Family, prefixes: readonly string[]): PrefixTrie<string> {
  const trie = new PrefixTrie<string>(family)
  for (const text of prefixes) {
    const [address, length] = text.split('/')
    trie.set(parseAddress(address!)!, Number(length), text)
  }
  return trie
}

describe('the narrowest prefix wins', () => {
  const trie = trieOf('ipv4', [
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.2.0/24',
    '10.1.2.3/32',
    '128.0.0.0/1',
    '10.1.3.0/24',
  ])
  it.each([
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.4', '10.1.2.0/24'],
    ['10.1.4.4', '10.1.0.0/16'],
    ['10.2.0.0', '10.0.0.0/8'],
    ['11.0.0.0', 'nothing'],
    ['255.255.255.255', '128.0.0.0/1'],
    ['::1', 'nothing'],
  ])('%s: %s', (address, prefix) =>
    expect(print(trie.match(parseAddress(address)!)).split(' ')[0]).toBe(prefix))

  it('a length of zero contains all', () => {
    expect(print(trieOf('ipv6', ['::/0', '2001:db8::/32']).match(parseAddress('2001:db9::')!))).toBe(
      '::/0 ::/0',
    )
  })

  it('is found for the addresses of a packet', () => {
    const packets = {
      ipv4: decoded(wrap(v4, 99, new Uint8Array(0))),
      ipv6: decoded(wrap(v6, 99, new Uint8Array(0))),
    }
    const four = trieOf('ipv4', ['198.51.0.0/16', '198.51.100.0/25', '198.51.100.8/32'])
    expect(four.valueAt(packets.ipv4, packets.ipv4.sourceOffset)).toBe('198.51.100.0/25')
    expect(four.valueAt(packets.ipv4, packets.ipv4.destinationOffset)).toBe(undefined)
    const six = trieOf('ipv6', ['2001:db8::/33', '2001:db8:1::/127'])
    expect(six.valueAt(packets.ipv6, packets.ipv6.destinationOffset)).toBe('2001:db8:1::/127')
  })
})

it.each([33, -1, 1.5, Number.NaN])('refuses the length %d', (length) => {
  expect(() => new PrefixTrie('ipv4').set(parseAddress('1.2.3.4')!, length, 0)).toThrow(RangeError)
})

it('refuses the other family', () => {
  expect(() => new PrefixTrie('ipv4').set(parseAddress('::')!, 0, 0)).toThrow('a trie of ipv4 holds no ipv6')
})

/** The slow twin: a list of prefixes. */
class Naive {
  readonly entries = new Map<string, TrieEntry<number>>()

  set(address: Address, length: number, value: number): void {
    const masked = maskAddress(address, maskOfLength(address.family, length))
    this.entries.set(`${printAddress(masked)}/${length}`, { address: masked, length, value })
  }

  match(address: Address): TrieEntry<number> | null {
    let best: TrieEntry<number> | null = null
    for (const entry of this.entries.values()) {
      const mask = maskOfLength(address.family, entry.length)
      if (prefixContains({ address: entry.address, mask }, address) && (best?.length ?? -1) < entry.length)
        best = entry
    }
    return best
  }

  sorted(): TrieEntry<number>[] {
    const key = ({ address, length }: TrieEntry<number>): string =>
      [...address.words, length].map((word) => word.toString(16).padStart(8, '0')).join()
    return [...this.entries.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  }
}

describe.each(['ipv4', 'ipv6'] as const)('answers as a list does (%s)', (family) => {
  // Few distinct words and lengths near word borders make prefixes nest and collide.
  const word = fc.oneof(
    fc.constantFrom(0, 1, 0x80000000, 0xffffffff, 0x7fffffff, 0x0a000000, 0x0a010203),
    fc.integer({ min: 0, max: 0xffffffff }),
  )
  const words = addressBits(family) / 32
  const address = fc
    .array(word, { minLength: words, maxLength: words })
    .map((list) => addressOf(family, list))
  const length = fc.oneof(
    fc.constantFrom(0, 1, 8, 31, 32, addressBits(family) - 1, addressBits(family)),
    fc.integer({ min: 0, max: addressBits(family) }),
  )
  const action = fc.tuple(fc.constantFrom('set', 'set', 'set', 'delete'), address, length)

  it('after any sets and deletes', () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.array(address, { maxLength: 20 }),
        (actions, probes) => {
          const trie = new PrefixTrie<number>(family)
          const naive = new Naive()
          for (const [value, [kind, at, bits]] of actions.entries()) {
            const masked = maskAddress(at, maskOfLength(family, bits))
            const name = `${printAddress(masked)}/${bits}`
            expect(trie.get(at, bits)).toBe(naive.entries.get(name)?.value)
            if (kind === 'set') {
              trie.set(at, bits, value)
              naive.set(at, bits, value)
            } else {
              expect(trie.delete(at, bits)).toBe(naive.entries.delete(name))
            }
          }
          expect(trie.size).toBe(naive.entries.size)
          expect([...trie]).toEqual(naive.sorted())
          for (const probe of [...probes, ...actions.map(([, at]) => at)]) {
            expect(print(trie.match(probe))).toBe(print(naive.match(probe)))
          }
          for (const { address: at, length: bits } of naive.sorted()) trie.delete(at, bits)
          expect([...trie]).toEqual([])
        },
      ),
      { numRuns: 1000 },
    )
  })
})

it('holds 100,000 prefixes, and finds each', () => {
  const trie = new PrefixTrie<number>('ipv6')
  const at = (index: number): Address => addressOf('ipv6', [0x20010000 + (index >>> 8), index << 24, 0, 0])
  for (let index = 0; index < 100_000; index++) trie.set(at(index), 48, index)
  expect(trie.size).toBe(100_000)
  for (let index = 0; index < 100_000; index += 997) expect(trie.match(at(index))?.value).toBe(index)
  for (let index = 0; index < 100_000; index++) trie.delete(at(index), 48)
  expect(trie.size).toBe(0)
})
