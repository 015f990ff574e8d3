import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linux618 } from '../lang/profile.ts'
import { type Address, addressOf, parseAddress, printAddress } from '../net/address.ts'
import { RecentSlab } from './recent-list.ts'

const whole = parseAddress('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')!

/** The same list in the plainest way: arrays in the order of arrival and of use. */
class PlainList {
  readonly #most: number
  readonly #slots: number
  arrival: { key: string; stamps: number[]; index: number }[] = []
  use: string[] = []

  constructor(most: number, slots: number) {
    this.#most = most
    this.#slots = slots
  }

  set(key: string, jiffies: number): void {
    const found = this.arrival.find((one) => one.key === key)
    if (found === undefined) {
      if (this.arrival.length >= this.#most) this.remove(this.use[0]!)
      this.arrival.push({ key, stamps: [jiffies], index: 1 })
    } else {
      const slot = found.index % this.#slots
      found.stamps[slot] = jiffies
      found.index = slot + 1
    }
    this.use = [...this.use.filter((one) => one !== key), key]
  }

  remove(key: string): void {
    this.arrival = this.arrival.filter((one) => one.key !== key)
    this.use = this.use.filter((one) => one !== key)
  }

  reap(before: number, spared: string | null): void {
    const head = this.use[0]
    if (head === undefined || head === spared) return
    const { stamps, index } = this.arrival.find(({ key }) => key === head)!
    if (stamps[index - 1]! < before) this.remove(head)
  }
}

const pool: Address[] = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.3',
  '0.0.0.0',
  '::',
  '::1',
  '2001:db8::1',
  'a00:1::',
].map((text) => parseAddress(text)!)

describe('RecentSlab', () => {
  it('does what a plain list does, in whatever order', () => {
    const step = fc.record({
      what: fc.constantFrom('set', 'set', 'set', 'remove', 'reap', 'flush'),
      who: fc.constantFrom(...pool),
      age: fc.nat(8),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 80 }), (most, steps) => {
        const profile = { ...linux618, recentListTotal: most }
        const list = new RecentSlab('a', whole, 4, profile)
        let plain = new PlainList(most, 4)
        steps.forEach(({ what, who, age }, jiffies) => {
          const key = printAddress(who)
          const entry = list.lookup(who, 0)
          expect(entry >= 0).toBe(plain.use.includes(key))
          if (what === 'set') {
            if (entry < 0) list.add(who, 0, jiffies)
            else list.stamp(entry, jiffies)
            plain.set(key, jiffies)
          } else if (what === 'remove' && entry >= 0) {
            list.remove(entry)
            plain.remove(key)
          } else if (what === 'reap') {
            list.reap(jiffies - age, entry)
            plain.reap(jiffies - age, entry < 0 ? null : key)
          } else if (what === 'flush' && age === 0) {
            list.flush()
            plain = new PlainList(most, 4)
          }
          expect(list.addresses().map(printAddress)).toEqual(plain.arrival.map((one) => one.key))
          expect(list.lines().map((line) => line.replace(/^.* oldest_pkt: \d+ /, ''))).toEqual(
            plain.arrival.map((one) => one.stamps.join(', ')),
          )
        })
      }),
      { numRuns: 300 },
    )
  })

  it('takes at most 120 bytes an address where a million of them have rings of eight stamps', () => {
    const million = 2 ** 20
    const before = process.memoryUsage()
    const list = new RecentSlab('a', whole, 8, { ...linux618, recentListTotal: million })
    for (let one = 0; one < million; one++) list.add(addressOf('ipv4', [0x0a000000 + one * 7]), 64, 1)
    const after = process.memoryUsage()
    expect(list.size).toBe(million)
    const bytes = after.arrayBuffers - before.arrayBuffers
    expect(bytes / million).toBeGreaterThan(64)
    expect(bytes / million).toBeLessThanOrEqual(120)
  })
})
