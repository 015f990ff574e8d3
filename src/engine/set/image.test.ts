import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runIpset } from '../../lang/ipset/program.ts'
import type { HashSet } from './hash-set.ts'
import { decodeImage, encodeImage } from './image.ts'
import { Sets } from './sets.ts'

const create = [
  'hash:net',
  'hash:net timeout 60 counters comment',
  'hash:ip skbinfo hashsize 64',
  'hash:net,iface bucketsize 2',
  'hash:ip,port counters',
  'hash:net family inet6 timeout 9',
]

const run = (sets: Sets, text: string, now: number) => runIpset(['restore'], text, sets.at(now))
const saved = (sets: Sets, now: number) => runIpset(['save'], '', sets.at(now)).stdout

function element(type: string, word: number): string {
  const ip = type.includes('inet6')
    ? `2001:db8::${(word & 0xffff).toString(16)}`
    : [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.')
  if (type.includes('port')) return `${ip},tcp:${word % 9}`
  if (type.includes('iface')) return `${ip},eth${word % 5}`
  return ip
}

describe.each(create)('the image of %s', (type) => {
  it('goes on as the set did', () => {
    const words = fc.array(fc.integer({ min: 1, max: 0xfffffff }), { maxLength: 200 })
    fc.assert(
      fc.property(words, words, fc.array(fc.nat(150), { maxLength: 60 }), (before, after, gone) => {
        const extras = type.includes('comment') ? ' packets 3 bytes 4 comment "x y"' : ''
        const add = (some: readonly number[]) =>
          some.map((word) => `add -! a ${element(type, word)}${extras}\n`).join('')
        const remove = gone
          .filter((at) => at < before.length)
          .map((at) => `del -! a ${element(type, before[at]!)}\n`)
          .join('')
        const first = new Sets({ hz: 250, random: () => 7 })
        const made = run(first, `create a ${type}\n${add(before)}${remove}`, 100)
        expect(made.stderr).toBe('')
        const second = new Sets({ hz: 250, random: () => 7 })
        run(second, `create a ${type}\n`, 100)
        const image = decodeImage(encodeImage((first.slot('a')!.set as HashSet).image()))!
        const set = second.slot('a')!.set as HashSet
        expect(set.become(image)).toBe(true)
        expect(saved(second, 100)).toBe(saved(first, 100))
        for (const sets of [first, second]) run(sets, add(after), 200)
        expect(saved(second, 300)).toBe(saved(first, 300))
        expect(saved(second, 9000)).toBe(saved(first, 9000))
      }),
      { numRuns: 40 },
    )
  })
})

it('what is no image, or of another set, is refused', () => {
  const sets = new Sets({ hz: 250, random: () => 7 })
  run(sets, 'create a hash:net counters\nadd a 1.2.3.0/24\ncreate b hash:net\ncreate c hash:ip\n', 0)
  const bytes = encodeImage((sets.slot('a')!.set as HashSet).image())
  for (const length of [0, 4, 7, 20, bytes.length - 9]) expect(decodeImage(bytes.slice(0, length))).toBeNull()
  expect(decodeImage(bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)))).toBeNull()
  for (const name of ['b', 'c'])
    expect((sets.slot(name)!.set as HashSet).become(decodeImage(bytes)!)).toBe(false)
})
